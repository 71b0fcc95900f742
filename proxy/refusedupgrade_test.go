package proxy

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"mqttlb/balancer"
	"mqttlb/proxy/outcome"
	"mqttlb/proxy/snapshot"
)

// A node that refuses what the client asks for is well. No more than two nodes are asked, the log says what they
// were asked for and what they said, and the query, which may hold a token, is in no line.
func TestAnUpgradeThatNodesRefuseIsExplained(t *testing.T) {
	cookie := "+Cookie: a=" + strings.Repeat("c", 90<<10)
	for _, row := range []struct {
		answer string // empty: the node closes
		change string
		asked  int // nodes of three
		told   []string
		lines  []string
	}{
		{"431 Request Header Fields Too Large", cookie, 2, []string{"20 03 00 88 00", "close 1009"}, []string{"status 431", "too large for the node: see pools[].forward_headers"}},
		{"400 Bad Request", cookie, 2, []string{"20 03 00 88 00", "close 1013"}, []string{"status 400", "too large for the node: see pools[].forward_headers"}},
		{"401 Unauthorized", "+X-Change: none", 2, []string{"20 03 00 87 00", "close 1008"}, []string{"status 401"}},
		{"403 Forbidden", "+X-Change: none", 2, []string{"20 03 00 87 00", "close 1008"}, []string{"status 403"}},
		{"404 Not Found", "+X-Change: none", 2, []string{"20 03 00 88 00", "close 1013"}, []string{"status 404", "is pools[].path right?"}},
		{"429 Too Many Requests", "+X-Change: none", 3, []string{"20 03 00 88 00", "close 1013"}, []string{"status 429"}},
		{"503 Service Unavailable", "+X-Change: none", 3, []string{"20 03 00 88 00", "close 1013"}, []string{"status 503"}},
		{"", cookie, 3, []string{"20 03 00 88 00", "close 1013"}, []string{"too large for the node: see pools[].forward_headers"}},
	} {
		t.Run(row.answer, func(t *testing.T) {
			refuses := func(c net.Conn) {
				request, err := http.ReadRequest(bufio.NewReader(c))
				if err != nil || row.answer == "" {
					return
				}
				_, _ = io.Copy(io.Discard, request.Body)
				_, _ = io.WriteString(c, "HTTP/1.1 "+row.answer+"\r\nContent-Length: 12\r\n\r\nthat is why\n")
			}
			var blamed atomic.Int32
			addresses := []string{startNode(t, refuses).address(), startNode(t, refuses).address(), startNode(t, refuses).address()}
			r := wsToWS.start(t, addresses, func(s *snapshot.Snapshot) {
				s.MaxHeaderSize = 128 << 10
				s.Listeners[0].Pool.ForwardHeaders = []string{"Cookie"}
				s.Listeners[0].Pool.DialFailed = func(*balancer.Node) { blamed.Add(1) }
			})
			const clients = 20
			for range clients {
				c := r.dialUpgraded("GET /mqtt?token=secret HTTP/1.1", row.change)
				c.send(clientFrame(finBinary, connect5))
				if got := c.frames(); !slices.Equal(got, row.told) {
					t.Fatalf("the client is told %q, want %q", got, row.told)
				}
				_ = c.Close()
			}
			r.waitOutcome(outcome.UpgradeRefused, clients)
			asked := 0
			for _, f := range r.srv.Stats().Flows {
				asked += int(f.DialErrors)
			}
			if asked < row.asked*clients || row.answer != "" && asked > row.asked*clients {
				t.Errorf("%d clients have asked nodes %d times, want %d", clients, asked, row.asked*clients)
			}
			r.stop() // the server judges too, and one at a time
			r.srv.judge()
			for _, line := range append(row.lines, `asked for path \"/mqtt\" with subprotocol \"mqtt\" in `) {
				r.waitLine(line)
			}
			if row.answer != "" {
				r.waitLine(`, \"that is why\"; asked`)
			}
			if log := r.log.String(); blamed.Load() > 0 || strings.Contains(log, "outlier") || strings.Contains(log, "no CONNACK") || strings.Contains(log, "secret") {
				t.Errorf("%d failures blamed, log:\n%.3000s", blamed.Load(), log)
			}
		})
	}
}

// The log says what the node has refused last.
func TestARefusalOfTheSecondOfferIsLoggedAsThat(t *testing.T) {
	broker := startWSBroker(t, nil, answers400)
	r := start(t, []string{broker.address()}, wsToWS.set)
	c := r.dialUpgraded("GET /mqtt HTTP/1.1", "Sec-WebSocket-Protocol: mqttv3.1, token")
	c.send(clientFrame(finBinary, connect311))
	c.rest()
	r.waitLine(`asked for path \"/mqtt\" with subprotocol \"mqtt\" in `)
}
