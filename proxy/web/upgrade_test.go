package web

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

// echo is a node's WebSocket that first sends its client's address.
func echo(w http.ResponseWriter, r *http.Request) {
	up := websocket.Upgrader{Subprotocols: []string{"mqtt"}, CheckOrigin: func(*http.Request) bool { return true }}
	ws, err := up.Upgrade(w, r, http.Header{"X-Node": {"a"}})
	if err != nil {
		return
	}
	defer ws.Close()
	ws.WriteMessage(websocket.TextMessage, []byte(r.Header.Get("X-Forwarded-For")))
	for {
		kind, b, err := ws.ReadMessage()
		if err != nil {
			return
		}
		ws.WriteMessage(kind, b)
	}
}

func (r *rig) webSocket() *websocket.Conn {
	r.t.Helper()
	d := websocket.Dialer{Subprotocols: []string{"mqtt"}}
	ws, res, err := d.Dial("ws"+strings.TrimPrefix(r.front.URL, "http")+"/ws?x=1", http.Header{testClient: {"192.0.2.9:9"}})
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { ws.Close() })
	defer res.Body.Close()
	if res.Header.Get("X-Node") != "a" || ws.Subprotocol() != "mqtt" {
		r.t.Errorf("the 101 has the header %v", res.Header)
	}
	ws.SetReadDeadline(time.Now().Add(patience))
	if _, b, err := ws.ReadMessage(); string(b) != "192.0.2.9" {
		r.t.Fatalf("the node takes 192.0.2.9 for %q, %v", b, err)
	}
	return ws
}

func TestWebSocketPassesThrough(t *testing.T) {
	inEveryMode(t, func(t *testing.T, m mode) {
		r := m.start(t, []*node{m.newNode(t, "a", http.HandlerFunc(echo))}, withCookie("lb"))
		ws := r.webSocket()
		for _, size := range []int{0, 1, 125, 126, 65535, 65536, 1 << 20} {
			sent := strings.Repeat("m", size)
			if err := ws.WriteMessage(websocket.BinaryMessage, []byte(sent)); err != nil {
				t.Fatal(err)
			}
			if _, b, err := ws.ReadMessage(); string(b) != sent || err != nil {
				t.Fatalf("%d bytes came back as %d, %v", size, len(b), err)
			}
		}
		n := r.pool.Nodes()[0]
		if n.Open() != 1 {
			t.Errorf("an open WebSocket counts as %d requests", n.Open())
		}
		ws.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(websocket.CloseNormalClosure, "bye"), time.Now().Add(patience))
		if _, _, err := ws.ReadMessage(); !websocket.IsCloseError(err, websocket.CloseNormalClosure) {
			t.Errorf("after the close frame: %v", err)
		}
		ws.Close()
		eventually(t, "the node is free", func() bool { return n.Open() == 0 })
	})
}

func TestKilledNodeEndsItsWebSockets(t *testing.T) {
	inEveryMode(t, func(t *testing.T, m mode) {
		end := make(chan struct{})
		a := m.newNode(t, "a", http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			ws, err := (&websocket.Upgrader{Subprotocols: []string{"mqtt"}}).Upgrade(w, req, http.Header{"X-Node": {"a"}})
			if err != nil {
				return
			}
			ws.WriteMessage(websocket.TextMessage, []byte(req.Header.Get("X-Forwarded-For")))
			<-end
			ws.NetConn().Close()
		}))
		r := m.start(t, []*node{a})
		ws := r.webSocket()
		close(end)
		if _, b, err := ws.ReadMessage(); err == nil {
			t.Errorf("read %q of a node that is gone", b)
		}
	})
}

func TestWebSocketEndsWithItsContext(t *testing.T) {
	inEveryMode(t, func(t *testing.T, m mode) {
		r := m.start(t, []*node{m.newNode(t, "a", http.HandlerFunc(echo))})
		ws := r.webSocket()
		r.handler.Close() // closes idle connections, not open ones
		ws.WriteMessage(websocket.TextMessage, []byte("still here"))
		if _, b, err := ws.ReadMessage(); string(b) != "still here" {
			t.Fatalf("%q, %v", b, err)
		}
		r.cancel()
		if _, b, err := ws.ReadMessage(); err == nil {
			t.Errorf("read %q after the end", b)
		}
	})
}

