//go:build linux

package proxy

import (
	"bytes"
	"net/netip"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"mqttlb/proxy/opening"
	"mqttlb/proxy/rate"
)

// The rest is read in the same turn, into the same scratch buffer.
func TestConnectLargerThanTheScratchBufferIsKeptWhole(t *testing.T) {
	l, s, client, _ := pumpRig(t)
	l.current.MaxConnectSize = 1 << 20
	l.server.rate, l.server.loopGuard, l.server.bans, l.server.clientIDs = rate.NewLimiter(0), newLoopGuard(), newBans(), newClientIDs()
	field := append([]byte{0xff, 0xff}, bytes.Repeat([]byte("x"), 0xffff)...)
	connect := append([]byte("\x10\x8d\x80\x0c\x00\x04MQTT\x04\xc2\x00\x3c"), bytes.Repeat(field, 3)...)
	connect[1], connect[2], connect[3] = byte((len(connect)-4)&0x7f|0x80), byte((len(connect)-4)>>7&0x7f|0x80), byte((len(connect)-4)>>14)
	s.step, s.pending = stepOpen, &pending{
		Opening: opening.New(l.current.Snapshot, l.current.Listeners[0], netip.AddrPort{}), generation: l.current, listener: l.current.Listeners[0],
	}
	rest := connect
	for len(rest) > 0 {
		n, err := unix.Write(client, rest)
		if err != nil && err != unix.EAGAIN {
			t.Fatal(err)
		}
		rest = rest[max(n, 0):]
		s.client.readable = true
		if next := l.open(s); next == stepDial {
			break
		} else if next != stepWait {
			t.Fatalf("step %d after %d bytes", next, len(connect)-len(rest))
		}
		s.pending.Keep()
	}
	if !bytes.Equal(s.pending.bytes, connect) || s.clientID() != strings.Repeat("x", loggedID) || s.username() != s.clientID() {
		t.Errorf("%d of %d bytes, or others, of %q and %q", len(s.pending.bytes), len(connect), s.clientID(), s.username())
	}
}
