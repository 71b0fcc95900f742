package proxy

import (
	"bufio"
	"strings"
	"testing"

	"mqttlb/proxy/outcome"
	"mqttlb/proxy/snapshot"
)

// A request that no node can answer has a line at info, and its connection an outcome of its own.
func TestFailedRequestsNameNodeReasonAndTime(t *testing.T) {
	node := new(recorder)
	for _, row := range []struct {
		address, request, session string
		outcome                   outcome.Outcome
	}{
		{
			refusing, `path=/x%0Alevel status=502 pool=pool node=node-a received=0 sent=25 duration=`,
			`outcome=http_failed path=/x%0Alevel status=502 error="no node could be reached: dial_failed: `, outcome.HTTPFailed,
		},
		{
			startNode(t, node.serve).address(), `path=/x%0Alevel status=200 pool=pool node=node-a received=0 sent=`,
			`outcome=http_served path=/x%0Alevel status=200 pool=pool`, outcome.HTTPServed,
		},
	} {
		r := start(t, []string{row.address}, func(s *snapshot.Snapshot) {
			ln := s.Listeners[0]
			ln.Protocol, ln.Routes = snapshot.HTTP, []snapshot.Route{{Pool: ln.Pool}}
			s.MaxHeaderSize, s.Timeouts.KeepAlive = 16<<10, patience
		})
		c := r.dialBare(r.srv.Addr("mqtt"))
		c.send([]byte("GET /x%0Alevel?secret HTTP/1.1\r\nHost: h\r\n\r\n"))
		wantAnswer(t, bufio.NewReader(c.Conn), map[bool]int{true: 502, false: 200}[row.outcome == outcome.HTTPFailed], "")
		_ = c.Close()
		r.waitOutcome(row.outcome, 1)
		r.waitLine(row.session)
		for line := range strings.Lines(r.log.String()) {
			if strings.Contains(line, "msg=request") && (!strings.Contains(line, "level=INFO") || !strings.Contains(line, row.request) || row.outcome == outcome.HTTPFailed && !strings.Contains(line, "error=")) {
				t.Errorf("the log says %s, want %s", line, row.request)
			}
			if strings.Contains(line, "msg=session") && !strings.Contains(line, "node=node-a") {
				t.Errorf("no node in %s", line)
			}
		}
		r.stop()
	}
}
