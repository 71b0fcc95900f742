package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"time"

	"mqttlb/proxy/reactor"
)

// maxAudited is how many changes an audit line names; the lines before it name all.
const maxAudited = 20

// origin is who has asked for a change.
type origin struct {
	who   string      // SIGHUP, file or socket
	attrs []slog.Attr // what is known of them
}

var (
	bySignal = origin{who: "SIGHUP"}
	byFile   = origin{who: "file"} // it has changed, and --watch has seen it
)

// socketOrigin is the process at the other end of a connection of the admin socket.
func socketOrigin(c net.Conn) origin {
	o := origin{who: "socket"}
	if limited, ok := c.(*limitedConn); ok {
		c = limited.Conn
	}
	if c, ok := c.(*net.UnixConn); ok {
		if peer, err := reactor.PeerCredentials(c); err == nil {
			o.attrs = []slog.Attr{slog.Int64("uid", int64(peer.UID)), slog.Int64("pid", int64(peer.PID))}
		}
	}
	return o
}

// audit writes the one line that a change leaves, whatever the level of the log:
// who has asked for what, and the states before and after.
func audit(log *slog.Logger, by origin, action string, attrs ...slog.Attr) {
	r := slog.NewRecord(time.Now(), slog.LevelInfo, "audit", 0)
	r.AddAttrs(slog.String("who", by.who))
	r.AddAttrs(by.attrs...)
	r.AddAttrs(slog.String("action", action))
	r.AddAttrs(attrs...)
	_ = log.Handler().Handle(context.Background(), r) // there is nobody to tell
}

// summarize lists changes as an audit line has them.
func summarize(changes []change) string {
	var parts []string
	for i, c := range changes {
		if i == maxAudited {
			parts = append(parts, fmt.Sprintf("%d more", len(changes)-i))
			break
		}
		parts = append(parts, c.Name+" "+c.Action)
	}
	return strings.Join(parts, ", ")
}
