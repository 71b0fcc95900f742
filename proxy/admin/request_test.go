package admin

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"mqttlb/proxy/admin/api"
)

// raw sends bytes and returns the answer; end says whether our side ends after them.
func (r *rig) raw(t *testing.T, text string, end bool) answered {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(r.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(patience))
	go func() { // ends when it is read or the connection is closed
		io.WriteString(conn, text)
		if end {
			conn.(*net.TCPConn).CloseWrite()
		}
	}()
	response, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: strings.Split(text, " ")[0]}) // no body after HEAD
	if err != nil {
		t.Fatalf("%.60q: %v", text, err)
	}
	response.Body.Close()
	return answered{response.StatusCode, response.Header}
}

func TestWhatIsNoRequestIsRefused(t *testing.T) {
	r := newRig(t, &Access{Token: rightToken})
	authorized := "Host: 127.0.0.1\r\nAuthorization: Bearer " + rightToken + "\r\nContent-Type: application/json\r\n"
	post := func(path, more, body string) string {
		return fmt.Sprintf("POST %s HTTP/1.1\r\n%s%sContent-Length: %d\r\n\r\n%s", path, authorized, more, len(body), body)
	}
	for text, want := range map[string]int{
		"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n":                                          404,
		"GET /api/v1 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n":                                    404,
		"GET /api/v1/status HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n":                             200,
		"GET /api/v1/status HTTP/1.0\r\n\r\n":                                                200, // HAProxy's health check
		"GET /api/v1/status HTTP/1.1\r\n\r\n":                                                400,
		"GET /api/v1/status/ HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n":                            404,
		"GET /api/v1/status?x=1 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n":                         400,
		"GET /api/v1/sessions?node=n1;listener=x HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n":        400,
		"GET /api/v1/sessions?node=%zz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n":                  400,
		"GET /api/v1/events HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 2000000\r\n\r\n":  413,
		"HEAD /api/v1/status HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n":                            200,
		"OPTIONS /api/v1/status HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n":                         405,
		"PUT /api/v1/log HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n":                                405,
		"GET /api/v1/reload HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n":                             405,
		"HEAD /api/v1/reload HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n":                            405,
		"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n":                                                   400,
		"GET http://evil.example.com/healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n":            403,
		"CONNECT 127.0.0.1:22 HTTP/1.1\r\nHost: 127.0.0.1:22\r\n\r\n":                        404,
		"GET /healthz HTTP/1.1\r\nHost: x\r\nX: " + strings.Repeat("x", 16<<10) + "\r\n\r\n": 431,
		"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 a ClientHello without TLS\r\n\r\n":     400,

		post("/api/v1/diff", "", `{"file": "/x"}`):                                                                 200,
		post("/api/v1/diff", "", `{"file": "/x"`):                                                                  400,
		post("/api/v1/diff", "", `{"file": 5}`):                                                                    400,
		post("/api/v1/diff", "", `{"fil": "/x"}`):                                                                  400,
		post("/api/v1/diff", "", `{"file": "/x"} {}`):                                                              400,
		post("/api/v1/diff", "", `null x`):                                                                         400,
		post("/api/v1/diff", "", "\xff\xfe"):                                                                       400,
		post("/api/v1/diff", "", `{"file": "/`+strings.Repeat("x", maxBody)+`"}`):                                  413,
		post("/api/v1/reload", "", strings.Repeat("x", maxBody+1)):                                                 413,
		post("/api/v1/sessions/kick", "", `{"id": "1", "sort": "age"}`):                                            400,
		"POST /api/v1/diff HTTP/1.1\r\n" + authorized + "Content-Length: 2000000\r\n\r\n{":                         413,
		"POST /api/v1/diff HTTP/1.1\r\n" + authorized + "Transfer-Encoding: chunked\r\n\r\nzz\r\n":                 400,
		strings.Replace(post("/api/v1/diff", "", `{"file": "/x"}`), "application/json", "text/plain", 1):           415,
		strings.Replace(post("/api/v1/diff", "", `{"file": "/x"}`), "Content-Type: application/json\r\n", "", 1):   415,
		strings.Replace(post("/api/v1/diff", "", `{"file": "/x"}`), "application/json", "application/json; c=", 1): 415,
		strings.Replace(post("/api/v1/diff", "", `{"file": "/x"}`), "json\r\n", "json; charset=utf-8\r\n", 1):      200,
		post("/api/v1/nodes/n1/vanish", "", `{}`):                                                                  404,
		post("/api/v1/nodes/a/b/drain", "", `{}`):                                                                  404,
	} {
		response := r.raw(t, text, false)
		if response.StatusCode != want {
			t.Errorf("%.120q: %d, want %d", text, response.StatusCode, want)
		}
		if response.StatusCode == http.StatusMethodNotAllowed && response.Header.Get("Allow") == "" {
			t.Errorf("%.60q: 405 without Allow", text)
		}
	}
	for _, text := range []string{
		"POST /api/v1/diff HTTP/1.1\r\n" + authorized + "Content-Length: 100\r\n\r\n{\"file\": \"/",
		"POST /api/v1/diff HTTP/1.1\r\n" + authorized + "Transfer-Encoding: chunked\r\n\r\n5\r\n{\"fi",
		// net/http would wait for these bodies without a limit, and the streams with it.
		"GET /api/v1/events HTTP/1.1\r\n" + authorized + "Content-Length: 100\r\n\r\nx",
		"HEAD /api/v1/events HTTP/1.1\r\n" + authorized + "Content-Length: 100\r\n\r\nx",
	} {
		if response := r.raw(t, text, true); response.StatusCode != http.StatusBadRequest {
			t.Errorf("a body that ends early: %d", response.StatusCode)
		}
	}
	if n := strings.Count(r.said(), "diff"); n != 2 {
		t.Errorf("%d requests reach the process, want the 2 that are right", n)
	}
}

