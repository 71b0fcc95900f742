package http1

import (
	"bufio"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
)

// responses are responses of a node, the length of their good part, and whether it is followed to its end.
var responses = []struct {
	sent  string // | is the end of the good part; without it all is good
	err   error
	whole bool
	head  bool
}{
	{sent: "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r|\n", err: ErrBothLengths},
	{sent: "HTTP/1.0 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r|\n", err: ErrBothLengths},
	{sent: "HTTP/1.1 200 OK\ntransfer-encoding: chunked\ncontent-length: 5\n|\n", err: ErrBothLengths},
	{sent: "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: x\r\n\r|\n", err: ErrBothLengths},
	{sent: "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n12345|HTTP/1.1 200 OK\r\n", err: ErrBehind, whole: true},
	{sent: "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n|12345", err: ErrBehind, whole: true, head: true},
	{sent: "HTTP/1.1 204 No Content\r\n\r\n|x", err: ErrBehind, whole: true},
	{sent: "HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n|x", err: ErrBehind, whole: true},
	{sent: "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n|x", err: ErrBehind, whole: true},
	{sent: "HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n5;a=b\r\n12345\r\na\r\n1234567890\r\n0\r\nX: 1\r\n\r\n|x", err: ErrBehind, whole: true},
	{sent: "HTTP/1.1 103 Early Hints\r\nTransfer-Encoding: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n12345", whole: true},
	{sent: "HTTP/1.1 101 Switching\r\n\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"},
	{sent: "HTTP/1.1 200 OK\r\n\r\nup to the end"},
	{sent: "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n12345"},
	{sent: "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\nx"},
	{sent: "SSH-2.0\r\nContent-Length: 5\r\n\r\n123456"},
}

func TestResponsesAreFollowedToTheirEnd(t *testing.T) {
	for _, row := range responses {
		good, _, _ := strings.Cut(row.sent, "|")
		b := []byte(strings.Replace(row.sent, "|", "", 1))
		for _, piece := range []int{1, len(b)} {
			r, n := Response{NoBody: row.head}, 0
			var err error
			for n < len(b) && err == nil {
				var more int
				more, err = r.Follow(b[n:min(n+piece, len(b))])
				n += more
			}
			if n != len(good) || !errors.Is(err, row.err) || r.Whole() != row.whole {
				t.Errorf("%q in pieces of %d: %d good, %v, whole: %v", row.sent, piece, n, err, r.Whole())
			}
		}
	}
}

// FuzzResponse compares the end of a response with that of net/http.
func FuzzResponse(f *testing.F) {
	for _, row := range responses {
		f.Add([]byte(strings.Replace(row.sent, "|", "", 1)), row.head)
	}
	f.Fuzz(func(t *testing.T, b []byte, head bool) {
		followed := Response{NoBody: head}
		n, err := followed.Follow(b)
		if !errors.Is(err, ErrBehind) {
			return
		}
		request := &http.Request{Method: http.MethodGet}
		if head {
			request.Method = http.MethodHead
		}
		source := strings.NewReader(string(b))
		in := bufio.NewReaderSize(source, 1<<20)
		for {
			resp, err := http.ReadResponse(in, request) //nolint:bodyclose // there is no connection
			if err != nil {
				return // refused
			}
			if resp.StatusCode/100 == 1 && resp.StatusCode != http.StatusSwitchingProtocols {
				continue
			}
			if _, err := io.Copy(io.Discard, resp.Body); err != nil {
				return
			}
			if end := len(b) - source.Len() - in.Buffered(); end != n {
				t.Errorf("%q ends at %d, by net/http at %d", b, n, end)
			}
			return
		}
	})
}
