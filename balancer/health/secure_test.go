package health

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/pires/go-proxyproto"

	"mqttlb/balancer"
	"mqttlb/proxy/proxytest"
)

var tlsVersions = map[string]uint16{"TLS 1.2": tls.VersionTLS12, "TLS 1.3": tls.VersionTLS13}

// readAhead is a connection of which r has already read the first bytes.
type readAhead struct {
	net.Conn
	reader *bufio.Reader
}

func (c *readAhead) Read(b []byte) (int, error) { return c.reader.Read(b) }

// A node sees for each probe a PROXY header in the clear, everything else inside TLS, and
// a clean end of both.
func TestProbeSpeaksTLSBehindThePROXYHeader(t *testing.T) {
	ca := proxytest.NewCA("a CA")
	certificates := []tls.Certificate{ca.Issue("node.test").TLS}
	for name, version := range tlsVersions {
		for _, probe := range []Probe{TCP, MQTT, HTTP} {
			for _, header := range []uint8{0, 1, 2} {
				t.Run(fmt.Sprintf("%s/%v/v%d", name, probe, header), func(t *testing.T) {
					n := broker(t, "127.0.0.1:0", func(conn *net.TCPConn) {
						ahead := &readAhead{conn, bufio.NewReader(conn)}
						if header != 0 {
							h, err := proxyproto.Read(ahead.reader)
							if err != nil || h.Version != header || h.Command != proxyproto.PROXY || h.SourceAddr.String() != conn.RemoteAddr().String() {
								t.Errorf("header %+v, %v", h, err)
								return
							}
						}
						secured := tls.Server(ahead, &tls.Config{Certificates: certificates, MaxVersion: version})
						if err := secured.Handshake(); err != nil {
							t.Error(err)
							return
						}
						if state := secured.ConnectionState(); state.Version != version || state.ServerName != "node.test" {
							t.Errorf("version %x, server name %q", state.Version, state.ServerName)
						}
						inside, wantRest := bufio.NewReader(secured), ""
						switch probe {
						case MQTT:
							readConnect(t, inside)
							secured.Write([]byte{0x20, 2, 0, 0})
							wantRest = "\xe0\x00"
						case HTTP:
							if r, err := http.ReadRequest(inside); err != nil || r.RequestURI != "/status" {
								t.Errorf("request %+v, %v", r, err)
							}
							io.WriteString(secured, "HTTP/1.1 204 No Content\r\n\r\n")
						case None, TCP, EMQX:
						}
						// Without a close_notify this would be an error.
						if rest, err := io.ReadAll(inside); err != nil || string(rest) != wantRest {
							t.Errorf("the end: %q, %v; want %q and no error", rest, err, wantRest)
						}
						secured.CloseWrite()
						if _, err := io.Copy(io.Discard, conn); err != nil {
							t.Errorf("after the end: %v", err) // the probe closed with a reset
						}
					})
					p := newProber(Check{Probe: probe, ProxyProtocol: header, Path: "/status", Secure: secureWith(ca.Trust("node.test"))})
					if r := p.probe(t.Context(), n); r.err != nil || r.took <= 0 {
						t.Errorf("%+v", r)
					}
				})
			}
		}
	}
}

