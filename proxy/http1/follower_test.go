package http1

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"
)

// requests are streams of requests; package proxy has the table of those that are refused.
var requests = []string{
	"GET / HTTP/1.1\r\nHost: h\r\n\r\n",
	"GET / HTTP/1.1\r\nHost: h\r\n\r\nGET / HTTP/1.0\r\n\r\n",
	"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\n\r\n\r\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n",
	"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5;a=b\r\n12345\r\nA  \r\n1234567890\r\n0\r\nX: 1\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n",
	"GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
	"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
	"GET / HTTP/1.1\r\nHost: h\r\nX: 1\r\n 2\r\n\r\n",
	"GET / HTTP/1.1\nHost: h\n\n",
}

// follow follows b in pieces of at most this size.
func follow(f *Follower, b []byte, piece int) (n int, fault *Fault) {
	for n < len(b) {
		good, fault := f.Follow(b[n:min(n+piece, len(b))])
		if n += good; fault != nil {
			return n, fault
		}
	}
	return n, nil
}

// FuzzFollower compares what is accepted with net/http's reading: both see the same requests. How the bytes are cut does not
// matter.
func FuzzFollower(f *testing.F) {
	for _, s := range requests {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var whole, cut Follower
		n, fault := whole.Follow(b)
		if m, other := follow(&cut, b, 1); m != n || other != fault || cut.Headers() != whole.Headers() || cut.Upgraded() != whole.Upgraded() {
			t.Errorf("whole: %d, %v; byte by byte: %d, %v", n, fault, m, other)
		}
		if again, other := whole.Follow(b); fault != nil && (again != 0 || other != fault) {
			t.Errorf("after the fault %v: %d, %v", fault, again, other)
		}
		if fault != nil || !cut.AtStart() {
			return
		}
		in, seen := bufio.NewReaderSize(bytes.NewReader(b), 1<<20), 0
		for {
			r, err := http.ReadRequest(in)
			if err == io.EOF && seen != cut.Headers() {
				t.Errorf("%d requests, by net/http %d", cut.Headers(), seen)
			}
			if err != nil {
				return // it refuses more
			}
			seen++
			if _, err := io.Copy(io.Discard, r.Body); err != nil {
				return
			}
		}
	})
}

func TestFollowerFindsTheUpgrade(t *testing.T) {
	const up = "GET / HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\n"
	for sent, want := range map[string]int{
		up + "\r\n":                                    1,
		requests[0] + up + "\r\n":                      2,
		up + "\r\n" + requests[0]:                      1,
		up + "Content-Length: 1\r\n\r\n1":              0,
		up + "Content-Length: 0\r\n\r\n":               1,
		strings.Replace(up, "Upgrade", "X", 1):         0,
		up + "Transfer-Encoding: chunked\r\n\r\n0\r\n": 0,
	} {
		var f Follower
		if _, fault := f.Follow([]byte(sent)); fault != nil || f.Upgraded() != want {
			t.Errorf("%q: %d, %v, want %d", sent, f.Upgraded(), fault, want)
		}
	}
}

func TestFollowingAllocatesNothing(t *testing.T) {
	b := []byte("GET /page HTTP/1.1\r\nHost: h\r\nUser-Agent: " + strings.Repeat("x", 200) + "\r\nCookie: a=b\r\n\r\n")
	var f Follower
	if n := testing.AllocsPerRun(100, func() { f.Follow(b) }); n > 0 {
		t.Errorf("%v allocations for a request", n)
	}
}
