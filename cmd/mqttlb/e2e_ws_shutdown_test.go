package main_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

// busyWeb is the dashboard of a node. It serves a stream of events that the test
// releases one by one, and a WebSocket that is not MQTT.
func busyWeb(t *testing.T) (addr string, release chan struct{}) {
	t.Helper()
	release = make(chan struct{})
	mux := http.NewServeMux()
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "hello") })
	mux.HandleFunc("/events", func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, "first\n")
		w.(http.Flusher).Flush()
		select {
		case <-release:
			io.WriteString(w, "last\n")
		case <-r.Context().Done():
		}
	})
	mux.HandleFunc("/live", echoWebSocket)
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s.Listener.Addr().String(), release
}

// openEverything is a balancer with 7 open connections, one in each unfinished state.
type openEverything struct {
	*balancer
	release              chan struct{}
	sessions             []*wire       // over WebSocket, to both kinds of node
	idle, stalled, quiet *wire         // between two requests; in a request's header; in a WebSocket before its CONNECT
	events               *bufio.Reader // of an unfinished response
	live                 *wire         // a WebSocket that is not MQTT
}

func startEverything(t *testing.T, shutdown string) *openEverything {
	t.Helper()
	tcp, ws := startWSMosquittos(t, 1)
	web, release := busyWeb(t)
	o := &openEverything{release: release}
	config := strings.Replace(everyWay(tcp, ws), "pools:", `  - {name: web, address: "${web}", protocol: http, pool: web}
pools:
  - name: web
    protocol: http
    health: {probe: none}
    nodes: [{name: a, address: "`+web+`"}]`, 1)
	o.balancer = serve(t, config+"timeouts: {shutdown: "+shutdown+", keep_alive: 1h, connect_packet: 1h}\n")
	for _, listener := range wsListeners {
		o.sessions = append(o.sessions, joinWS(t, o.addrs[listener], "", 5, "session-"+listener))
	}
	o.idle = request(t, o.addrs["web"], "/")
	if said, err := io.ReadAll(io.LimitReader(o.idle.in, 5)); err != nil || string(said) != "hello" {
		t.Fatalf("%q, %v", said, err)
	}
	o.events = request(t, o.addrs["web"], "/events").in
	for _, want := range []string{"6\r\n", "first\n"} { // a chunk
		if line, err := o.events.ReadString('\n'); err != nil || line != want {
			t.Fatalf("%q (%v), want %q", line, err, want)
		}
	}
	o.stalled = dialWire(t, o.addrs["web"], "")
	io.WriteString(o.stalled, "GET / HTTP/1.1\r\nHost: ")
	var err error
	if o.quiet, err = tryDialWS(o.addrs["ws"], ""); err != nil {
		t.Fatal(err)
	}
	conn, _, err := websocket.DefaultDialer.Dial("ws://"+o.addrs["web"]+"/live", nil) //nolint:bodyclose // after a 101 it is the connection
	if err != nil {
		t.Fatal(err)
	}
	o.live = &wire{Conn: &stream{Conn: conn}}
	o.live.SetDeadline(time.Now().Add(patience))
	o.live.in = bufio.NewReader(o.live)
	t.Cleanup(func() { conn.Close(); o.quiet.Close() })
	return o
}

// request sends a request and reads the header of the response, which must be 200.
func request(t *testing.T, addr, path string) *wire {
	t.Helper()
	w := dialWire(t, addr, "")
	fmt.Fprintf(w, "GET %s HTTP/1.1\r\nHost: %s\r\n\r\n", path, addr)
	for first := true; ; first = false {
		line, err := w.in.ReadString('\n')
		if err != nil || first && !strings.Contains(line, " 200 ") {
			t.Fatalf("%s: %q, %v", path, line, err)
		}
		if line == "\r\n" {
			return w
		}
	}
}

func TestSIGTERMEndsWebSocketsAndRequestsAfterTheShutdownTime(t *testing.T) {
	t.Parallel()
	o := startEverything(t, "100ms")
	o.signal(t, syscall.SIGTERM)
	for _, w := range append(o.sessions, o.idle, o.stalled, o.quiet, o.live) {
		w.waitClosed(t)
	}
	if rest, err := io.ReadAll(o.events); strings.Contains(string(rest), "last") || err != nil && !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("the response went on with %q, %v", rest, err)
	}
	if code := o.exitCode(t); code != 0 {
		t.Errorf("exit code %d, want 0", code)
	}
	for _, s := range o.sessionsEnded(t, 2, `"session-`) {
		if s.Outcome != "shutdown" {
			t.Errorf("%s: the outcome is %q, want shutdown", s.ClientID, s.Outcome)
		}
	}
	o.sessionsEnded(t, 7)
}

func TestSIGTERMLetsWebSocketsAndRequestsEndByThemselves(t *testing.T) {
	t.Parallel()
	o := startEverything(t, "1h")
	o.signal(t, syscall.SIGTERM)
	o.idle.waitClosed(t) // no request is in progress
	eventually(t, "mqttlb has stopped listening", func() bool {
		conn, err := net.Dial("tcp", o.addrs["web"])
		if err == nil {
			conn.Close()
		}
		return errors.Is(err, syscall.ECONNREFUSED)
	})
	for _, s := range o.sessions {
		if err := s.ping(); err != nil {
			t.Errorf("a session after SIGTERM: %v", err)
		}
		s.disconnect(t)
	}
	io.WriteString(o.live, "alive")
	var echo [5]byte
	if _, err := io.ReadFull(o.live.in, echo[:]); err != nil || string(echo[:]) != "alive" {
		t.Errorf("a WebSocket after SIGTERM: %q, %v", echo, err)
	}
	o.live.Close()
	close(o.release)
	if rest, err := io.ReadAll(o.events); err != nil || string(rest) != "\r\n5\r\nlast\n\r\n0\r\n\r\n" {
		t.Errorf("the response went on with %q, %v", rest, err)
	}
	o.stalled.Close()
	o.quiet.Close()
	if code := o.exitCode(t); code != 0 {
		t.Errorf("exit code %d, want 0", code)
	}
	if n := len(o.sessionsEnded(t, 7)); n != 7 {
		t.Errorf("%d connections have ended, want 7", n)
	}
}
