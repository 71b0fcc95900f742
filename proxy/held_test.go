package proxy

import (
	"bytes"
	"io"
	"net"
	"sync/atomic"
	"testing"
	"time"

	gorilla "github.com/gorilla/websocket"
)

// The backlog of a TLS client is encrypted already, and a pong that joins it must be, too.
func TestPongsJoinWhatIsHeldForASlowReader(t *testing.T) {
	for _, m := range []mode{wsToMQTT, wssToMQTT} {
		t.Run(m.name, func(t *testing.T) {
			bulk := bytes.Repeat([]byte("0123456789abcdef"), 1<<20)
			backend := m.startNode(t, func(c net.Conn) {
				_, _ = io.ReadFull(c, make([]byte, len(connect311)))
				_, _ = c.Write(append(bytes.Clone(connack311), bulk...))
				_, _ = io.Copy(io.Discard, c)
			})
			r := m.start(t, []string{backend.address()})
			c := r.dial()
			ws := c.Conn.(*framed).ws
			var pongs atomic.Int32
			ws.SetPongHandler(func(string) error { pongs.Add(1); return nil })
			c.send(connect311)
			eventually(t, "bytes are held for the client", func() bool {
				held := false
				r.each(func(s *session) { held = held || s.client.kept != nil })
				return held
			})
			const pings = 20
			for range pings {
				if err := ws.WriteControl(gorilla.PingMessage, []byte("p"), time.Now().Add(patience)); err != nil {
					t.Fatal(err)
				}
			}
			c.expect(connack311)
			got := make([]byte, len(bulk))
			if n, err := io.ReadFull(c, got); err != nil || !bytes.Equal(got, bulk) {
				t.Fatalf("%d of %d bytes arrived, %v", n, len(bulk), err)
			}
			c.send([]byte("on")) // the other direction is open
			go func() {          // ends with the connection
				_, _ = c.Read(make([]byte, 1))
			}()
			eventually(t, "every ping is answered", func() bool { return pongs.Load() == pings })
		})
	}
}
