package web

import (
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"mqttlb/proxy/proxytest"
)

// stopsAt sends the reason of each timed out request to why.
func stopsAt(tunnel, halfClosed time.Duration, why chan<- string) setting {
	return func(_ *rig, o *setup) {
		o.TunnelTimeout, o.HalfClosedTimeout = tunnel, halfClosed
		o.TimedOut = func(_ *http.Request, reason string) { why <- reason }
	}
}

// tunnelTo is a node that upgrades and then calls handle.
func tunnelTo(handle func(conn net.Conn)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		defer conn.Close()
		io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
		handle(conn)
	})
}

// upgrade opens a tunnel.
func (c *raw) upgrade() {
	c.t.Helper()
	c.send("GET /ws HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
	if res, _ := c.receive(http.MethodGet); res.StatusCode != http.StatusSwitchingProtocols {
		c.t.Fatal(res.Status)
	}
}

func TestSilentTunnelEnds(t *testing.T) {
	proxytest.WaitAbreast(t)
	inEveryMode(t, func(t *testing.T, m mode) {
		why := make(chan string, 1)
		r := m.start(t, []*node{m.newNode(t, "a", tunnelTo(func(conn net.Conn) { io.Copy(io.Discard, conn) }))},
			stopsAt(500*time.Millisecond, 0, why))
		conn := r.raw()
		conn.upgrade()
		conn.ends()
		if got := <-why; got != "tunnel: no byte either way within timeouts.tunnel 500ms" {
			t.Error(got)
		}
	})
}

// Progress in one direction is enough.
func TestTunnelThatMovesGoesOn(t *testing.T) {
	proxytest.WaitAbreast(t)
	inEveryModeParallel(t, func(t *testing.T, m mode) {
		tests := map[string]func(*testing.T){}
		for _, speaker := range []string{"client", "node"} {
			tests[speaker] = func(t *testing.T) {
				const words = 25
				heard := make(chan error, 1)
				speak := func(conn net.Conn) {
					tick := time.NewTicker(100 * time.Millisecond)
					defer tick.Stop()
					for range words {
						<-tick.C
						io.WriteString(conn, "x")
					}
				}
				hear := func(in io.Reader) {
					_, err := io.ReadFull(in, make([]byte, words))
					heard <- err
				}
				r := m.start(t, []*node{m.newNode(t, "a", tunnelTo(func(conn net.Conn) {
					if speaker == "node" {
						speak(conn)
					} else {
						hear(conn)
					}
				}))}, stopsAt(2*time.Second, 2*time.Second, make(chan string, 1)))
				conn := r.raw()
				conn.upgrade()
				if speaker == "node" {
					hear(conn.reader)
				} else {
					speak(conn)
				}
				if err := <-heard; err != nil {
					t.Errorf("the words of the %s end early: %v", speaker, err)
				}
			}
		}
		proxytest.RunAbreast(t, tests)
	})
}

func TestHalfClosedTunnelHasTheLimitOfHalfClosed(t *testing.T) {
	proxytest.WaitAbreast(t)
	inEveryModeParallel(t, func(t *testing.T, m mode) {
		tests := map[string]func(*testing.T){}
		for _, first := range []string{"client", "node"} {
			tests[first] = func(t *testing.T) {
				why := make(chan string, 1)
				done := make(chan struct{})
				r := m.start(t, []*node{m.newNode(t, "a", tunnelTo(func(conn net.Conn) {
					if first == "node" {
						conn.(interface{ CloseWrite() error }).CloseWrite()
					}
					<-done
				}))}, stopsAt(patience, 500*time.Millisecond, why))
				defer close(done)
				conn := r.raw()
				conn.upgrade()
				if first == "client" {
					conn.Conn.(*net.TCPConn).CloseWrite()
				}
				if got := <-why; !strings.Contains(got, "timeouts.half_closed 500ms") {
					t.Error(got)
				}
				conn.ends()
			}
		}
		proxytest.RunAbreast(t, tests)
	})
}

func TestResponseThatStallsIsCutShort(t *testing.T) {
	proxytest.WaitAbreast(t)
	inEveryMode(t, func(t *testing.T, m mode) {
		why := make(chan string, 1)
		r := m.start(t, []*node{m.newNode(t, "a", http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			io.WriteString(w, "data: 1\n")
			w.(http.Flusher).Flush()
			<-req.Context().Done()
		}))}, stopsAt(500*time.Millisecond, 0, why))
		res, text, err := r.client().do(http.MethodGet, "/", nil)
		if res.StatusCode != http.StatusOK || text != "data: 1\n" || err == nil {
			t.Errorf("%s %q passes for the whole, %v", res.Status, text, err)
		}
		if got := <-why; got != "response: no byte of the node within timeouts.tunnel 500ms" {
			t.Error(got)
		}
	})
}

func TestSilenceRunsFromTheLastMove(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := new(http.Request)
		x := &exchange{running: &running{handler: NewHandler(Options{}), in: in}, in: in}
		begun, ended := time.Now(), time.Duration(0)
		x.cancel = func() { ended = time.Since(begun) }
		for name, c := range map[string]struct {
			limit time.Duration
			do    func(s *silence)
			want  time.Duration
		}{
			"at once":            {time.Hour, (*silence).begin, time.Hour},
			"no limit":           {0, (*silence).begin, 0},
			"not begun":          {time.Hour, func(*silence) {}, 0},
			"paused":             {time.Hour, func(s *silence) { s.begin(); s.pause() }, 0},
			"after the stop":     {time.Hour, func(s *silence) { s.begin(); s.stop(); s.begin() }, 0},
			"a shorter limit":    {time.Hour, func(s *silence) { s.begin(); s.set("", "", time.Minute); s.begin() }, time.Minute},
			"a longer limit":     {time.Hour, func(s *silence) { s.set("", "", 2*time.Hour); s.begin() }, time.Hour},
			"a limit where none": {0, func(s *silence) { s.set("", "", time.Minute); s.begin() }, time.Minute},
			"moves": {time.Hour, func(s *silence) {
				for range 10 {
					s.begin()
					time.Sleep(50 * time.Minute) //nolint:forbidigo // in the bubble's time
				}
			}, 9*50*time.Minute + time.Hour},
		} {
			begun, ended = time.Now(), 0
			s := x.newSilence("what", "setting", c.limit)
			c.do(s)
			time.Sleep(24 * time.Hour) //nolint:forbidigo // in the bubble's time
			synctest.Wait()
			if s.stop(); ended != c.want {
				t.Errorf("%s: ended after %v, want %v", name, ended, c.want)
			}
		}
	})
}
