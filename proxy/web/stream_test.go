package web

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
)

func TestEventArrivesBeforeTheStreamEnds(t *testing.T) {
	inEveryMode(t, func(t *testing.T, m mode) {
		next := make(chan struct{})
		r := m.start(t, []*node{m.newNode(t, "a", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/event-stream")
			for i := range 3 {
				fmt.Fprintf(w, "data: %d\n", i)
				w.(http.Flusher).Flush()
				<-next
			}
		}))})
		res, err := r.client().http.Get(r.front.URL)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		lines := bufio.NewReader(res.Body)
		for i := range 3 {
			if line, err := lines.ReadString('\n'); line != fmt.Sprintf("data: %d\n", i) {
				t.Fatalf("event %d is %q, %v", i, line, err)
			}
			next <- struct{}{}
		}
		if _, err := lines.ReadByte(); err != io.EOF {
			t.Errorf("after the last event: %v", err)
		}
	})
}

func TestClientThatLeavesEndsItsRequest(t *testing.T) {
	inEveryMode(t, func(t *testing.T, m mode) {
		arrived, left := make(chan struct{}), make(chan struct{})
		r := m.start(t, []*node{m.newNode(t, "a", http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
			close(arrived)
			<-req.Context().Done()
			close(left)
		}))})
		conn := r.raw()
		conn.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
		<-arrived
		conn.Close()
		<-left
		eventually(t, "the node is free", func() bool { return r.pool.Nodes()[0].Open() == 0 })
		if got := r.handler.answers.ByStatus(); len(got) != 0 {
			t.Errorf("answered %v to a client that is gone", got)
		}
	})
}

func TestTruncatedResponseIsAnErrorToTheClient(t *testing.T) {
	inEveryMode(t, func(t *testing.T, m mode) {
		for name, header := range map[string]string{"chunked": "", "with a length": "100000"} {
			t.Run(name, func(t *testing.T) {
				r := m.start(t, []*node{m.newNode(t, "a", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
					if header != "" {
						w.Header().Set("Content-Length", header)
					}
					io.WriteString(w, strings.Repeat("x", 50000))
					w.(http.Flusher).Flush()
					panic(http.ErrAbortHandler)
				}))})
				_, text, err := r.client().do(http.MethodGet, "/", nil)
				if err == nil {
					t.Errorf("%d bytes passed for the whole", len(text))
				}
			})
		}
	})
}

func TestHeadHasTheLengthAndNoBody(t *testing.T) {
	r := start(t, []*node{newNode(t, "a", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "12345")
	}))})
	conn := r.raw()
	for range 2 {
		conn.send("HEAD / HTTP/1.1\r\nHost: h\r\n\r\n")
		if res, text := conn.receive(http.MethodHead); res.ContentLength != 12345 || text != "" {
			t.Errorf("length %d, body %q", res.ContentLength, text)
		}
	}
}

func TestBodyWaitsForTheNodesContinue(t *testing.T) {
	r := start(t, []*node{newNode(t, "a", http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if req.Header.Get("Authorization") == "" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		body, _ := io.ReadAll(req.Body)
		w.Write(body)
	}))})
	conn := r.raw()
	conn.send("POST / HTTP/1.1\r\nHost: h\r\nAuthorization: x\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n")
	if res, _ := conn.receive(http.MethodPost); res.StatusCode != http.StatusContinue {
		t.Fatalf("first answer %s", res.Status)
	}
	conn.send("hello")
	if res, text := conn.receive(http.MethodPost); res.StatusCode != http.StatusOK || text != "hello" {
		t.Errorf("%s %q", res.Status, text)
	}
	conn.send("POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n")
	if res, _ := conn.receive(http.MethodPost); res.StatusCode != http.StatusUnauthorized {
		t.Errorf("a body that the node does not want was asked for: %s", res.Status)
	}
}

