package proxy

import (
	"bufio"
	"strings"
	"testing"
	"time"

	"mqttlb/proxy/outcome"
	"mqttlb/proxy/snapshot"
)

// A request that is not whole holds memory while net/http reads it, also after another request. The first part
// of the first header is read by the loop, until it is clear that net/http has to serve it.
func TestUnfinishedRequestsAreBoundedTogether(t *testing.T) {
	needLoopbackNetwork(t)
	const most, header = 10, 64 << 10
	for name, first := range map[string]bool{"the first request": true, "a later request": false} {
		t.Run(name, func(t *testing.T) {
			r := dashboard(t, func(s *snapshot.Snapshot) {
				s.MaxHeaderSize = header
				s.OpeningMemory, s.Timeouts.ConnectPacket = most*(requestMemory+header+openingSocket+openingSize), time.Hour
			})
			begun := []byte("GET /page/x HTTP/1.1\r\nHost: broker.example\r\nX: " + strings.Repeat("x", pick(first, 40<<10, 10)))
			slow := r.dialFrom("127.0.0.3")
			slow.send([]byte("GET /page/x HTTP/1.1\r\n"))
			for range 3 * most {
				c := r.dialFrom("127.0.0.2")
				if !first {
					if got := c.get(bufio.NewReader(c), "/page/x"); !strings.HasPrefix(got, "200 ") {
						t.Fatalf("answered %q", got)
					}
				}
				_, _ = c.Write(begun) // it may be evicted meanwhile
			}
			eventually(t, "evictions", func() bool { return r.outcomes(outcome.RefusedOpening) >= most })
			slow.send([]byte("Host: broker.example\r\n\r\n"))
			b := make([]byte, 12)
			if _, err := slow.Read(b); err != nil || string(b) != "HTTP/1.1 200" {
				t.Errorf("answered %q, %v", b, err)
			}
			if n := r.srv.openingMemory.size(); n > most*(requestMemory+header+openingSocket+openingSize) {
				t.Errorf("%d bytes are held", n)
			}
		})
	}
}
