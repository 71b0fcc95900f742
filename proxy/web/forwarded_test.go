package web

import (
	"net"
	"net/http"
	"slices"
	"testing"
)

func TestClientCannotSayWhoItIs(t *testing.T) {
	r := start(t, []*node{newNode(t, "a", nil)})
	c := r.client()
	c.source = "192.0.2.7:4711"
	s := c.get("/",
		"X-Forwarded-For", "10.0.0.1", "X-Forwarded-For", "10.0.0.2", "X_Forwarded_For", "10.0.0.3",
		"X-Forwarded-Proto", "https", "X-Forwarded-Host", "evil", "X-Forwarded-Port", "1",
		"X-Forwarded-Prefix", "/evil", "X-Forwarded-Client-Cert", "admin",
		"Forwarded", "for=10.0.0.4", "X-Real-IP", "10.0.0.5",
		"Connection", "X-Forwarded-For, X-Forwarded-Proto", "Host", "dash.example.com:18083")
	_, port, _ := net.SplitHostPort(r.front.Listener.Addr().String())
	for name, want := range map[string][]string{
		"X-Forwarded-For":         {"192.0.2.7"},
		"X-Forwarded-Proto":       {"http"},
		"X-Forwarded-Host":        {"dash.example.com:18083"},
		"X-Forwarded-Port":        {port},
		"X_forwarded_for":         nil,
		"X-Forwarded-Prefix":      nil,
		"X-Forwarded-Client-Cert": nil,
		"Forwarded":               nil,
		"X-Real-Ip":               nil,
	} {
		if got := s.Header[name]; !slices.Equal(got, want) {
			t.Errorf("the node sees %s: %q, want %q", name, got, want)
		}
	}
	if s.Host != "dash.example.com:18083" {
		t.Errorf("the node sees the host %q", s.Host)
	}
}

func TestForwardedAddressIsWrittenAsAddress(t *testing.T) {
	r := start(t, []*node{newNode(t, "a", nil)})
	c := r.client()
	for source, want := range map[string]string{
		"[2001:db8::1]:9":        "2001:db8::1",
		"[::ffff:192.0.2.1]:9":   "192.0.2.1",
		"[fe80::1%eth0]:9":       "fe80::1",
		"@":                      "", // a Unix socket
		"not-an-address\x80:123": "",
	} {
		c.source = source
		if got := c.get("/").Header.Get("X-Forwarded-For"); got != want {
			t.Errorf("%q became %q, want %q", source, got, want)
		}
	}
}

func TestProtoIsHTTPSOverTLS(t *testing.T) {
	proto := make(chan string, 1)
	r := start(t, []*node{newNode(t, "a", http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
		proto <- req.Header.Get("X-Forwarded-Proto")
	}))})
	front := newTLSFront(t, r)
	res, err := front.Client().Get(front.URL)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if got := <-proto; got != "https" {
		t.Errorf("X-Forwarded-Proto %q", got)
	}
}

func TestTargetArrivesAsItWasSent(t *testing.T) {
	r := start(t, []*node{newNode(t, "a", nil)})
	for _, target := range []string{
		"/", "/api/v5/clients/a%2Fb%20c", "/?", "/x?a=1&a=2", "/x?a;b=%zz&=", "/a//b/../c", "//double", "/ä?ö", "/%7Euser",
	} {
		c := r.raw()
		c.send("GET " + target + " HTTP/1.1\r\nHost: h\r\n\r\n")
		res, text := c.receive(http.MethodGet)
		if got := (seenIn(t, text)).URI; res.StatusCode != http.StatusOK || got != target {
			if target == "/ä?ö" && got == "/%C3%A4?ö" { // the same path in the form of RFC 3986
				continue
			}
			t.Errorf("%s arrived as %s (%s)", target, got, res.Status)
		}
	}
}

func TestFieldsOfTheConnectionStayOnTheConnection(t *testing.T) {
	r := start(t, []*node{newNode(t, "a", nil)})
	s := r.client().get("/", "Connection", "close, X-Mine", "X-Mine", "1", "Keep-Alive", "timeout=5", "Te", "trailers, deflate",
		"Proxy-Authorization", "Basic eDp5", "Proxy-Connection", "keep-alive", "X-Yours", "1", "Authorization", "Bearer t")
	for _, name := range []string{"Connection", "X-Mine", "Keep-Alive", "Proxy-Authorization", "Proxy-Connection", "Accept-Encoding"} {
		if got := s.Header[name]; got != nil {
			t.Errorf("the node sees %s: %q", name, got)
		}
	}
	if s.Header.Get("X-Yours") != "1" || s.Header.Get("Authorization") != "Bearer t" || s.Header.Get("Te") != "trailers" {
		t.Errorf("the node misses fields: %v", s.Header)
	}
}

func TestRedirectIsTheClientsToFollow(t *testing.T) {
	a := newNode(t, "a", http.RedirectHandler("http://elsewhere.example/", http.StatusFound))
	r := start(t, []*node{a})
	res, _, _ := r.client().do(http.MethodGet, "/", nil)
	if res.StatusCode != http.StatusFound || res.Header.Get("Location") != "http://elsewhere.example/" || a.requests.Load() != 1 {
		t.Errorf("%s to %s after %d requests", res.Status, res.Header.Get("Location"), a.requests.Load())
	}
}
