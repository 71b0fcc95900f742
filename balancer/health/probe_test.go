package health

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/pires/go-proxyproto"

	"mqttlb/balancer"
	"mqttlb/mqttparse"
	"mqttlb/proxy/proxytest"
)

// broker is a fake broker: serve answers every connection.
func broker(t *testing.T, address string, serve func(conn *net.TCPConn)) *balancer.Node {
	t.Helper()
	return newPool(t, proxytest.Serve(t, address, serve)).Nodes()[0]
}

func newProber(check Check) *prober {
	if check.Timeout == 0 {
		check.Timeout = 10 * time.Second // nothing here waits so long
	}
	return &prober{check: check, clientID: newClientID(cmp.Or(check.ClientID, defaultClientID), newTag(), &balancer.Node{Name: "emqx-1"}), offer: new(offer)}
}

// readConnect reads the CONNECT of a probe.
func readConnect(t *testing.T, r io.Reader) (c mqttparse.Connect) {
	t.Helper()
	b := make([]byte, 37) // 14 bytes and an identifier of 23
	if _, err := io.ReadFull(r, b); err != nil {
		t.Errorf("reading the CONNECT: %v", err)
	}
	if n, err := c.Parse(b, len(b)); err != nil || n != len(b) {
		t.Errorf("CONNECT % x: %d, %v", b, n, err)
	}
	return c
}

// everyServerTakes matches the identifiers that every server must accept. [MQTT-3.1.3-5]
var everyServerTakes = regexp.MustCompile(`^[0-9A-Za-z]{1,23}$`)

func TestProbeIsAModestClient(t *testing.T) {
	var connect mqttparse.Connect
	n := broker(t, "127.0.0.1:0", func(conn *net.TCPConn) {
		connect = readConnect(t, conn)
		conn.Write([]byte{0x20, 2, 0, 0})
		rest, err := io.ReadAll(conn) // a reset would be an error
		if err != nil || !bytes.Equal(rest, []byte{0xe0, 0}) {
			t.Errorf("after the CONNACK: % x, %v; want a DISCONNECT and the end", rest, err)
		}
	})
	p := newProber(Check{Probe: MQTT})
	if r := p.probe(t.Context(), n); r.err != nil || r.took <= 0 {
		t.Fatalf("%+v", r)
	}
	if connect.Version != mqttparse.V311 || !connect.CleanStart || connect.KeepAlive != keepAlive || string(connect.ClientID) != p.clientID {
		t.Errorf("CONNECT %+v", connect)
	}
	if !strings.HasPrefix(p.clientID, "mqttlbhealth") || !everyServerTakes.MatchString(p.clientID) {
		t.Errorf("identifier %q", p.clientID)
	}
	if other := newProber(Check{}); other.clientID == p.clientID {
		t.Errorf("two probers are called %q and would throw each other out", p.clientID)
	}
}

