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

// maxAudited is how many changes an audit line names. Each change also has a log line of
// its own.
const maxAudited = 20

// origin is the source of a request for a change.
type origin struct {
	who   string      // SIGHUP, file or socket
	attrs []slog.Attr // of socket: the user and process ID of the peer
}

var (
	bySignal = origin{who: "SIGHUP"}
	byFile   = origin{who: "file"} // --watch has seen a file change
)

// socketOrigin is the peer of a connection to the admin socket.
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

// audit writes the audit line of a change, whatever the level of the log: its origin,
// the action, and the state before and after.
func audit(log *slog.Logger, by origin, action string, attrs ...slog.Attr) {
	r := slog.NewRecord(time.Now(), slog.LevelInfo, "audit", 0)
	r.AddAttrs(slog.String("who", by.who))
	r.AddAttrs(by.attrs...)
	r.AddAttrs(slog.String("action", action))
	r.AddAttrs(attrs...)
	_ = log.Handler().Handle(context.Background(), r) // an error of the log has nowhere to go
}

// summarize lists changes for an audit line, at most maxAudited of them.
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
