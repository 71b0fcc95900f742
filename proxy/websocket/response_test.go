package websocket

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

// sample is the handshake of §1.3, with MQTT's subprotocol.
var sample = Request{Path: "/mqtt", Host: "node", Protocols: []string{"mqtt"}, Key: "dGhlIHNhbXBsZSBub25jZQ=="}

// answer returns a response to sample, line by line, without the lines that are "".
func answer(lines ...string) string {
	var b strings.Builder
	for _, line := range lines {
		if line != "" {
			b.WriteString(line + "\r\n")
		}
	}
	return b.String() + "\r\n"
}

const (
	switching  = "HTTP/1.1 101 Switching Protocols"
	upgrade    = "Upgrade: websocket"
	connection = "Connection: Upgrade"
	accept     = "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
	protocol   = "Sec-WebSocket-Protocol: mqtt"
)

var upgrades = map[string]string{
	"as RFC 6455 shows it":        answer(switching, upgrade, connection, accept, protocol),
	"no subprotocol":              answer(switching, upgrade, connection, accept),
	"names and words in any case": answer("HTTP/1.1 101 ok", "UPGRADE: WebSocket", "connection: upgrade", "SEC-WEBSOCKET-ACCEPT:s3pPLMBiTxaQ9kYGzzhZRbK+xOo=  ", "sec-websocket-protocol: mqtt"),
	"no words for the status":     answer("HTTP/1.1 101 ", upgrade, connection, accept, protocol),
	"Connection is a list":        answer(switching, upgrade, "Connection: keep-alive, Upgrade", accept, protocol),
	"Connection is there twice":   answer(switching, upgrade, "Connection: keep-alive", connection, accept, protocol),
	"an empty list of extensions": answer(switching, upgrade, connection, accept, "Sec-WebSocket-Extensions:"),
	"other headers":               answer(switching, "Server: Cowboy", "Date: Sat, 01 Aug 2026 10:00:00 GMT", upgrade, connection, accept, protocol, "Content-Length: 0", "X-Long: "+strings.Repeat("x", 10000)),
	"line feeds alone":            strings.ReplaceAll(answer(switching, upgrade, connection, accept, protocol), "\r", ""),
	"after an interim response":   answer("HTTP/1.1 103 Early Hints", "Link: </a>") + answer("HTTP/1.1 100 Continue") + answer(switching, upgrade, connection, accept, protocol),
}

func TestUpgradesAreTaken(t *testing.T) {
	for name, b := range upgrades {
		t.Run(name, func(t *testing.T) {
			frames := "\x82\x02\xC0\x00\r\n\r\n"
			if n, err := ReadResponse([]byte(b+frames), &sample); err != nil || n != len(b) {
				t.Errorf("%d, %v; want %d", n, err, len(b))
			}
			for n := range len(b) {
				if got, err := ReadResponse([]byte(b[:n]), &sample); got != 0 || err != ErrShort {
					t.Fatalf("the first %d bytes: %d, %v", n, got, err)
				}
			}
		})
	}
}

// refusals are answers without an upgrade, and the status and text of the error.
var refusals = []struct {
	name, b string
	status  int
	reason  string
}{
	{"403", answer("HTTP/1.1 403 Forbidden", "Content-Length: 2") + "no", 403, `"Forbidden"`},
	{"a redirect", answer("HTTP/1.1 302 Found", "Location: /other"), 302, `"Found"`},
	{"200, from a server of pages", answer("HTTP/1.0 200 OK", "Transfer-Encoding: chunked") + "0\r\n\r\n", 200, `"OK"`},
	{"426", answer("HTTP/1.1 426 Upgrade Required", upgrade, "Sec-WebSocket-Version: 8"), 426, `"Upgrade Required"`},
	{"503 after an interim response", answer("HTTP/1.1 100 Continue") + answer("HTTP/1.1 503 busy"), 503, `"busy"`},
	{"a status of a thousand words", answer("HTTP/1.1 500 " + strings.Repeat("word ", 1000)), 500, `"word`},
	{"§4.1, 2: no Upgrade", answer(switching, connection, accept), 101, `Upgrade is "", not websocket`},
	{"§4.1, 2: another Upgrade", answer(switching, "Upgrade: h2c", connection, accept), 101, `Upgrade is "h2c"`},
	{"§4.1, 2: a list of upgrades", answer(switching, "Upgrade: h2c, websocket", connection, accept), 101, `Upgrade is "h2c, websocket"`},
	{"§4.1, 3: no Connection", answer(switching, upgrade, accept), 101, `Connection is "", without Upgrade`},
	{"§4.1, 3: another Connection", answer(switching, upgrade, "Connection: keep-alive, Upgraded", accept), 101, `Connection is "keep-alive, Upgraded"`},
	{"§4.1, 4: no Accept", answer(switching, upgrade, connection), 101, `Sec-WebSocket-Accept is ""`},
	{"§4.1, 4: another's Accept", answer(switching, upgrade, connection, "Sec-WebSocket-Accept: ICX+Yqv66kxgM0FcWaLWlFLwTAI="), 101, `Sec-WebSocket-Accept is "ICX+`},
	{"§4.1, 4: Accept in capitals", answer(switching, upgrade, connection, "Sec-WebSocket-Accept: S3PPLMBITXAQ9KYGZZHZRBK+XOO="), 101, `Sec-WebSocket-Accept is "S3PP`},
	{"§4.1, 4: Accept twice", answer(switching, upgrade, connection, accept, accept), 101, `Sec-WebSocket-Accept is "s3pP`},
	{"§4.1, 5: an extension", answer(switching, upgrade, connection, accept, "Sec-WebSocket-Extensions: permessage-deflate"), 101, `Sec-WebSocket-Extensions is "permessage-deflate", and none was offered`},
	{"§4.1, 6: another subprotocol", answer(switching, upgrade, connection, accept, "Sec-WebSocket-Protocol: mqttv3.1"), 101, `Sec-WebSocket-Protocol is "mqttv3.1", "mqtt" was asked for`},
	{"§4.1, 6: two subprotocols", answer(switching, upgrade, connection, accept, protocol, protocol), 101, `Sec-WebSocket-Protocol is "mqtt,mqtt"`},
	{"§4.1, 6: a list of subprotocols", answer(switching, upgrade, connection, accept, "Sec-WebSocket-Protocol: mqtt, mqttv3.1"), 101, `Sec-WebSocket-Protocol is "mqtt, mqttv3.1"`},
	{"a CONNACK", "\x20\x02\x00\x05", 0, `not HTTP: " \x02\x00\x05"`},
	{"a frame", "\x82\x04\x20\x02\x00\x00", 0, "not HTTP"},
	{"one byte", "S", 0, `not HTTP: "S"`},
	{"HTTP/2", "PRI * HTTP/2.0\r\n\r\n", 0, "not HTTP"},
	{"a megabyte of nothing", strings.Repeat("x", 1<<20), 0, "not HTTP"},
	{"a status that is no number", answer("HTTP/1.1 OK"), 0, "not HTTP"},
	{"a header without a colon", answer(switching, "nonsense"), 0, "not HTTP"},
	{"a header that begins with a space", answer(switching, " Upgrade: websocket"), 0, "not HTTP"},
}

