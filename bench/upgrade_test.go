package bench

import (
	"errors"
	"strings"
	"testing"
)

// The key and its answer are the example of RFC 6455, section 1.3.
const (
	exampleKey    = "dGhlIHNhbXBsZSBub25jZQ=="
	exampleAccept = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
	exampleAnswer = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
		"Sec-WebSocket-Accept: " + exampleAccept + "\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n"
)

func TestRequestIsAnsweredAsTheClientExpects(t *testing.T) {
	request := appendUpgrade(nil, "[::1]:8083", "/mqtt", []byte(exampleKey))
	h, rest, ok, err := cutHead(append(request, 0x82))
	if !ok || err != nil || len(rest) != 1 || string(h.start) != "GET /mqtt HTTP/1.1" || string(h.value("host")) != "[::1]:8083" {
		t.Fatalf("%q, %q, %v, %v", h.start, rest, ok, err)
	}
	response, err := h.appendUpgraded(nil)
	if err != nil || string(response) != exampleAnswer {
		t.Errorf("%q, %v", response, err)
	}
	for n := range request {
		if _, _, ok, err := cutHead(request[:n]); ok || err != nil {
			t.Fatalf("the first %d bytes: ok %v, %v", n, ok, err)
		}
	}
}

func TestWrongResponsesAreRefused(t *testing.T) {
	for _, c := range []struct {
		name, old, new string
		want           error
	}{
		{"as it must be", "", "", nil},
		{"in other letters", "Upgrade: websocket\r\nConnection: Upgrade", "upgrade:WebSocket\r\nconnection: keep-alive,upgrade ", nil},
		{"no upgrade", "Upgrade: websocket\r\n", "", errAccept},
		{"no connection", "Connection: Upgrade", "Connection: close", errAccept},
		{"the answer to another", exampleAccept, "AAAA", errAccept},
		{"another protocol", "Protocol: mqtt", "Protocol: wamp", errSubprotocol},
		{"no protocol", "Sec-WebSocket-Protocol: mqtt\r\n", "", errSubprotocol},
	} {
		h, _, ok, err := cutHead([]byte(strings.Replace(exampleAnswer, c.old, c.new, 1)))
		if !ok || err != nil {
			t.Fatalf("%s: ok %v, %v", c.name, ok, err)
		}
		if err := h.checkUpgraded([]byte(exampleAccept)); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	for _, start := range []string{"HTTP/1.1 404 Not Found", "HTTP/1.0 101 Switching Protocols", "HTTP/1.1", "\x20\x02"} {
		h := head{start: []byte(start)}
		if err := h.checkUpgraded(nil); err == nil || !strings.Contains(err.Error(), "upgrade answered with") {
			t.Errorf("%q: %v", start, err)
		}
	}
}

func TestWrongRequestsAreAnsweredWith400(t *testing.T) {
	good := string(appendUpgrade(nil, "h", "/", []byte(exampleKey)))
	for _, c := range []struct{ old, new string }{
		{"GET", "POST"}, {"HTTP/1.1", "HTTP/1.0"}, {"Upgrade: websocket\r\n", ""}, {"Connection: Upgrade\r\n", ""},
		{"Version: 13", "Version: 8"}, {"Protocol: mqtt", "Protocol: mqttv3.1"}, {exampleKey, ""},
	} {
		h, _, _, err := cutHead([]byte(strings.Replace(good, c.old, c.new, 1)))
		if err != nil {
			t.Fatal(err)
		}
		if response, err := h.appendUpgraded(nil); !errors.Is(err, errNoUpgrade) || !strings.HasPrefix(string(response), "HTTP/1.1 400 ") {
			t.Errorf("%s for %s: %q, %v", c.new, c.old, response, err)
		}
	}
}

func TestAnEndlessHeadIsRefused(t *testing.T) {
	b := append([]byte("GET / HTTP/1.1\r\nX: "), make([]byte, maxHead)...)
	if _, _, ok, err := cutHead(b); ok || !errors.Is(err, errHead) {
		t.Errorf("ok %v, %v", ok, err)
	}
}