func TestProbeJudgesTheAnswer(t *testing.T) {
	connack := func(code byte) func(*net.TCPConn) {
		return func(conn *net.TCPConn) {
			conn.Write([]byte{0x20, 2, 0, code})
			rest, err := io.ReadAll(conn)
			if err != nil || (code != 0) != (len(rest) == 0) {
				t.Errorf("after return code %d: % x, %v", code, rest, err)
			}
		}
	}
	waitForEnd := func(conn *net.TCPConn) { io.Copy(io.Discard, conn) }
	for _, tt := range []struct {
		name    string
		answer  func(*net.TCPConn)
		timeout time.Duration
		want    string // in the error; empty: the node is alive
	}{
		{"accepted", connack(0), 0, ""},
		{"unacceptable version", connack(1), 0, ""},
		{"identifier rejected", connack(2), 0, ""},
		{"server unavailable", connack(3), 0, "return code 3"},
		{"bad credentials", connack(4), 0, ""},
		{"not authorized", connack(5), 0, ""},
		{"reserved return code", connack(6), 0, "no CONNACK"},
		{"accepts and closes at once", func(conn *net.TCPConn) {
			conn.Write([]byte{0x20, 2, 0, 0})
		}, 0, ""},
		{"one byte at a time", func(conn *net.TCPConn) {
			for _, b := range []byte{0x20, 2, 0, 0} {
				conn.Write([]byte{b})
			}
			waitForEnd(conn)
		}, 0, ""},
		{"floods", func(conn *net.TCPConn) {
			conn.Write([]byte{0x20, 2, 0, 0})
			for {
				if _, err := conn.Write(make([]byte, 64<<10)); err != nil {
					return
				}
			}
		}, 0, ""},
		{"hangs", waitForEnd, 500 * time.Millisecond, "no CONNACK within timeout 500ms"},
		{"hangs in the middle", func(conn *net.TCPConn) {
			conn.Write([]byte{0x20, 2, 0})
			waitForEnd(conn)
		}, 500 * time.Millisecond, "no CONNACK within timeout 500ms"},
		{"closes", func(*net.TCPConn) {}, 0, "closed the connection and sent no CONNACK"},
		{"closes in the middle", func(conn *net.TCPConn) {
			conn.Write([]byte{0x20, 2, 0})
		}, 0, "closed the connection and sent no CONNACK"},
		{"resets", func(conn *net.TCPConn) { conn.SetLinger(0) }, 0, "reset by peer"},
		{"speaks HTTP", func(conn *net.TCPConn) {
			conn.Write([]byte("HTTP/1.1 400 Bad Request\r\n\r\n"))
			waitForEnd(conn)
		}, 0, "its answer is no CONNACK: first packet is not a CONNACK"},
		{"speaks TLS", func(conn *net.TCPConn) {
			conn.Write([]byte{0x15, 3, 1, 0, 2, 2, 22})
			waitForEnd(conn)
		}, 0, "its answer is no CONNACK"},
		{"knows 5 alone", func(conn *net.TCPConn) {
			conn.Write([]byte{0x20, 3, 0, 0x84, 0})
		}, 0, ""},
		{"knows 5 alone and says so, in two parts", func(conn *net.TCPConn) {
			conn.Write([]byte{0x20, 11, 0, 0x84, 8, 0x1f})
			conn.Write(append([]byte{0, 5}, "5, no"...))
			waitForEnd(conn)
		}, 0, ""},
		{"CONNACK of MQTT 5", func(conn *net.TCPConn) {
			conn.Write([]byte{0x20, 3, 0, 0, 0})
			waitForEnd(conn)
		}, 0, "its answer is no CONNACK"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			n := broker(t, "127.0.0.1:0", func(conn *net.TCPConn) {
				readConnect(t, conn)
				tt.answer(conn)
			})
			err := newProber(Check{Probe: MQTT, Timeout: tt.timeout}).probe(t.Context(), n).err
			if tt.want == "" && err != nil {
				t.Errorf("%v, want alive", err)
			}
			if tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("%v, want an error with %q", err, tt.want)
			}
		})
	}
}

func TestProbeDoesNotWaitForABrokerThatNeverCloses(t *testing.T) {
	probed := make(chan struct{})
	n := broker(t, "127.0.0.1:0", func(conn *net.TCPConn) {
		readConnect(t, conn)
		conn.Write([]byte{0x20, 2, 0, 0})
		<-probed // keeps its side open until the probe ends
	})
	r := newProber(Check{Probe: MQTT, Timeout: time.Hour}).probe(t.Context(), n)
	close(probed)
	if r.err != nil {
		t.Error(r.err)
	}
}