func TestOtherAnswersAreRefused(t *testing.T) {
	for _, tt := range refusals {
		t.Run(tt.name, func(t *testing.T) {
			n, err := ReadResponse([]byte(tt.b), &sample)
			var refused *ResponseError
			if n != 0 || !errors.As(err, &refused) || refused.Status != tt.status || !strings.HasPrefix(refused.Reason, tt.reason) {
				t.Fatalf("%d, %v; want status %d, %s", n, err, tt.status, tt.reason)
			}
			if len(err.Error()) > 1000 {
				t.Errorf("the error has %d bytes", len(err.Error()))
			}
			for n := range min(len(tt.b), 2000) {
				got, err := ReadResponse([]byte(tt.b[:n]), &sample)
				if got != 0 || err != ErrShort && !errors.As(err, &refused) {
					t.Fatalf("the first %d bytes: %d, %v", n, got, err)
				}
			}
		})
	}
}

func TestASubprotocolThatWasNotAskedForIsRefused(t *testing.T) {
	none := sample
	none.Protocols = nil
	if n, err := ReadResponse([]byte(upgrades["as RFC 6455 shows it"]), &none); err == nil {
		t.Errorf("taken, %d bytes", n)
	}
	if _, err := ReadResponse([]byte(upgrades["no subprotocol"]), &none); err != nil {
		t.Error(err)
	}
}

// The whole sequence: our request, gorilla's answer, our frames, gorilla's frames.
func TestGorillaTakesOurUpgrade(t *testing.T) {
	upgrader := websocket.Upgrader{Subprotocols: []string{"mqtt"}, EnableCompression: true}
	asked := make(chan *http.Request, 1)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked <- r
		c, err := upgrader.Upgrade(w, r, nil)
		if err != nil {
			return
		}
		defer c.Close()
		if kind, message, err := c.ReadMessage(); err == nil {
			c.WriteMessage(kind, append(message, "!"...))
		}
	}))
	defer s.Close()
	host := strings.TrimPrefix(s.URL, "http://")
	c, err := net.Dial("tcp", host)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(patience))

	r := Request{Path: "/mqtt?tenant=7", Host: host, Protocols: []string{"mqtt"}, Key: NewKey(), Header: http.Header{"X-Forwarded-For": {"192.0.2.7"}}}
	c.Write(r.Append(nil))
	var received []byte
	n, err := ReadResponse(received, &r)
	for err == ErrShort {
		var one [1]byte
		if _, err := io.ReadFull(c, one[:]); err != nil {
			t.Fatal(err)
		}
		received = append(received, one[0])
		n, err = ReadResponse(received, &r)
	}
	if err != nil || n != len(received) {
		t.Fatalf("%d of %q: %v", n, received, err)
	}
	if got := <-asked; got.RequestURI != r.Path || got.Host != host || got.Header.Get("X-Forwarded-For") != "192.0.2.7" {
		t.Errorf("asked for %s of %s with %v", got.RequestURI, got.Host, got.Header)
	}

	c.Write(frame(true, binaryFrame, []byte("hello")))
	if err := c.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	frames, err := io.ReadAll(c)
	if err != nil {
		t.Fatal(err)
	}
	if f := follow(t, false, frames); f.err != nil || !bytes.Equal(f.data, []byte("hello!")) {
		t.Errorf("came back: %v", f)
	}
}
