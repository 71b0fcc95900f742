package web

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"mqttlb/proxy/proxytest"
)

func withMaxRequestSize(n int64) setting { return func(_ *rig, o *setup) { o.MaxRequestSize = n } }

// change applies changed settings.
func (r *rig) change(set func(*Settings)) {
	set(&r.setup.Settings)
	r.handler.Apply(r.setup.Settings)
}

// withStall shortens the time limit of one write.
func (r *rig) withStall(d time.Duration) {
	r.handler.applySettings(&settings{r.setup.Settings, Pace{Within: d}})
}

func TestBodyUpToTheLimitArrives(t *testing.T) {
	r := start(t, []*node{newNode(t, "a", nil)}, withMaxRequestSize(1000))
	body := strings.Repeat("x", 1000)
	if s := r.client().tell(http.MethodPost, "/", strings.NewReader(body)); s.Body != body {
		t.Errorf("%d bytes arrived of a body with a length", len(s.Body))
	}
	if s := r.client().tell(http.MethodPost, "/", io.MultiReader(strings.NewReader(body))); s.Body != body {
		t.Errorf("%d bytes arrived of a chunked body", len(s.Body))
	}
}

func TestLengthOverTheLimitNeverReachesANode(t *testing.T) {
	a := newNode(t, "a", nil)
	r := start(t, []*node{a}, withMaxRequestSize(1000))
	conn := r.raw()
	conn.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1001\r\nExpect: 100-continue\r\n\r\n")
	res, text := conn.receive(http.MethodPost)
	wantRefusal(t, res, text, http.StatusRequestEntityTooLarge, "over 1000 bytes")
	if n := a.dialled.Load(); n != 0 {
		t.Errorf("%d connections to the node", n)
	}
}

func TestChunksOverTheLimitHarmNoNode(t *testing.T) {
	proxytest.WaitAbreast(t)
	ended := make(chan error, 1)
	a := newNode(t, "a", nil)
	tell := a.handler
	a.handler = http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if req.URL.Path == "/upload" {
			_, err := io.Copy(io.Discard, req.Body)
			ended <- err
			return
		}
		tell.ServeHTTP(w, req)
	})
	r := start(t, []*node{a}, withMaxRequestSize(1<<20))
	conn := r.raw()
	conn.send("POST /upload HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n200000\r\n" + strings.Repeat("x", 1<<20+1))
	res, text := conn.receive(http.MethodPost)
	wantRefusal(t, res, text, http.StatusRequestEntityTooLarge, "over 1048576 bytes")
	if err := <-ended; err == nil {
		t.Error("the node takes the part for the whole")
	}
	if s := r.client().get("/"); s.Node != "a" {
		t.Errorf("the next request: %+v", s)
	}
	if len(r.failed) != 0 {
		t.Error("the node was blamed")
	}
}

func TestBodyThatStallsIsGivenUp(t *testing.T) {
	proxytest.WaitAbreast(t)
	r := start(t, []*node{newNode(t, "a", nil)})
	r.change(func(o *Settings) { o.BodyTimeout = 500 * time.Millisecond })
	conn := r.raw()
	conn.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nhalf")
	res, text := conn.receive(http.MethodPost)
	wantRefusal(t, res, text, http.StatusRequestTimeout, "did not arrive in time")
	conn.ends()
}

func TestBodyThatEndsEarlyIsNotTakenForWhole(t *testing.T) {
	ended := make(chan error, 1)
	r := start(t, []*node{newNode(t, "a", http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
		_, err := io.Copy(io.Discard, req.Body)
		ended <- err
	}))})
	conn := r.raw()
	conn.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10000\r\n\r\n" + strings.Repeat("x", 9000))
	conn.Close()
	if err := <-ended; err == nil {
		t.Error("the node takes the part for the whole")
	}
}

// The read deadline of the body must not end the wait for the response.
func TestResponseMayTakeLongerThanABodysRead(t *testing.T) {
	proxytest.WaitAbreast(t)
	answer := make(chan struct{})
	r := start(t, []*node{newNode(t, "a", http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, _ := io.ReadAll(req.Body)
		<-answer
		w.Write(body)
	}))})
	const stall = 500 * time.Millisecond
	r.change(func(o *Settings) { o.BodyTimeout = stall })
	r.withStall(stall)
	conn := r.raw()
	conn.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello")
	timer := time.NewTimer(2 * stall)
	<-timer.C
	close(answer)
	if res, text := conn.receive(http.MethodPost); res.StatusCode != http.StatusOK || text != "hello" {
		t.Fatalf("%s %q", res.Status, text)
	}
	// The write deadline of a response must not end the next response.
	timer.Reset(2 * stall)
	<-timer.C
	conn.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n")
	if res, _ := conn.receive(http.MethodPost); res.StatusCode != http.StatusOK {
		t.Error(res.Status)
	}
}

func TestClientThatDoesNotReadIsGivenUp(t *testing.T) {
	ended := make(chan struct{})
	r := start(t, []*node{newNode(t, "a", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		defer close(ended)
		for block := make([]byte, 1<<16); ; {
			if _, err := w.Write(block); err != nil {
				return
			}
		}
	}))})
	r.withStall(50 * time.Millisecond)
	r.raw().send("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
	<-ended
	eventually(t, "the node is free", func() bool { return r.pool.Nodes()[0].Open() == 0 })
}

func TestNodeThatDoesNotReadIsGivenUp(t *testing.T) {
	proxytest.WaitAbreast(t)
	inEveryModeParallel(t, func(t *testing.T, m mode) {
		done := make(chan struct{})
		r := m.start(t, []*node{m.newNode(t, "a", http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-done }))})
		defer close(done)
		r.withStall(time.Second)
		conn := r.raw()
		begun := time.Now()
		conn.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000000\r\n\r\n")
		written := make(chan struct{})
		go func() { // ends with the connection
			defer close(written)
			for block := make([]byte, 1<<16); ; {
				if _, err := conn.Write(block); err != nil {
					return
				}
			}
		}()
		res, text := conn.receive(http.MethodPost)
		wantRefusal(t, res, text, http.StatusGatewayTimeout, "did not answer in time")
		if took := time.Since(begun); took > 4*time.Second {
			t.Errorf("it took %v: the node was told goodbye", took)
		}
		conn.Close()
		<-written
	})
}
