package web

import (
	"bufio"
	"io"
	stdlog "log" //nolint:depguard // what others write there is taken over
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"

	"mqttlb/proxy/proxytest"
)

// repeating is a node that answers each request with the same bytes.
func repeating(t *testing.T, answer string) *node {
	return listening(t, "a", func(conn *net.TCPConn) {
		in := bufio.NewReader(conn)
		for {
			r, err := http.ReadRequest(in)
			if err != nil {
				return
			}
			io.Copy(io.Discard, r.Body)
			io.WriteString(conn, answer)
		}
	})
}

func logTo(log *proxytest.Log) setting {
	return func(_ *rig, o *setup) { o.Log = slog.New(slog.NewTextHandler(log, nil)) }
}

// Bytes that answer no request are in our log, with the node's name, and not in the standard log, where net/http writes them;
// and no later request gets them for its answer.
func TestUnsolicitedResponsesOfANodeAreLoggedWithItsName(t *testing.T) {
	var standard proxytest.Log
	out := stdlog.Writer()
	stdlog.SetOutput(&standard)
	defer stdlog.SetOutput(out)
	for name, answer := range map[string]string{
		"behind a response with a length": "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nforged",
		"behind a response in chunks":     "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\nHTTP/1.1 200 OK\r\n\r\nforged",
	} {
		var log proxytest.Log
		r := start(t, []*node{repeating(t, answer)}, logTo(&log))
		c := r.client()
		for range 3 {
			if res, text, err := c.do(http.MethodGet, "/", nil); err != nil || text != "ok" {
				t.Fatalf("%s: %v %q, %v", name, res, text, err)
			}
		}
		eventually(t, name+": lines with the node's name", func() bool {
			return strings.Count(log.String(), `level=WARN msg="a node has sent bytes that answer no request; the connection is closed" pool=dashboard node=a`) == 3
		})
	}
	if got := standard.String(); got != "" {
		t.Errorf("the standard log has %q", got)
	}
}

func TestResponseWithTwoLengthsIsABadGateway(t *testing.T) {
	r := start(t, []*node{repeating(t, "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")})
	r.client().refused(http.StatusBadGateway, "its answer is not HTTP", http.MethodGet, "/", nil)
}
