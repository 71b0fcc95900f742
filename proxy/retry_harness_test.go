package proxy

import (
	"errors"
	"net"
	"slices"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	gorilla "github.com/gorilla/websocket"

	"mqttlb/mqttparse"
	"mqttlb/proxy/snapshot"
)

// stubs are nodes whose connections are handled by one stub after the other, whichever node gets them.
type stubs struct {
	addresses []string
	met       atomic.Int32 // connections
}

// startStubs starts two nodes. The last stub has all further connections.
func (m mode) startStubs(t *testing.T, handle ...func(net.Conn)) *stubs {
	t.Helper()
	s := &stubs{}
	next := func(c net.Conn) {
		n := int(s.met.Add(1))
		handle[min(n, len(handle))-1](c)
	}
	for range max(2, len(handle)) {
		s.addresses = append(s.addresses, m.startNode(t, next).address())
	}
	return s
}

// confirming has clients go on to the next candidate.
func confirming(s *snapshot.Snapshot) {
	s.Listeners[0].Pool.Confirm = snapshot.Confirm{Attempts: 10, Time: patience}
}

// accepts answers like a broker, and echoes.
func accepts(t *testing.T) func(net.Conn) { return (&node{t: t}).serve }

// readConnectFrom reads until a CONNECT and more bytes behind it have come, and returns all of them.
func readConnectFrom(c net.Conn, more int) []byte {
	var sent []byte
	b := make([]byte, 128<<10)
	for {
		n, err := c.Read(b)
		if sent = append(sent, b[:n]...); err != nil {
			return sent
		}
		if length, err := new(mqttparse.Connect).Parse(sent, 1<<20); err == nil && len(sent) >= length+more {
			return sent
		}
	}
}

// says answers the CONNECT with b, and waits for the end of the connection, which must be a reset if the
// client goes on to another node.
func says(t *testing.T, b []byte, ends func(error) bool) func(net.Conn) {
	return func(c net.Conn) {
		readConnectFrom(c, 0)
		_, _ = c.Write(b)
		for {
			if _, err := c.Read(make([]byte, 1024)); err != nil {
				if !ends(err) {
					t.Errorf("a node that has said % x sees the end %v", b, err)
				}
				return
			}
		}
	}
}

// byReset reports whether the end of a connection is a reset.
func byReset(err error) bool { return errors.Is(err, syscall.ECONNRESET) }

// anyEnd allows every end of a connection.
func anyEnd(error) bool { return true }

// closes ends the connection in place of an answer.
func closes(c net.Conn) {
	readConnectFrom(c, 0)
	_ = c.Close()
}

// resets breaks the connection in place of an answer.
func resets(c net.Conn) {
	readConnectFrom(c, 0)
	_ = tcp(c).SetLinger(0)
	_ = tcp(c).Close()
}

// saysClose sends a close frame in place of an answer, and stays.
func saysClose(c net.Conn) {
	readConnectFrom(c, 0)
	ws := c.(*framed).ws
	_ = ws.WriteControl(gorilla.CloseMessage, gorilla.FormatCloseMessage(gorilla.CloseTryAgainLater, ""), time.Now().Add(patience))
	_, _ = c.Read(make([]byte, 1))
}

// retries returns how many clients went on to the next candidate, by reason.
func (r *rig) retries() (n [RetryReasons]uint64) {
	for _, f := range r.srv.Stats().Flows {
		for reason := range f.Retries {
			n[reason] += f.Retries[reason]
		}
	}
	return n
}

// wantRetries checks how many clients went on to the next candidate, for one reason.
func (r *rig) wantRetries(reason RetryReason, times uint64) {
	r.t.Helper()
	var want [RetryReasons]uint64
	want[reason] = times
	if got := r.retries(); got != want {
		r.t.Errorf("clients went on to the next candidate %v times, want %v", got, want)
	}
}

// connackOf5 returns a CONNACK of MQTT 5 with a reason string.
func connackOf5(code mqttparse.ReasonCode, reason string) []byte {
	properties := slices.Concat([]byte{0x1F, 0, byte(len(reason))}, []byte(reason))
	return slices.Concat([]byte{0x20, byte(3 + len(properties)), 0, byte(code), byte(len(properties))}, properties)
}