func TestProbeSaysWhyThereIsNoTLS(t *testing.T) {
	ca, other := proxytest.NewCA("a CA"), proxytest.NewCA("a CA")
	good := ca.Issue("node.test").TLS
	serve := func(c *tls.Config) func(conn *net.TCPConn) {
		return func(conn *net.TCPConn) {
			if tls.Server(conn, c).Handshake() == nil {
				t.Error("a handshake went well")
			}
			io.Copy(io.Discard, conn)
		}
	}
	with := func(c tls.Certificate) func(conn *net.TCPConn) {
		return serve(&tls.Config{Certificates: []tls.Certificate{c}})
	}
	demanding := func(version uint16) func(conn *net.TCPConn) {
		return serve(&tls.Config{
			Certificates: []tls.Certificate{good}, MaxVersion: version,
			ClientCAs: ca.Pool(), ClientAuth: tls.RequireAndVerifyClientCert,
		})
	}
	for _, tt := range []struct {
		name    string
		node    func(conn *net.TCPConn)
		timeout time.Duration
		want    string
	}{
		{"another name", with(ca.Issue("other.test").TLS), 0, "TLS: certificate is valid for other.test, not node.test"},
		{"another CA", with(other.Issue("node.test").TLS), 0, "TLS: certificate signed by unknown authority"},
		{"expired", with(ca.IssueLike(proxytest.Expired(), "node.test").TLS), 0, "TLS: certificate has expired"},
		{"an old version", serve(&tls.Config{Certificates: []tls.Certificate{good}, MaxVersion: tls.VersionTLS11}), 0,
			"TLS handshake: remote error: tls: protocol version not supported"},
		{"wants a certificate, TLS 1.2", demanding(tls.VersionTLS12), 0, "remote error: tls: "},
		{"wants a certificate, TLS 1.3", demanding(tls.VersionTLS13), 0, "remote error: tls: certificate required"},
		{"plain HTTP", func(conn *net.TCPConn) {
			io.WriteString(conn, "HTTP/1.1 400 Bad Request\r\n\r\n")
			io.Copy(io.Discard, conn)
		}, 0, "its answer to a TLS handshake is no TLS"},
		{"plain MQTT", func(conn *net.TCPConn) {
			conn.Write([]byte{0x20, 3, 0, 0x81, 0})
			io.Copy(io.Discard, conn)
		}, 0, "its answer to a TLS handshake is no TLS"},
		{"closes", func(conn *net.TCPConn) {
			io.CopyN(io.Discard, conn, 100)
			conn.CloseWrite()
			io.Copy(io.Discard, conn)
		}, 0, "it closed the connection in the TLS handshake"},
		{"closes in a record", func(conn *net.TCPConn) {
			conn.Write([]byte{0x16, 3, 3, 0, 100, 2})
			conn.CloseWrite()
			io.Copy(io.Discard, conn)
		}, 0, "it closed the connection in the TLS handshake"},
		{"resets", func(conn *net.TCPConn) {
			io.CopyN(io.Discard, conn, 100)
			conn.SetLinger(0)
		}, 0, "reset by peer"},
		{"hangs", func(conn *net.TCPConn) { io.Copy(io.Discard, conn) }, 500 * time.Millisecond, "no TLS handshake within timeout 500ms"},
		{"hangs in a record", func(conn *net.TCPConn) {
			conn.Write([]byte{0x16, 3, 3, 0, 100, 2})
			io.Copy(io.Discard, conn)
		}, 500 * time.Millisecond, "no TLS handshake within timeout 500ms"},
	} {
		for _, probe := range []Probe{TCP, MQTT, HTTP} {
			t.Run(fmt.Sprint(tt.name, "/", probe), func(t *testing.T) {
				n := broker(t, "127.0.0.1:0", tt.node)
				p := newProber(Check{Probe: probe, Path: "/", Timeout: tt.timeout, Secure: secureWith(ca.Trust("node.test"))})
				if err := p.probe(t.Context(), n).err; err == nil || !strings.Contains(err.Error(), tt.want) {
					t.Errorf("%v, want an error with %q", err, tt.want)
				}
			})
		}
	}
}

func TestNodeThatWantsACertificateGetsOurs(t *testing.T) {
	ca := proxytest.NewCA("a CA")
	ours := ca.IssueLike(x509.Certificate{ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}, "balancer").TLS
	for name, version := range tlsVersions {
		t.Run(name, func(t *testing.T) {
			n := broker(t, "127.0.0.1:0", func(conn *net.TCPConn) {
				secured := tls.Server(conn, &tls.Config{
					Certificates: []tls.Certificate{ca.Issue("node.test").TLS}, MaxVersion: version,
					ClientCAs: ca.Pool(), ClientAuth: tls.RequireAndVerifyClientCert,
				})
				if _, err := io.Copy(io.Discard, secured); err != nil {
					t.Error(err)
				}
			})
			config := ca.Trust("node.test")
			config.Certificates = []tls.Certificate{ours}
			if r := newProber(Check{Probe: TCP, Secure: secureWith(config)}).probe(t.Context(), n); r.err != nil {
				t.Error(r.err)
			}
		})
	}
}

