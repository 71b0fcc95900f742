package websocket

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"net/http"
	"slices"
	"strings"
	"testing"
)

func TestRequestOnTheWire(t *testing.T) {
	r := Request{
		Path: "/mqtt?token=a%20b", Host: "node1.example.com:8083", Protocols: []string{"mqtt"}, Key: "dGhlIHNhbXBsZSBub25jZQ==",
		Header: http.Header{
			"X-Forwarded-For": {"192.0.2.7"},
			"Cookie":          {"a=1", "b=2"},
			"Origin":          {"https://example.com"},
		},
	}
	want := "PROXYGET /mqtt?token=a%20b HTTP/1.1\r\n" +
		"Host: node1.example.com:8083\r\n" +
		"Connection: Upgrade\r\n" +
		"Cookie: a=1\r\n" +
		"Cookie: b=2\r\n" +
		"Origin: https://example.com\r\n" +
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" +
		"Sec-WebSocket-Protocol: mqtt\r\n" +
		"Sec-WebSocket-Version: 13\r\n" +
		"Upgrade: websocket\r\n" +
		"X-Forwarded-For: 192.0.2.7\r\n" +
		"\r\n"
	if got := r.Append([]byte("PROXY")); string(got) != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if len(r.Header) != 3 {
		t.Errorf("the caller's header was changed: %v", r.Header)
	}
}

// parsed returns a request as net/http reads it, and fails if anything follows it.
func parsed(t testing.TB, r *Request) *http.Request {
	t.Helper()
	b := r.Append(nil)
	in := bufio.NewReader(bytes.NewReader(b))
	got, err := http.ReadRequest(in)
	if err != nil {
		t.Fatalf("%v of\n%q", err, b)
	}
	if in.Buffered() > 0 {
		t.Fatalf("a request, and then more, in\n%q", b)
	}
	return got
}

// A value from a client or a configuration must not break out of its line.
func TestNothingBreaksOutOfItsLine(t *testing.T) {
	evil := "x\r\nEvil: 1\r\n\r\nGET /evil HTTP/1.1\r\nHost: evil\r\n\r\n"
	for name, r := range map[string]*Request{
		"path":         {Path: "/" + evil, Host: "h", Key: NewKey()},
		"query":        {Path: "/mqtt?" + evil, Host: "h", Key: NewKey()},
		"protocol":     {Path: "/", Host: "h", Key: NewKey(), Protocols: []string{evil}},
		"key":          {Path: "/", Host: "h", Key: evil},
		"header":       {Path: "/", Host: "h", Key: NewKey(), Header: http.Header{"Cookie": {evil}}},
		"header, LF":   {Path: "/", Host: "h", Key: NewKey(), Header: http.Header{"Cookie": {strings.ReplaceAll(evil, "\r", "")}}},
		"name":         {Path: "/", Host: "h", Key: NewKey(), Header: http.Header{evil: {"1"}}},
		"header, CR":   {Path: "/", Host: "h", Key: NewKey(), Header: http.Header{"Cookie": {"x\rEvil: 1"}}},
		"name, spaced": {Path: "/", Host: "h", Key: NewKey(), Header: http.Header{"Evil ": {"1"}, " Evil": {"1"}}},
	} {
		t.Run(name, func(t *testing.T) {
			if got := parsed(t, r); got.Header.Get("Evil") != "" || got.Method != http.MethodGet || got.Host != "h" {
				t.Errorf("sent as %q", r.Append(nil))
			}
		})
	}
	// net/http refuses such a Host. The test checks that it is on one line.
	r := &Request{Path: "/", Host: evil, Key: NewKey()}
	if head := r.Append(nil); bytes.Contains(head, []byte("\nEvil:")) || bytes.Count(head, []byte("\r\n\r\n")) != 1 {
		t.Errorf("sent as %q", head)
	}
}

func TestTheUpgradeIsOursToAsk(t *testing.T) {
	r := &Request{Path: "/mqtt", Host: "node", Key: NewKey(), Protocols: []string{"mqtt"}, Header: http.Header{}}
	for _, name := range []string{
		"Host", "Connection", "connection", "Upgrade", "Content-Length", "content-length", "Transfer-Encoding", "Trailer", "TE", "Expect",
		"Sec-WebSocket-Extensions", "Sec-Websocket-Extensions", "sec-websocket-extensions", "Sec-Websocket-Key", "Sec-Websocket-Version",
		"Sec-Websocket-Protocol", "SEC-WEBSOCKET-ACCEPT",
	} {
		r.Header[name] = []string{"7"}
	}
	r.Header["User-Agent"] = []string{"mqtt.js"}
	got := parsed(t, r)
	want := http.Header{
		"Connection": {"Upgrade"}, "Upgrade": {"websocket"}, "Sec-Websocket-Version": {"13"}, "Sec-Websocket-Key": {r.Key},
		"Sec-Websocket-Protocol": {"mqtt"}, "User-Agent": {"mqtt.js"},
	}
	for name, values := range got.Header {
		if !slices.Equal(values, want[name]) {
			t.Errorf("%s is %q, want %q", name, values, want[name])
		}
	}
	if len(got.Header) != len(want) || got.Host != "node" || got.ContentLength != 0 {
		t.Errorf("host %s, length %d, %v", got.Host, got.ContentLength, got.Header)
	}
}

func TestRequestTargets(t *testing.T) {
	for path, want := range map[string]string{
		"": "/", "/": "/", "mqtt": "/mqtt", "?a=b": "/?a=b", "/a b": "/a%20b", "/\x00\x7F\xFF": "/%00%7F%FF", "/é?ü=1": "/%C3%A9?%C3%BC=1",
		"/a%2Fb;c=d?e=f&g=%20": "/a%2Fb;c=d?e=f&g=%20",
	} {
		if got := parsed(t, &Request{Path: path, Host: "h", Key: NewKey()}).RequestURI; got != want {
			t.Errorf("%q is asked for as %q, want %q", path, got, want)
		}
	}
}

func TestKeysAreSixteenBytesAndNeverTheSame(t *testing.T) {
	seen := map[string]bool{}
	for range 100 {
		key := NewKey()
		if b, err := base64.StdEncoding.DecodeString(key); err != nil || len(b) != 16 || seen[key] {
			t.Fatalf("key %q: %d bytes, %v", key, len(b), err)
		}
		seen[key] = true
	}
}