func TestRefusedUpgradeIsAnOrdinaryResponse(t *testing.T) {
	r := start(t, []*node{newNode(t, "a", http.HandlerFunc(echo))})
	conn := r.raw()
	conn.send("GET /ws HTTP/1.1\r\nHost: h\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 8\r\n\r\n")
	if res, text := conn.receive(http.MethodGet); res.StatusCode != http.StatusBadRequest || res.Header.Get("Sec-Websocket-Version") != "13" {
		t.Errorf("%s %q", res.Status, text)
	}
}

// RFC 6455 section 4.1 makes clients wait for the 101, but bytes that one sends earlier
// are not lost.
func TestBytesBeforeThe101AreDelivered(t *testing.T) {
	inEveryMode(t, func(t *testing.T, m mode) {
		r := m.start(t, []*node{m.newNode(t, "a", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			conn, buffered, err := http.NewResponseController(w).Hijack()
			if err != nil {
				return
			}
			defer conn.Close()
			io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
			io.CopyN(conn, buffered, 10)
		}))})
		conn := r.raw()
		conn.send("GET /ws HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nearly")
		if res, _ := conn.receive(http.MethodGet); res.StatusCode != http.StatusSwitchingProtocols {
			t.Fatal(res.Status)
		}
		conn.send("later")
		if b, err := io.ReadAll(conn.reader); string(b) != "earlylater" || err != nil {
			t.Errorf("%q came back, %v", b, err)
		}
	})
}

// When one side ends its stream the other may go on, also after a 101.
func TestHalfCloseTravelsBothWays(t *testing.T) {
	inEveryMode(t, func(t *testing.T, m mode) {
		for _, first := range []string{"client", "node"} {
			t.Run(first, func(t *testing.T) {
				heard := make(chan string, 1)
				r := m.start(t, []*node{m.newNode(t, "a", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
					conn, buffered, err := http.NewResponseController(w).Hijack()
					if err != nil {
						return
					}
					defer conn.Close()
					io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
					read := func() {
						b, err := io.ReadAll(buffered)
						heard <- fmt.Sprint(string(b), " ", err)
					}
					if first == "client" {
						read()
					}
					io.WriteString(conn, "the node's words")
					conn.(interface{ CloseWrite() error }).CloseWrite()
					if first == "node" {
						read()
					}
				}))})
				conn := r.raw()
				conn.send("GET /ws HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
				if res, _ := conn.receive(http.MethodGet); res.StatusCode != http.StatusSwitchingProtocols {
					t.Fatal(res.Status)
				}
				speak := func() {
					conn.send("the client's words")
					conn.Conn.(*net.TCPConn).CloseWrite()
				}
				if first == "client" {
					speak()
				}
				if b, err := io.ReadAll(conn.reader); string(b) != "the node's words" || err != nil {
					t.Errorf("the client hears %q, %v", b, err)
				}
				if first == "node" {
					speak()
				}
				if got := <-heard; got != "the client's words <nil>" {
					t.Errorf("the node hears %s", got)
				}
			})
		}
	})
}

// After an upgrade to h2c a client could write to the node unseen by the balancer.
func TestUpgradeToAnythingButWebSocketIsIgnored(t *testing.T) {
	r := start(t, []*node{newNode(t, "a", nil)})
	for _, upgrade := range []string{"h2c", "h2c, websocket", "websocket\r\nUpgrade: h2c", "TLS/1.2", "\xff"} {
		conn := r.raw()
		conn.send("GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: " + upgrade + "\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n")
		res, text := conn.receive(http.MethodGet)
		if res.StatusCode != http.StatusOK {
			t.Errorf("%q: %s %q", upgrade, res.Status, text)
			continue
		}
		if h := seenIn(t, text).Header; h["Upgrade"] != nil || h["Connection"] != nil || h["Http2-Settings"] != nil {
			t.Errorf("%q: the node sees %v", upgrade, h)
		}
	}
}