// Some brokers expect the header and the CONNECT in one read. The header holds the
// balancer's own addresses; LOCAL would make EMQX swallow the CONNECT.
func TestProbeOpensWithPROXYAndItsOwnAddresses(t *testing.T) {
	for _, address := range []string{"127.0.0.1:0", "[::1]:0"} {
		for _, probe := range []Probe{TCP, MQTT} {
			for _, version := range []uint8{1, 2} {
				t.Run(fmt.Sprintf("%v/%v/v%d", address, probe, version), func(t *testing.T) {
					n := broker(t, address, func(conn *net.TCPConn) {
						b := make([]byte, 1024)
						size, err := conn.Read(b)
						if err != nil {
							t.Error(err)
							return
						}
						first := bytes.NewReader(b[:size])
						r := bufio.NewReader(first)
						h, err := proxyproto.Read(r)
						if err != nil {
							t.Errorf("% x: %v", b[:size], err)
							return
						}
						source, destination, ok := h.TCPAddrs()
						if !ok || h.Version != version || h.Command != proxyproto.PROXY ||
							source.String() != conn.RemoteAddr().String() || destination.String() != conn.LocalAddr().String() {
							t.Errorf("header %+v on %v -> %v", h, conn.RemoteAddr(), conn.LocalAddr())
						}
						if probe == MQTT {
							readConnect(t, r) // from the same read
							conn.Write([]byte{0x20, 2, 0, 0})
						} else if r.Buffered() > 0 {
							t.Error("a TCP probe says more than the header")
						}
						if _, err := io.Copy(io.Discard, conn); err != nil {
							t.Errorf("the end: %v", err)
						}
					})
					if r := newProber(Check{Probe: probe, ProxyProtocol: version}).probe(t.Context(), n); r.err != nil {
						t.Error(r.err)
					}
				})
			}
		}
	}
}

func TestTCPProbeConnectsAndEndsWithFIN(t *testing.T) {
	n := broker(t, "127.0.0.1:0", func(conn *net.TCPConn) {
		if b, err := io.ReadAll(conn); err != nil || len(b) > 0 {
			t.Errorf("% x, %v; want nothing and the end", b, err)
		}
	})
	if r := newProber(Check{Probe: TCP}).probe(t.Context(), n); r.err != nil {
		t.Error(r.err)
	}
}

func TestProbeOfAClosedPortFails(t *testing.T) {
	n := newPool(t, "127.0.0.1:1").Nodes()[0]
	for _, probe := range []Probe{TCP, MQTT} {
		r := newProber(Check{Probe: probe}).probe(t.Context(), n)
		if r.err == nil || !strings.Contains(r.err.Error(), "connection refused") {
			t.Errorf("%v: %v", probe, r.err)
		}
	}
}

func TestProbeOfAnUnresolvedNameFails(t *testing.T) {
	n := newPool(t, "broker.example:1883").Nodes()[0]
	if r := newProber(Check{Probe: TCP}).probe(t.Context(), n); !errors.Is(r.err, errUnresolved) {
		t.Error(r.err)
	}
}

func TestProbeEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	n := broker(t, "127.0.0.1:0", func(conn *net.TCPConn) {
		readConnect(t, conn)
		cancel()
		io.Copy(io.Discard, conn)
	})
	// Without ctx the probe would hang for an hour.
	if r := newProber(Check{Probe: MQTT, Timeout: time.Hour}).probe(ctx, n); r.err == nil {
		t.Error("no error")
	}
}

// On a fresh installation it is most often one of two settings.
func TestProbeThatIsClosedNamesTheLikelySetting(t *testing.T) {
	for version, want := range map[uint8]string{0: "pools[].tls", 2: "pools[].proxy_protocol: v2"} {
		n := broker(t, "127.0.0.1:0", func(conn *net.TCPConn) { _ = conn.Close() })
		r := newProber(Check{Probe: MQTT, Timeout: 10 * time.Second, ProxyProtocol: version}).probe(t.Context(), n)
		if r.err == nil || !strings.Contains(r.err.Error(), want) {
			t.Errorf("PROXY version %d: %v, want %q", version, r.err, want)
		}
	}
}
