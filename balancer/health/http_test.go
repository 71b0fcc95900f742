package health

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/pires/go-proxyproto"
)

// A real server gets one ordinary request, whatever its answer.
func TestHTTPProbeAsksARealServer(t *testing.T) {
	for _, tt := range []struct {
		name   string
		check  Check
		answer http.HandlerFunc
		want   string // in the error; empty: the node is alive
	}{
		{"200", Check{}, func(http.ResponseWriter, *http.Request) {}, ""},
		{"HEAD", Check{Method: "HEAD"}, func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Content-Length", "5") }, ""},
		{"204 is of 2xx", Check{}, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(204) }, ""},
		{"204 is not 200", Check{Status: 200}, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(204) }, "its answer is 204 No Content, not 200"},
		{"503", Check{}, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) }, "its answer is 503 Service Unavailable, not 2xx"},
		{"401 where it is wanted", Check{Status: 401}, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(401) }, ""},
		{"a status of no name", Check{}, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(599) }, "its answer is 599 of no name, not 2xx"},
		{"a redirect", Check{}, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/elsewhere", http.StatusFound) }, "its answer is 302 Found, not 2xx"},
		{"an interim response first", Check{}, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(103); w.WriteHeader(200) }, ""},
		{"a body without end", Check{}, func(w http.ResponseWriter, _ *http.Request) {
			for {
				if _, err := w.Write(make([]byte, 64<<10)); err != nil {
					return
				}
			}
		}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			asked := make(chan *http.Request, 2)
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				asked <- r
				tt.answer(w, r)
			}))
			n := newPool(t, server.Listener.Addr().String()).Nodes()[0]
			check := tt.check
			check.Probe, check.Path = HTTP, "/status?format=json"
			err := newProber(check).probe(t.Context(), n).err
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || err.Error() != tt.want) {
				t.Errorf("%v, want %q", err, tt.want)
			}
			server.Close() // so that no more requests come
			close(asked)
			r := <-asked
			if r == nil {
				t.Fatal("it was not asked")
			}
			method := "GET"
			if tt.check.Method != "" {
				method = tt.check.Method
			}
			if r.Method != method || r.RequestURI != "/status?format=json" || r.Host != n.Address || !r.Close || r.UserAgent() != "mqttlb" || r.ContentLength != 0 {
				t.Errorf("%s %s, Host %s, close %v, header %v", r.Method, r.RequestURI, r.Host, r.Close, r.Header)
			}
			if again := <-asked; again != nil {
				t.Errorf("it was asked for %s, too", again.RequestURI)
			}
		})
	}
}

func TestHTTPProbeJudgesTheAnswer(t *testing.T) {
	say := func(text string) func(*net.TCPConn) {
		return func(conn *net.TCPConn) { io.WriteString(conn, text) }
	}
	hang := func(text string) func(*net.TCPConn) {
		return func(conn *net.TCPConn) {
			io.WriteString(conn, text)
			io.Copy(io.Discard, conn)
		}
	}
	const short = 500 * time.Millisecond
	for _, tt := range []struct {
		name    string
		answer  func(*net.TCPConn)
		timeout time.Duration
		want    string // in the error; empty: the node is alive
	}{
		{"1.1", hang("HTTP/1.1 200 OK\r\n\r\n"), 0, ""},
		{"1.0 without a reason", say("HTTP/1.0 200\r\n\r\n"), 0, ""},
		{"a body that never comes", hang("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n"), 0, ""},
		{"chunks that are none", say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzzz"), 0, ""},
		{"one byte at a time", func(conn *net.TCPConn) {
			for _, b := range []byte("HTTP/1.1 200 OK\r\nA: b\r\n\r\n") {
				conn.Write([]byte{b})
			}
		}, 0, ""},
		{"hangs", hang(""), short, "no HTTP response within timeout 500ms"},
		{"hangs in the status line", hang("HTTP/1.1 20"), short, "no HTTP response within timeout 500ms"},
		{"hangs in the header", hang("HTTP/1.1 200 OK\r\nA: b\r\n"), short, "no HTTP response within timeout 500ms"},
		{"hangs after an interim response", hang("HTTP/1.1 100 Continue\r\n\r\n"), short, "no HTTP response within timeout 500ms"},
		{"closes", say(""), 0, "it closed the connection and sent no HTTP response"},
		{"closes in the header", say("HTTP/1.1 200 OK\r\nA: b\r\n"), 0, "it closed the connection and sent no HTTP response"},
		{"resets", func(conn *net.TCPConn) { conn.SetLinger(0) }, 0, "reset by peer"},
		{"a status line that is none", hang("ICY 200 OK\r\n\r\n"), 0, "its answer is no HTTP response"},
		{"a status that is none", hang("HTTP/1.1 2000 OK\r\n\r\n"), 0, "its answer is no HTTP response"},
		{"a header that is none", hang("HTTP/1.1 200 OK\r\nA b\r\n\r\n"), 0, "its answer is no HTTP response"},
		{"speaks MQTT", hang("\x20\x02\x00\x05\r\n"), 0, "its answer is no HTTP response"},
		{"speaks TLS", hang("\x15\x03\x01\x00\x02\x02\x0a\r\n"), 0, "its answer is no HTTP response"},
		{"a header without end", func(conn *net.TCPConn) {
			io.WriteString(conn, "HTTP/1.1 200 OK\r\n")
			for {
				if _, err := io.WriteString(conn, "A: "+strings.Repeat("b", 1000)+"\r\n"); err != nil {
					return
				}
			}
		}, 0, "the header of its HTTP response is larger than 65536 bytes"},
		{"a line without end", func(conn *net.TCPConn) {
			for {
				if _, err := io.WriteString(conn, strings.Repeat("H", 1000)); err != nil {
					return
				}
			}
		}, 0, "the header of its HTTP response is larger than 65536 bytes"},
		{"interim responses without end", func(conn *net.TCPConn) {
			for {
				if _, err := io.WriteString(conn, "HTTP/1.1 102 Processing\r\n\r\n"); err != nil {
					return
				}
			}
		}, 0, "the header of its HTTP response is larger than 65536 bytes"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			n := broker(t, "127.0.0.1:0", func(conn *net.TCPConn) {
				if _, err := http.ReadRequest(bufio.NewReader(conn)); err != nil {
					t.Errorf("reading the request: %v", err)
				}
				tt.answer(conn)
			})
			err := newProber(Check{Probe: HTTP, Path: "/", Timeout: tt.timeout}).probe(t.Context(), n).err
			if tt.want == "" && err != nil {
				t.Errorf("%v, want alive", err)
			}
			if tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("%v, want an error with %q", err, tt.want)
			}
		})
	}
}