func TestInformationalResponses(t *testing.T) {
	const hint = "HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n"
	const goOn = "HTTP/1.1 100 Continue\r\n\r\n"
	for name, c := range map[string]struct {
		expect string
		node   string
		want   []int
	}{
		"a hint is passed on":                      {"", hint, []int{103, 200}},
		"a 100 that nobody expects is passed on":   {"", goOn, []int{100, 200}},
		"who expects a 100 gets one, not two":      {"Expect: 100-continue\r\n", goOn + goOn, []int{100, 200}},
		"who expects a 100 gets no hint meanwhile": {"Expect: 100-continue\r\n", hint + goOn, []int{100, 200}},
	} {
		t.Run(name, func(t *testing.T) {
			r := start(t, []*node{newNode(t, "a", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				conn, buffered, err := http.NewResponseController(w).Hijack()
				if err != nil {
					t.Error(err)
					return
				}
				defer conn.Close()
				io.WriteString(conn, c.node)
				io.ReadFull(buffered, make([]byte, 5))
				io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
			}))})
			conn := r.raw()
			conn.send("POST / HTTP/1.1\r\nHost: h\r\n" + c.expect + "Content-Length: 5\r\n\r\n")
			if c.expect == "" {
				conn.send("hello")
			}
			for i, want := range c.want {
				res, _ := conn.receive(http.MethodPost)
				if res.StatusCode != want {
					t.Fatalf("answer %d is %s, wanted %d", i+1, res.Status, want)
				}
				if res.StatusCode == http.StatusContinue && c.expect != "" {
					conn.send("hello")
				}
			}
		})
	}
}

func TestTrailersOfAResponseArrive(t *testing.T) {
	r := start(t, []*node{newNode(t, "a", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Trailer", "Digest")
		io.WriteString(w, "body")
		w.Header().Set("Digest", "d")
		w.Header().Set(http.TrailerPrefix+"Late", "l")
	}))})
	res, text, err := r.client().do(http.MethodGet, "/", nil)
	if err != nil || text != "body" || res.Trailer.Get("Digest") != "d" || res.Trailer.Get("Late") != "l" {
		t.Errorf("%q, trailers %v, %v", text, res.Trailer, err)
	}
}

func TestTrailersOfARequestCannotForgeFields(t *testing.T) {
	trailers := make(chan http.Header, 1)
	r := start(t, []*node{newNode(t, "a", http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
		io.Copy(io.Discard, req.Body)
		trailers <- req.Trailer
	}))})
	conn := r.raw()
	conn.send("POST / HTTP/1.1\r\nHost: h\r\nTrailer: X\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nX: 1\r\nX-Forwarded-For: 10.0.0.1\r\n\r\n")
	if res, _ := conn.receive(http.MethodPost); res.StatusCode != http.StatusOK {
		t.Error(res.Status)
	}
	if got := <-trailers; len(got) != 0 {
		t.Errorf("the node sees the trailers %v", got)
	}
}

func TestConnectionsAreKept(t *testing.T) {
	inEveryMode(t, func(t *testing.T, m mode) {
		a := m.newNode(t, "a", nil)
		r := m.start(t, []*node{a})
		conn := r.raw()
		for i := range 20 {
			conn.send("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n3\r\ndef\r\n0\r\n\r\n")
			if _, text := conn.receive(http.MethodPost); seenIn(t, text).Body != "abcdef" {
				t.Fatalf("request %d came as %s", i, text)
			}
		}
		// net/http gives up a connection whose writer lost the CPU for 50 ms after its
		// write.
		if n := a.dialled.Load(); n > 3 {
			t.Errorf("20 requests took %d connections to the node", n)
		}
		r.handler.Close()
		eventually(t, "Close has freed it", func() bool { return a.open.Load() == 0 })
	})
}

func TestClientOfHTTP10IsServed(t *testing.T) {
	r := start(t, []*node{newNode(t, "a", http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		io.WriteString(w, req.Proto+" ")
		w.(http.Flusher).Flush()
		io.WriteString(w, "end")
	}))})
	conn := r.raw()
	conn.send("GET / HTTP/1.0\r\n\r\n")
	if res, text := conn.receive(http.MethodGet); text != "HTTP/1.1 end" || !res.Close || len(res.TransferEncoding) > 0 {
		t.Errorf("%q, close %v, coding %v", text, res.Close, res.TransferEncoding)
	}
	conn.ends()
}

func TestCompressedResponseStaysAsItIs(t *testing.T) {
	r := start(t, []*node{newNode(t, "a", http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		w.Header().Set("Content-Encoding", req.Header.Get("Accept-Encoding"))
		io.WriteString(w, "not really gzip")
	}))})
	res, text, err := r.client().do(http.MethodGet, "/", nil, "Accept-Encoding", "gzip")
	if err != nil || text != "not really gzip" || res.Header.Get("Content-Encoding") != "gzip" {
		t.Errorf("%q, %v, %v", text, res.Header, err)
	}
}