// The probe judges an answer inside TLS like one without TLS.
func TestProbeJudgesTheAnswerInsideTLS(t *testing.T) {
	ca := proxytest.NewCA("a CA")
	certificate := ca.Issue("node.test").TLS
	for _, tt := range []struct {
		name    string
		check   Check
		answer  string // after it the node is silent; empty: it closes
		timeout time.Duration
		want    string // in the error
	}{
		{"a refusal", Check{Probe: MQTT}, "\x20\x02\x00\x03", 0, "return code 3"},
		{"half a CONNACK", Check{Probe: MQTT}, "\x20\x02", time.Second, "no CONNACK within timeout 1s"},
		{"no CONNACK", Check{Probe: MQTT}, "", 0, "closed the connection and sent no CONNACK"},
		{"a status", Check{Probe: HTTP, Path: "/"}, "HTTP/1.1 503 Service Unavailable\r\n\r\n", 0, "its answer is 503"},
		{"half a response", Check{Probe: HTTP, Path: "/"}, "HTTP/1.1 200 OK\r\n", time.Second, "no HTTP response within timeout 1s"},
		{"no response", Check{Probe: HTTP, Path: "/"}, "", 0, "closed the connection and sent no HTTP response"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			n := broker(t, "127.0.0.1:0", func(conn *net.TCPConn) {
				secured := tls.Server(conn, &tls.Config{Certificates: []tls.Certificate{certificate}})
				if _, err := secured.Read(make([]byte, 1024)); err != nil {
					t.Error(err)
				}
				if tt.answer == "" {
					secured.CloseWrite()
				} else {
					io.WriteString(secured, tt.answer)
				}
				io.Copy(io.Discard, conn) // ends with the probe's connection
			})
			check := tt.check
			check.Timeout, check.Secure = tt.timeout, secureWith(ca.Trust("node.test"))
			if err := newProber(check).probe(t.Context(), n).err; err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%v, want an error with %q", err, tt.want)
			}
		})
	}
}

func TestHTTPProbeOfAnotherPortSpeaksNoTLS(t *testing.T) {
	n := broker(t, "127.0.0.1:0", func(conn *net.TCPConn) {
		if _, err := http.ReadRequest(bufio.NewReader(conn)); err != nil {
			t.Error(err)
		}
		io.WriteString(conn, "HTTP/1.1 200 OK\r\n\r\n")
	})
	check := Check{Probe: HTTP, Path: "/", Port: n.Port, ProxyProtocol: 2, Secure: func(context.Context, net.Conn, *balancer.Node) (net.Conn, error) {
		return nil, errors.New("another port was to speak TLS")
	}}
	if r := newProber(check).probe(t.Context(), newPool(t, "127.0.0.1:1").Nodes()[0]); r.err != nil {
		t.Error(r.err)
	}
	// Port may name the node's own port: the same listener.
	ca := proxytest.NewCA("a CA")
	n = broker(t, "127.0.0.1:0", func(conn *net.TCPConn) {
		secured := tls.Server(conn, &tls.Config{Certificates: []tls.Certificate{ca.Issue("node.test").TLS}})
		if _, err := http.ReadRequest(bufio.NewReader(secured)); err != nil {
			t.Error(err)
		}
		io.WriteString(secured, "HTTP/1.1 200 OK\r\n\r\n")
		io.Copy(io.Discard, secured)
	})
	check = Check{Probe: HTTP, Path: "/", Port: n.Port, Secure: secureWith(ca.Trust("node.test"))}
	if r := newProber(check).probe(t.Context(), n); r.err != nil {
		t.Error(r.err)
	}
}

func TestHandshakeEndsWithTheProbesContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	n := broker(t, "127.0.0.1:0", func(conn *net.TCPConn) {
		io.CopyN(io.Discard, conn, 100) // of the ClientHello
		cancel()
		io.Copy(io.Discard, conn)
	})
	// Without ctx the probe would hang for an hour.
	if r := newProber(Check{Probe: TCP, Timeout: time.Hour, Secure: secureWith(proxytest.NewCA("a CA").Trust("node.test"))}).probe(ctx, n); r.err == nil {
		t.Error("no error")
	}
}

// Secure gets the node, whatever its address resolves to.
func TestSecureIsToldTheNode(t *testing.T) {
	ca := proxytest.NewCA("a CA")
	n := broker(t, "127.0.0.1:0", func(conn *net.TCPConn) {
		io.Copy(io.Discard, tls.Server(conn, &tls.Config{Certificates: []tls.Certificate{ca.Issue("node.test").TLS}}))
	})
	var told *balancer.Node
	secure := secureWith(ca.Trust("node.test"))
	p := newProber(Check{Probe: TCP, Secure: func(ctx context.Context, conn net.Conn, n *balancer.Node) (net.Conn, error) {
		told = n
		return secure(ctx, conn, n)
	}})
	if r := p.probe(t.Context(), n); r.err != nil || told != n {
		t.Errorf("told %v, %v", told, r.err)
	}
}

// secureWith returns a Secure for a Check.
func secureWith(config *tls.Config) func(context.Context, net.Conn, *balancer.Node) (net.Conn, error) {
	return func(ctx context.Context, conn net.Conn, _ *balancer.Node) (net.Conn, error) {
		secured := tls.Client(conn, config)
		if err := secured.HandshakeContext(ctx); err != nil {
			return nil, err
		}
		return secured, nil
	}
}