// The node's own port expects a PROXY header if the pool sends one; another port does
// not.
func TestHTTPProbeOpensWithPROXYOnTheNodesOwnPortAlone(t *testing.T) {
	for _, version := range []uint8{1, 2} {
		for _, port := range []string{"none", "its own", "another"} {
			t.Run(fmt.Sprintf("v%d/%s", version, port), func(t *testing.T) {
				answering := broker(t, "127.0.0.1:0", func(conn *net.TCPConn) {
					b := make([]byte, 4096)
					size, err := conn.Read(b) // one write must hold both
					if err != nil {
						t.Error(err)
						return
					}
					r := bufio.NewReader(bytes.NewReader(b[:size]))
					h, err := proxyproto.Read(r)
					switch {
					case port == "another" && err == nil:
						t.Errorf("another listener gets the header %+v", h)
					case port == "another":
					case err != nil:
						t.Errorf("%q: %v", b[:size], err)
						return
					case h.Version != version || h.Command != proxyproto.PROXY ||
						h.SourceAddr.String() != conn.RemoteAddr().String() || h.DestinationAddr.String() != conn.LocalAddr().String():
						t.Errorf("header %+v on %v -> %v", h, conn.RemoteAddr(), conn.LocalAddr())
					}
					request, err := http.ReadRequest(r)
					if err != nil {
						t.Errorf("%q: %v", b[:size], err)
						return
					}
					if want := conn.LocalAddr().String(); request.Host != want {
						t.Errorf("Host %s, want %s", request.Host, want)
					}
					io.WriteString(conn, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
				})
				check := Check{Probe: HTTP, Path: "/", ProxyProtocol: version}
				n := answering
				switch port {
				case "its own":
					check.Port = n.Port
				case "another":
					check.Port = n.Port
					n = newPool(t, "127.0.0.1:1").Nodes()[0] // nobody listens there
				}
				if r := newProber(check).probe(t.Context(), n); r.err != nil {
					t.Error(r.err)
				}
			})
		}
	}
}

func TestHTTPProbeNamesTheNodeAsItIsConfigured(t *testing.T) {
	for _, tt := range []struct {
		address, host string
		port          uint16
		want          string
	}{
		{"node1:8083", "", 0, "node1:8083"},
		{"node1:8083", "", 18083, "node1:18083"},
		{"[fd00::1]:8083", "", 18083, "[fd00::1]:18083"},
		{"node1:8083", "status.example.com", 18083, "status.example.com"},
		{"node1:8083", "status.example.com:80", 0, "status.example.com:80"},
	} {
		n := newPool(t, tt.address).Nodes()[0]
		b, err := appendRequest([]byte("PROXY\n"), &Check{Path: "/%7Ea//b?c=%2f", Host: tt.host, Port: tt.port}, n)
		if err != nil {
			t.Fatal(err)
		}
		want := "PROXY\nGET /%7Ea//b?c=%2f HTTP/1.1\r\nHost: " + tt.want + "\r\nUser-Agent: mqttlb\r\nConnection: close\r\n\r\n"
		if string(b) != want {
			t.Errorf("%+v: got %q, want %q", tt, b, want)
		}
	}
}

func TestHTTPProbeOfAClosedPortNamesThePort(t *testing.T) {
	n := newPool(t, "127.0.0.1:1").Nodes()[0]
	r := newProber(Check{Probe: HTTP, Path: "/", Port: 2}).probe(t.Context(), n)
	if r.err == nil || !strings.Contains(r.err.Error(), ":2: connect: connection refused") {
		t.Error(r.err)
	}
}
