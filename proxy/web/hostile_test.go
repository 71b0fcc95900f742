package web

import (
	"net/http"
	"strings"
	"testing"
)

func TestHostileRequestsAreAnsweredAndForwardNothing(t *testing.T) {
	for name, c := range map[string]struct {
		request string
		status  int
		why     string // "": the server's own text
	}{
		"CONNECT":                  {"CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example:443\r\n\r\n", 405, "no forward proxy"},
		"CONNECT to a path":        {"CONNECT / HTTP/1.1\r\nHost: h\r\n\r\n", 405, "no forward proxy"},
		"an asterisk":              {"GET * HTTP/1.1\r\nHost: h\r\n\r\n", 400, "neither a path nor a URL"},
		"a URL of ftp":             {"GET ftp://evil.example/ HTTP/1.1\r\nHost: h\r\n\r\n", 400, "not of http"},
		"an opaque URL":            {"GET mailto:x HTTP/1.1\r\nHost: h\r\n\r\n", 400, ""},
		"HTTP/2 without TLS":       {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400, "neither a path nor a URL"},
		"two lengths":              {"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx", 400, ""},
		"a negative length":        {"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: -1\r\n\r\n", 400, ""},
		"an unknown coding":        {"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", 501, ""},
		"a space before the colon": {"POST / HTTP/1.1\r\nHost: h\r\nContent-Length : 5\r\n\r\nxxxxx", 400, ""},
		"no Host":                  {"GET / HTTP/1.1\r\n\r\n", 400, ""},
		"two Hosts":                {"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400, ""},
		"MQTT":                     {"\x10\x0c\x00\x04MQTT\x04\x02\x00\x3c\x00\x00\r\n\r\n", 400, ""},
		"a broken chunk":           {"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400, "malformed"},
		"a chunk of 2^64 bytes":    {"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n", 400, "malformed"},
	} {
		t.Run(name, func(t *testing.T) {
			a := newNode(t, "a", nil)
			r := start(t, []*node{a})
			conn := r.raw()
			conn.send(c.request)
			res, text := conn.receive(http.MethodGet)
			if res.StatusCode != c.status {
				t.Errorf("%s %q, want %d", res.Status, text, c.status)
			}
			if c.why != "" {
				wantRefusal(t, res, text, c.status, c.why)
			}
			// The head of a request with a broken body may arrive, but never all of it.
			if n := a.requests.Load(); n != 0 && !strings.Contains(c.request, "chunked") {
				t.Errorf("%d requests arrived at the node", n)
			}
		})
	}
}

func TestRequestsCannotBeSmuggled(t *testing.T) {
	const smuggled = "GET /smuggled HTTP/1.1\r\nHost: h\r\nX-Forwarded-For: 10.0.0.1\r\n\r\n"
	for name, request := range map[string]string{
		"CL.TE": "POST /outer HTTP/1.1\r\nHost: h\r\nContent-Length: 200\r\nTransfer-Encoding: chunked\r\n\r\n" +
			"5\r\nhello\r\n0\r\n\r\n",
		"TE.CL": "POST /outer HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n" +
			"5\r\nhello\r\n0\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			r := start(t, []*node{newNode(t, "a", nil)})
			conn := r.raw()
			conn.send(request + smuggled)
			res, text := conn.receive(http.MethodPost)
			s := seenIn(t, text)
			if res.StatusCode != http.StatusOK || s.URI != "/outer" || s.Body != "hello" || s.Header["Content-Length"] != nil {
				t.Errorf("%s: the node sees %+v", res.Status, s)
			}
			// The following bytes are a request of its own for us and for the node.
			if _, text = conn.receive(http.MethodGet); seenIn(t, text).Header.Get("X-Forwarded-For") != "127.0.0.1" {
				t.Errorf("the next request came to the node as %s", text)
			}
		})
	}
	t.Run("in a body", func(t *testing.T) {
		a := newNode(t, "a", nil)
		r := start(t, []*node{a})
		if s := r.client().tell(http.MethodPost, "/outer", strings.NewReader(smuggled)); s.Body != smuggled || a.requests.Load() != 1 {
			t.Errorf("%d requests, the first %+v", a.requests.Load(), s)
		}
	})
}

// RFC 9112 section 3.2.2: a server accepts the absolute form and uses its host.
func TestAbsoluteURLGoesToOurNode(t *testing.T) {
	r := start(t, []*node{newNode(t, "a", nil)})
	conn := r.raw()
	conn.send("GET http://user:secret@evil.example:99/path?q HTTP/1.1\r\nHost: other\r\n\r\n")
	res, text := conn.receive(http.MethodGet)
	s := seenIn(t, text)
	if res.StatusCode != http.StatusOK || s.Node != "a" || s.URI != "/path?q" || s.Host != "evil.example:99" || s.Header["Authorization"] != nil {
		t.Errorf("%s, the node sees %+v", res.Status, s)
	}
}

func TestOptionsOfTheServerAreOurs(t *testing.T) {
	a := newNode(t, "a", nil)
	r := start(t, []*node{a})
	conn := r.raw()
	conn.send("OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n")
	if res, _ := conn.receive(http.MethodOptions); res.StatusCode != http.StatusNoContent || res.Header.Get("Allow") != allow || a.requests.Load() != 0 {
		t.Errorf("OPTIONS *: %s, Allow %q", res.Status, res.Header.Get("Allow"))
	}
	if s := r.client().tell(http.MethodOptions, "/x", nil); s.Method != http.MethodOptions || s.URI != "/x" {
		t.Errorf("OPTIONS /x came as %+v", s)
	}
}