// An error of ours is JSON, in the form that clients know.
func TestErrorsSayWhatIsAllowed(t *testing.T) {
	r := newRig(t, nil)
	for path, parts := range map[string][]string{
		"/nothing":                   {"/nothing"},
		"/api/v1/sessions?nod=x":     {"nod", "client_id", "listener", "limit"},
		"/api/v1/sessions?sort=name": {"name", "age, silent, received, sent, rate, client_id"},
		"/api/v1/sessions?limit=1e9": {"1e9", "1 to 10000"},
		"/api/v1/status?pretty=1":    {"pretty", "none"},
		"/api/v1/reload":             {"POST", "GET"},
		"/api/v1/route":              {"client_id"},

		"/api/v1/route?client_id=a&persistent=1": {"persistent", "true", "false"},
		"/" + strings.Repeat("x", 500):           {"xxx"},
	} {
		_, text := r.do(t, "GET", path, "")
		var e api.Error
		if err := json.Unmarshal([]byte(text), &e); err != nil || len(e.Errors) != 1 || len(text) > 300 {
			t.Errorf("%s: %q", path, text)
			continue
		}
		for _, part := range parts {
			if !strings.Contains(e.Errors[0], part) {
				t.Errorf("%s: %q does not say %q", path, text, part)
			}
		}
	}
}

func TestADisconnectEndsAKickAndOneIsInProgressAtATime(t *testing.T) {
	r := newRigOn(t, nil, unixListener(t), BySocket)
	begun, ended := make(chan struct{}), make(chan struct{})
	r.kicking = func(ctx context.Context) {
		close(begun)
		<-ctx.Done()
		close(ended)
	}
	ctx, leave := context.WithCancel(t.Context())
	request, err := http.NewRequestWithContext(ctx, "POST", r.url+"/api/v1/sessions/kick", strings.NewReader(`{"all": true}`))
	if err != nil {
		t.Fatal(err)
	}
	asked := make(chan struct{})
	go func() { // ends when the client leaves
		defer close(asked)
		if response, err := r.client.Do(request); err == nil {
			response.Body.Close()
		}
	}()
	<-begun
	if response, text := r.do(t, "POST", "/api/v1/sessions/kick", `{"all": true}`); response.StatusCode != http.StatusConflict {
		t.Errorf("a second kick: %d %s", response.StatusCode, text)
	}
	if response, text := r.do(t, "GET", "/api/v1/status", ""); response.StatusCode != http.StatusOK {
		t.Errorf("a read beside a kick: %d %s", response.StatusCode, text)
	}
	leave()
	<-asked
	select {
	case <-ended:
	case <-time.After(patience):
		t.Fatal("the kick goes on without its client")
	}
}

// net/http does not notice that a client disconnects which has sent another request before.
func TestAnotherRequestEndsAKick(t *testing.T) {
	ln := unixListener(t)
	r := newRigOn(t, nil, ln, BySocket)
	begun, ended := make(chan struct{}), make(chan struct{})
	r.kicking = func(ctx context.Context) {
		close(begun)
		<-ctx.Done()
		close(ended)
	}
	conn, err := net.Dial("unix", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(patience))
	fmt.Fprint(conn, "POST /api/v1/sessions/kick HTTP/1.1\r\nHost: mqttlb\r\nContent-Length: 13\r\n\r\n{\"all\": true}")
	<-begun
	fmt.Fprint(conn, "GET /healthz HTTP/1.1\r\nHost: mqttlb\r\n\r\n")
	select {
	case <-ended:
	case <-time.After(patience):
		t.Fatal("the kick goes on, and its client could not be followed")
	}
}
