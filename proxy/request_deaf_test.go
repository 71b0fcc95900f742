package proxy

import (
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"mqttlb/proxy/outcome"
	"mqttlb/proxy/proxytest"
	"mqttlb/proxy/snapshot"
)

// A client that does not read fills all buffers with answers, whoever writes them: a node, this
// package, package web or net/http.
func TestClientThatReadsNothingIsGivenUp(t *testing.T) {
	proxytest.WaitAbreast(t)
	const get = " HTTP/1.1\r\nHost: x\r\n\r\n"
	cases := map[string]struct{ first, again string }{
		"a node's response":   {"GET /endless/" + get, ""},
		"refusals":            {"", "GET /nowhere" + get},
		"what comes by a 101": {"GET /flood/ HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n", ""},
	}
	inModesAbreast(t, webModes, func(t *testing.T, m mode) {
		r := limitedWeb(t, m, func(s *snapshot.Snapshot) {
			s.Timeouts.Response = time.Second
			s.Timeouts.ConnectPacket, s.Timeouts.KeepAlive, s.Timeouts.Tunnel = patience, patience, patience
		})
		var all sync.WaitGroup
		for name, c := range cases {
			all.Go(func() {
				conn := r.dialBare(r.srv.Addr("mqtt"))
				if m.tls {
					conn.secure(nil)
				}
				conn.send([]byte(c.first))
				many := strings.Repeat(c.again, 1000)
				for err := error(nil); err == nil && many != ""; { // until the buffers are full and the connection has ended
					_, err = io.WriteString(conn, many)
				}
				line := r.lineOf(conn.LocalAddr().String())
				if want := "response: the client did not take it within timeouts.response 1s"; !strings.Contains(line, want) {
					t.Errorf("%s: the line is %s, want %q in it", name, line, want)
				}
			})
		}
		all.Wait()
	})
}

// A connection may be silent or slow for longer than its limits as long as bytes move.
func whatMovesHasNoLimitForTheWholeOfIt(t *testing.T) {
	inModesAbreast(t, webModes, func(t *testing.T, m mode) {
		r := limitedWeb(t, m, func(s *snapshot.Snapshot) {
			s.MinBodyRate, s.MaxRequestSize, s.Timeouts.RequestBody = 1, 0, 2*time.Second
		})
		conn := r.dialBare(r.srv.Addr("mqtt"))
		if m.tls {
			conn.secure(nil)
		}
		conn.send([]byte("POST /read/ HTTP/1.1\r\nHost: x\r\nContent-Length: 30\r\n\r\n"))
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		for range 30 { // three seconds with a limit of two, at ten times the rate
			<-tick.C
			conn.send([]byte("x"))
		}
		head := make([]byte, len("HTTP/1.1 200"))
		if _, err := io.ReadFull(conn, head); err != nil || string(head) != "HTTP/1.1 200" {
			t.Errorf("answered %q, %v", head, err)
		}
	})
}

// A refusal closes the connection and does not wait for a body.
func refusalsOfAListenerOfWebSocketHoldNoConnection(t *testing.T) {
	inModesAbreast(t, []mode{wsToWS, wssToWS}, func(t *testing.T, m mode) {
		r := limitedWeb(t, m) // its ConnectPacket is longer than its linger
		requests := map[string]string{
			"404": "POST /nowhere HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\n",
			"405": "POST /mqtt HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1",
			"426": "GET /mqtt HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\n",
			"400": "GET /mqtt HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
				"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n",
			"417": "GET /mqtt HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nExpect: much\r\n\r\n",
			"":    "GET /mqtt HTTP/1.1\r\nHost: x\r\nX: ",
		}
		var all sync.WaitGroup
		for status, request := range requests {
			all.Go(func() {
				conn := r.dialBare(r.srv.Addr("mqtt"))
				if m.tls {
					conn.secure(nil)
				}
				if got := conn.stick(conn, request, ""); !strings.HasPrefix(got, strings.TrimSpace("HTTP/1.1 "+status)) && status != "" {
					t.Errorf("%q is answered %.80q", request, got)
				}
			})
		}
		all.Wait()
		r.waitOutcome(outcome.BadUpgrade, 4)
		r.waitOutcome(outcome.ConnectTimeout, 2) // an incomplete header, and net/http's own 417
		r.waitLine(`error="404: path`)
		r.waitLine("request header: not whole within timeouts.connect_packet")
	})
}
