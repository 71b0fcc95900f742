package proxy

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"

	"mqttlb/proxy/http1"
	"mqttlb/proxy/outcome"
	"mqttlb/proxy/snapshot"
)

// recorder is an HTTP node that keeps the bytes of each of its connections.
type recorder struct {
	mu    sync.Mutex // guards the field below
	bytes []*bytes.Buffer
}

func (n *recorder) serve(c net.Conn) {
	b := new(bytes.Buffer)
	n.mu.Lock()
	n.bytes = append(n.bytes, b)
	n.mu.Unlock()
	in := bufio.NewReader(readerFunc(func(p []byte) (int, error) {
		got, err := c.Read(p)
		n.mu.Lock()
		b.Write(p[:got])
		n.mu.Unlock()
		return got, err
	}))
	for {
		r, err := http.ReadRequest(in)
		if err != nil {
			return
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		answer := fmt.Sprintf("%s %q", r.RequestURI, body)
		if _, err := fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(answer), answer); err != nil {
			return
		}
	}
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(b []byte) (int, error) { return f(b) }

// seen returns all that the node has got, and checks that no reader can take it in two ways.
func (n *recorder) seen(t *testing.T) string {
	t.Helper()
	n.mu.Lock()
	defer n.mu.Unlock()
	var all strings.Builder
	for _, b := range n.bytes {
		var f http1.Follower
		if _, fault := f.Follow(b.Bytes()); fault != nil {
			t.Errorf("the node got %q: %v", b, fault)
		}
		all.Write(b.Bytes())
	}
	return all.String()
}

const behind = "GET /behind HTTP/1.1\r\nHost: h\r\n\r\n"

// doubtful are requests whose end, or whose meaning, two servers may see in different ways; behind comes behind each.
var doubtful = []struct {
	name, sent string
	status     int
	why        string
}{
	{"a length and chunks", "POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400, "Content-Length and Transfer-Encoding"},
	{"chunks and a length", "POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n", 400, "Content-Length and Transfer-Encoding"},
	{"a folded field", "GET /a HTTP/1.1\r\nHost: h\r\nX: 1\r\n 2\r\n\r\n", 400, "folded"},
	{"a length folded away", "POST /a HTTP/1.1\r\nHost: h\r\nX: 1\r\n\tContent-Length: 5\r\n\r\n", 400, "folded"},
	{"white space before the first field", "GET /a HTTP/1.1\r\n Host: h\r\nHost: h\r\n\r\n", 400, "folded"},
	{"a space before a colon", "POST /a HTTP/1.1\r\nHost: h\r\nContent-Length : 5\r\n\r\n", 400, "white space before its colon"},
	{"a tab before a colon", "POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding\t: chunked\r\n\r\n", 400, "control character|white space"},
	{"no name", "GET /a HTTP/1.1\r\nHost: h\r\n: 5\r\n\r\n", 400, "the name of a header field"},
	{"a line without a colon", "GET /a HTTP/1.1\r\nHost: h\r\nContent-Length\r\n\r\n", 400, "the name of a header field"},
	{"a bare CR in a value", "GET /a HTTP/1.1\r\nHost: h\r\nX: 1\rContent-Length: 5\r\n\r\n", 400, "CR"},
	{"a bare LF at an end", "GET /a HTTP/1.1\r\nHost: h\r\nX: 1\nContent-Length: 5\r\n\r\n", 400, "LF"},
	{"a bare LF as an empty line", "GET /a HTTP/1.1\r\nHost: h\r\n\n", 400, "LF"},
	{"LF alone", "GET /a HTTP/1.1\nHost: h\n\n", 400, "LF"},
	{"a NUL in a value", "GET /a HTTP/1.1\r\nHost: h\r\nX: 1\x002\r\n\r\n", 400, "control"},
	{"a control character in a value", "GET /a HTTP/1.1\r\nHost: h\r\nX: 1\x0b2\r\n\r\n", 400, "control"},
	{"a control character in a name", "GET /a HTTP/1.1\r\nHost: h\r\nContent-Length\x0b: 5\r\n\r\n", 400, "control"},
	{"a DEL in a target", "GET /a\x7f HTTP/1.1\r\nHost: h\r\n\r\n", 400, "control"},
	{"two lengths", "POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n12345", 400, "several Content-Length"},
	{"the same length twice", "POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n12345", 400, "several Content-Length"},
	{"a list of lengths", "POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 5, 5\r\n\r\n12345", 400, "Content-Length is not"},
	{"a length with a sign", "POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: +5\r\n\r\n12345", 400, "Content-Length is not"},
	{"a negative length", "POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: -5\r\n\r\n12345", 400, "Content-Length is not"},
	{"a length in hexadecimal", "POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 0x5\r\n\r\n12345", 400, "Content-Length is not"},
	{"an empty length", "POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: \r\n\r\n", 400, "Content-Length is not"},
	{"a length beyond 64 bits", "POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 18446744073709551621\r\n\r\n12345", 400, "Content-Length is not"},
	{"another coding", "POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: identity\r\n\r\n", 400, "not chunked"},
	{"chunked, but not last", "POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n", 400, "not chunked"},
	{"chunked after gzip", "POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501, "something else"},
	{"chunked twice", "POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400, "several Transfer-Encoding"},
	{"a coding in two fields", "POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n", 400, "several Transfer-Encoding"},
	{"chunked with a control character", "POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n", 400, "control"},
	{"chunked in quotes", "POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\n", 400, "not chunked"},
	{"chunked far behind", "POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding:" + strings.Repeat(" ", 99) + "chunked\r\n\r\n0\r\n\r\n", 400, "not chunked"},
	{"chunks of HTTP/1.0", "POST /a HTTP/1.0\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400, "HTTP/1.0"},
	{"two hosts", "GET /a HTTP/1.1\r\nHost: h\r\nHost: h\r\n\r\n", 400, "several Host"},
	{"no host", "GET /a HTTP/1.1\r\nX: 1\r\n\r\n", 400, "Host"},
	{"two spaces in the first line", "GET  /a HTTP/1.1\r\nHost: h\r\n\r\n", 400, "request line"},
	{"a space in the target", "GET /a b HTTP/1.1\r\nHost: h\r\n\r\n", 400, "request line"},
	{"a tab in the first line", "GET\t/a HTTP/1.1\r\nHost: h\r\n\r\n", 400, "request line|control|HTTP/1.1 is spoken here"},
	{"a space before the method", " GET /a HTTP/1.1\r\nHost: h\r\n\r\n", 400, ""},
	{"HTTP/0.9", "GET /a\r\n", 400, "request line"},
	{"the preface of HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505, "HTTP/1.1"},
	{"a chunk without a size", "POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n\r\n\r\n", 400, ""},
	{"a chunk with a sign", "POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n+5\r\n12345\r\n0\r\n\r\n", 400, ""},
	{"a chunk of 0x5", "POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0x5\r\n12345\r\n0\r\n\r\n", 400, ""},
	{"a chunk beyond 64 bits", "POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n10000000000000005\r\n12345\r\n0\r\n\r\n", 400, ""},
	{"a chunk that is longer", "POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n123456\r\n0\r\n\r\n", 400, ""},
	{"a chunk's line with LF alone", "POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5;a=\nb\r\n12345\r\n0\r\n\r\n", 400, ""},
	{"a chunk's end with LF alone", "POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n12345\n0\r\n\r\n", 400, ""},
	{"a trailer that is folded", "POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: 1\r\n 2\r\n\r\n", 400, ""},

	{"an extension of a chunk", "POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5;a=\"b\"\r\n12345\r\n0\r\n\r\n", 200, `/a "12345"`},
	{"a trailer", "POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: Chunked\r\nTrailer: X\r\n\r\n5\r\n12345\r\n0\r\nX: 1\r\nContent-Length: 9\r\n\r\n", 200, `/a "12345"`},
	{"another host in the target", "GET http://i/a HTTP/1.1\r\nHost: h\r\n\r\n", 200, "/a"},
	{"a length with white space", "POST /a HTTP/1.1\r\nHost: h\r\nContent-Length:\t 5 \r\n\r\n12345", 200, `/a "12345"`},
	{"a letter beyond ASCII", "GET /a HTTP/1.1\r\nHost: h\r\nX: \xe9\t1\r\n\r\n", 200, "/a"},
}

func TestRequestsThatAreOpenToDoubtAreRefused(t *testing.T) {
	for _, mode := range []string{"plain", "tls"} {
		node := new(recorder)
		r := start(t, []string{startNode(t, node.serve).address()}, func(s *snapshot.Snapshot) {
			ln := s.Listeners[0]
			ln.Protocol, ln.Routes = snapshot.HTTP, []snapshot.Route{{Pool: ln.Pool}}
			s.MaxHeaderSize, s.Timeouts.KeepAlive = 16<<10, patience
			if mode == "tls" {
				ln.TLS = testTLS()
			}
		})
		for _, row := range doubtful {
			for _, before := range []string{"first", "kept", "pipelined", "dripped"} {
				t.Run(mode+"/"+row.name+"/"+before, func(t *testing.T) { sendDoubtful(t, r, before, row.sent, row.status, row.why) })
			}
		}
		if seen := node.seen(t); strings.Count(seen, "GET /behind ") != 4*5 {
			t.Errorf("%s: requests behind a doubtful one: %d, want those behind good ones alone", mode, strings.Count(seen, "GET /behind "))
		}
		r.stop()
		if r.outcomes(outcome.BadRequest) == 0 {
			t.Errorf("%s: no outcome %s", mode, outcome.BadRequest)
		}
	}
}

// sendDoubtful sends one request, and another one behind it, on a connection of its own.
func sendDoubtful(t *testing.T, r *rig, before, sent string, status int, why string) {
	c := r.dialBare(r.srv.Addr("mqtt"))
	c.t = t
	defer c.Close()
	if r.snap.Listeners[0].TLS != nil {
		c.Conn = tls.Client(c.Conn, clientTLS(nil))
	}
	in := bufio.NewReader(c.Conn)
	const good = "POST /good HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\n123"
	switch before {
	case "first":
		c.send([]byte(sent + behind))
	case "kept":
		c.send([]byte(good))
		wantAnswer(t, in, 200, "/good")
		c.send([]byte(sent + behind))
	case "pipelined":
		c.send([]byte(good + sent + behind))
		wantAnswer(t, in, 200, "/good")
	case "dripped":
		c.trickle([]byte(sent+behind), true)
	}
	if status == 400 && before == "first" && sent[0] == ' ' {
		return // not HTTP at all
	}
	closed := wantAnswer(t, in, status, why)
	if status == http.StatusOK {
		wantAnswer(t, in, 200, "/behind")
		return
	}
	if !closed {
		t.Error("the answer does not close the connection")
	}
	if rest, err := io.ReadAll(in); len(rest) > 0 || err != nil {
		t.Errorf("behind the answer: %q, %v", rest, err)
	}
}

// wantAnswer reads an answer, whose body holds one of the words that are separated by |.
func wantAnswer(t *testing.T, in *bufio.Reader, status int, words string) (closed bool) {
	t.Helper()
	resp, err := http.ReadResponse(in, nil)
	if err != nil {
		t.Fatalf("no answer: %v", err)
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body)
	for word := range strings.SplitSeq(words, "|") {
		if resp.StatusCode == status && strings.Contains(string(body), word) {
			return resp.Close
		}
	}
	t.Fatalf("answered %s %q, want %d %s", resp.Status, body, status, words)
	return false
}
