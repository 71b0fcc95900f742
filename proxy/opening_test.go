package proxy

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/netip"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pires/go-proxyproto"

	"mqttlb/balancer"
	"mqttlb/proxy/opening"
	"mqttlb/proxy/outcome"
	"mqttlb/proxy/proxytest"
	"mqttlb/proxy/snapshot"
)

func sendProxy(version int) setting {
	return func(s *snapshot.Snapshot) { s.Listeners[0].Pool.SendProxy = version }
}

// The first write to a node holds the PROXY header and the whole CONNECT.
func TestFirstWriteHoldsTheProxyHeaderAndTheConnect(t *testing.T) {
	for _, row := range []struct {
		name, listen, want string
		version            int
	}{
		{"v2, IPv4", "127.0.0.1:0", "\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0c", 2},
		{"v2, IPv6", "[::1]:0", "\r\n\r\n\x00\r\nQUIT\n\x21\x21\x00\x24", 2},
		{"v2, IPv4 on a listener of both", ":0", "\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0c", 2},
		{"v1, IPv4", "127.0.0.1:0", "PROXY TCP4 127.0.0.1 127.0.0.1 ", 1},
		{"v1, IPv6", "[::1]:0", "PROXY TCP6 ::1 ::1 ", 1},
	} {
		for _, whole := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, whole %v", row.name, whole), func(t *testing.T) {
				backend := startNode(t, nil)
				r := start(t, []string{backend.address()}, sendProxy(row.version),
					func(s *snapshot.Snapshot) { s.Listeners[0].Address = row.listen })
				to := r.srv.Addr("mqtt").(*net.TCPAddr).AddrPort()
				if to.Addr().IsUnspecified() {
					to = netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), to.Port())
				}
				c := r.dialTo(net.TCPAddrFromAddrPort(to))
				if whole {
					c.send(connect311)
				} else {
					for i := range connect311 {
						c.send(connect311[i : i+1])
					}
				}
				c.expect(connack311)
				first := backend.firstWrites()[0]
				if !strings.HasPrefix(string(first), row.want) || !bytes.HasSuffix(first, connect311) {
					t.Fatalf("the node got %q first", first)
				}
				h, err := opening.ReadProxyHeader(first)
				if err != nil {
					t.Fatal(err)
				}
				if h.Length+len(connect311) != len(first) || h.Source != addrOf(c) || h.Destination != to {
					t.Errorf("header %+v and %d bytes; want %v to %v", h, len(first)-h.Length, addrOf(c), to)
				}
			})
		}
	}
}

func TestClientsNamedByATrustedProxyAreNamedToTheNode(t *testing.T) {
	for name, header := range map[string]string{
		"v1": "PROXY TCP4 192.0.2.7 192.0.2.9 40000 1883\r\n",
		"v2 with a TLV": "\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x10" +
			"\xc0\x00\x02\x07\xc0\x00\x02\x09\x9c\x40\x07\x5b" + "\x04\x00\x01x",
	} {
		t.Run(name, func(t *testing.T) {
			backend := startNode(t, nil)
			r := start(t, []string{backend.address()}, sendProxy(2), func(s *snapshot.Snapshot) {
				s.Listeners[0].AcceptProxy, s.Listeners[0].Trusted = true, loopback
			})
			for i, pieces := range [][]string{{header + string(connect311)}, strings.Split(header+string(connect311), "")} {
				c := r.dial()
				for _, p := range pieces {
					c.send([]byte(p))
				}
				c.expect(connack311)
				_ = c.Close()
				r.waitOutcome(outcome.ClientClosed, uint64(i+1))
			}
			for _, first := range backend.firstWrites() {
				h, err := opening.ReadProxyHeader(first)
				if err != nil || h.Source.String() != "192.0.2.7:40000" || h.Destination.String() != "192.0.2.9:1883" {
					t.Errorf("the node was told %+v, %v", h, err)
				}
			}
			r.waitLine("client=192.0.2.7:40000 ")
		})
	}
}

// LOCAL and UNKNOWN are for connections of the proxy itself.
func TestProxyHeaderWithoutAddressesLeavesThePeers(t *testing.T) {
	for name, header := range map[string]string{
		"v1 UNKNOWN":              "PROXY UNKNOWN\r\n",
		"v2 LOCAL":                "\r\n\r\n\x00\r\nQUIT\n\x20\x00\x00\x00",
		"v2 LOCAL with addresses": "\r\n\r\n\x00\r\nQUIT\n\x20\x11\x00\x0c\xc0\x00\x02\x07\xc0\x00\x02\x09\x9c\x40\x07\x5b",
	} {
		t.Run(name, func(t *testing.T) {
			backend := startNode(t, nil)
			r := start(t, []string{backend.address()}, sendProxy(2), func(s *snapshot.Snapshot) {
				s.Listeners[0].AcceptProxy, s.Listeners[0].Trusted = true, loopback
			})
			c := r.dial()
			c.send([]byte(header + string(connect311)))
			c.expect(connack311)
			if h, err := opening.ReadProxyHeader(backend.firstWrites()[0]); err != nil || h.Source != addrOf(c) {
				t.Errorf("the node was told %+v, %v; want %v", h, err, addrOf(c))
			}
		})
	}
}

func TestClientOnAUnixSocketIsAnnouncedWithOurOwnAddresses(t *testing.T) {
	backend := startNode(t, nil)
	path := filepath.Join(t.TempDir(), "mqtt.sock")
	r := start(t, []string{backend.address()}, sendProxy(2), func(s *snapshot.Snapshot) {
		s.Listeners[0].Network, s.Listeners[0].Address = "unix", path
	})
	for range 4 { // in whichever loop
		c := r.dial()
		c.send(connect311)
		c.expect(connack311)
		_ = c.Close()
	}
	r.waitOutcome(outcome.ClientClosed, 4)
	for _, first := range backend.firstWrites() {
		h, err := opening.ReadProxyHeader(first)
		if err != nil || h.Source.Addr() != netip.MustParseAddr("127.0.0.1") || h.Destination.String() != backend.address() {
			t.Errorf("the node was told %+v, %v", h, err)
		}
	}
	r.waitLine("client=unix ")
}

func TestFailedDialGoesOnToTheNextCandidate(t *testing.T) {
	inEachMode(t, func(t *testing.T, m mode) {
		alive := m.startNode(t, nil)
		var mu sync.Mutex
		failed := map[string]int{}
		r := m.start(t, []string{refusing, alive.address()}, func(s *snapshot.Snapshot) {
			s.Listeners[0].Pool.DialFailed = func(n *balancer.Node) {
				mu.Lock()
				defer mu.Unlock()
				failed[n.Name]++
			}
		})
		const clients = 50
		for i := range clients {
			r.open(fmt.Sprint("device-", i))
		}
		mu.Lock()
		defer mu.Unlock()
		if failed["node-a"] == 0 || failed["node-a"] == clients || failed["node-b"] != 0 {
			t.Errorf("failures %v: only the identifiers of the dead node meet it, each once", failed)
		}
	})
}

func TestNoNodeLeftIsToldInTheClientsVersion(t *testing.T) {
	inEachMode(t, func(t *testing.T, m mode) {
		unavailable3, unavailable5 := []byte("\x20\x02\x00\x03"), []byte("\x20\x03\x00\x88\x00")
		ask := func(r *rig) {
			for _, row := range []struct{ connect, answer []byte }{
				{connect31, unavailable3}, {connect311, unavailable3}, {connect5, unavailable5},
			} {
				c := r.dial()
				c.send(row.connect)
				c.expect(row.answer)
				if rest := c.rest(); len(rest) > 0 {
					t.Errorf("then % x", rest)
				}
				_ = c.Close()
			}
		}
		t.Run("all refuse", func(t *testing.T) {
			r := m.start(t, []string{refusing, refusing})
			ask(r)
			r.waitOutcome(outcome.DialFailed, 3)
			r.waitLine("outcome=dial_failed error=\"node node-")
			r.waitLine("connection refused")
		})
		t.Run("all taken out", func(t *testing.T) {
			r := m.start(t, []string{m.startNode(t, nil).address()})
			r.node(0).SetOperator(balancer.Down)
			ask(r)
			r.waitOutcome(outcome.NoNode, 3)
		})
		t.Run("none resolved", func(t *testing.T) {
			r := m.start(t, []string{"name.invalid:1883"})
			ask(r)
			r.waitOutcome(outcome.DialFailed, 3)
		})
	})
}

func TestDrainingNodeKeepsItsSessions(t *testing.T) {
	inEachMode(t, func(t *testing.T, m mode) {
		a, b := m.startNode(t, nil), m.startNode(t, nil)
		r := m.start(t, []string{a.address(), b.address()})
		kept := r.open("kept")
		home := 0
		if r.node(1).Open() == 1 {
			home = 1
		}
		r.node(home).SetOperator(balancer.Draining)
		for i := range 20 {
			r.open(fmt.Sprint("device-", i))
		}
		if n := r.node(home).Open(); n != 1 {
			t.Errorf("%d sessions on the draining node, want the one from before", n)
		}
		kept.send([]byte("still"))
		kept.expect([]byte("still"))
	})
}

func TestLimitsRefuseInTheClientsVersion(t *testing.T) {
	inEachMode(t, func(t *testing.T, m mode) {
		v3, quota, busy, rate := []byte("\x20\x02\x00\x03"), []byte("\x20\x03\x00\x97\x00"), []byte("\x20\x03\x00\x89\x00"), []byte("\x20\x03\x00\x9f\x00")
		for _, row := range []struct {
			name    string
			set     setting
			outcome outcome.Outcome
			answer5 []byte
		}{
			{"process", func(s *snapshot.Snapshot) { s.MaxConnections = 3 }, outcome.RefusedConnections, quota},
			{"listener", func(s *snapshot.Snapshot) { s.Listeners[0].MaxConnections = 3 }, outcome.RefusedConnections, quota},
			{"rate", func(s *snapshot.Snapshot) { s.ConnectRate = 3 }, outcome.RefusedRate, rate},
			{"node", func(s *snapshot.Snapshot) {
				p, err := balancer.NewPool(balancer.PoolSpec{Name: "full", Nodes: []balancer.NodeSpec{
					{Name: "n", Address: s.Listeners[0].Pool.Nodes()[0].Address, MaxConnections: 3},
				}})
				if err != nil {
					panic(err)
				}
				s.Listeners[0].Pool = &snapshot.Pool{Pool: p}
			}, outcome.NodesFull, busy},
		} {
			t.Run(row.name, func(t *testing.T) {
				if m.tls && row.outcome == outcome.RefusedConnections {
					t.Skip("without a handshake nothing can be said")
				}
				r := m.start(t, []string{m.startNode(t, nil).address()}, row.set)
				var open []*client
				for i := range 3 {
					open = append(open, r.open(fmt.Sprint(i)))
				}
				if row.name == "rate" {
					for r.srv.rate.Take(int64(time.Hour)) { // otherwise time makes room for one more
					}
				}
				c := r.dial()
				c.send(connect311)
				c.expect(v3)
				c.rest()
				_ = c.Close()
				c = r.dial()
				c.send(connect5)
				c.expect(row.answer5)
				c.rest()
				_ = c.Close()
				r.waitOutcome(row.outcome, 2)
				for _, c := range open {
					_ = c.Close()
				}
				if row.name == "rate" {
					return // time makes room
				}
				r.waitOutcome(outcome.ClientClosed, 3)
				r.open("room again")
			})
		}
	})
}

// A limit counts only admitted clients: refused clients that stay do not use it up.
func TestRefusedClientsThatStayHoldNoPlace(t *testing.T) {
	for name, first := range map[string][]byte{"past the limit": connect5, "malformed": []byte("\x10\x0d\x00\x04MQTT\x05\x03\x00\x3c\x00\x00\x00")} {
		t.Run(name, func(t *testing.T) {
			inEachMode(t, func(t *testing.T, m mode) {
				if m.tls {
					t.Skip("nobody past the limit is read")
				}
				r := m.start(t, []string{m.startNode(t, nil).address()}, func(s *snapshot.Snapshot) { s.Listeners[0].MaxConnections = 2 })
				open := []*client{r.open("one"), r.open("two")}
				if name == "malformed" { // it is accepted first and refused then
					_ = open[1].Close()
					r.waitOutcome(outcome.ClientClosed, 1)
				}
				var refused []*client
				for range 20 {
					c := r.dial()
					c.send(first)
					c.expect([]byte("\x20\x03\x00"))
					refused = append(refused, c)
				}
				_ = open[0].Close()
				r.waitOutcome(outcome.ClientClosed, pick[uint64](name == "malformed", 2, 1))
				r.open("a place, though the refused ones stay")
				for _, c := range refused {
					_ = c.Close()
				}
			})
		})
	}
}

// Beyond the headroom for refusals nothing is read.
func TestFloodPastTheLimitIsClosedAtOnce(t *testing.T) {
	inEachMode(t, func(t *testing.T, m mode) {
		if m.tls {
			t.Skip("nobody past the limit is read")
		}
		r := m.start(t, []string{m.startNode(t, nil).address()}, func(s *snapshot.Snapshot) { s.MaxConnections = 1 })
		r.open("one")
		begun := pick(m.clientWS(), []byte("GET "), connect311[:4])
		var silent []*client
		for range refusalHeadroom + 20 {
			c := r.dialBare(r.srv.Addr("mqtt"))
			c.send(begun)
			silent = append(silent, c)
		}
		r.waitOutcome(outcome.RefusedConnections, 20)
		for _, c := range silent {
			_ = c.Close()
		}
		r.waitOutcome(outcome.ClientGone, refusalHeadroom)
	})
}

// A client that sent more than its CONNECT still gets the refusal.
func TestRefusalIsNotLostToUnreadBytes(t *testing.T) {
	inEachMode(t, func(t *testing.T, m mode) {
		r := m.start(t, []string{m.startNode(t, nil).address()}, func(s *snapshot.Snapshot) { s.MaxConnectSize = 64 })
		c := r.dial()
		c.send(append([]byte("\x10\xff\x7f\x00\x04MQTT\x05"), make([]byte, 200<<10)...))
		c.expect([]byte("\x20\x03\x00\x95\x00"))
		c.rest()
		_ = c.Close()
		r.waitOutcome(outcome.ConnectTooLarge, 1)
	})
}

func TestRefusedClientThatStaysIsClosed(t *testing.T) {
	proxytest.WaitAbreast(t)
	inModesAbreast(t, allModes, func(t *testing.T, m mode) {
		r := m.startShortWaits(t, []string{"name.invalid:1883"})
		c := r.dial()
		c.send(connect311)
		c.expect([]byte("\x20\x02\x00\x03"))
		r.waitOutcome(outcome.DialFailed, 1) // after waits.linger, even if the client never closes
		_ = c.Close()
	})
}

func TestTCPListenerRelaysWithoutLookingInside(t *testing.T) {
	greets := startNode(t, func(c net.Conn) { // a server that speaks first
		_, _ = c.Write([]byte("220 hello\r\n"))
		_, _ = io.Copy(struct{ io.Writer }{c}, struct{ io.Reader }{c})
	})
	r := start(t, []string{greets.address()}, func(s *snapshot.Snapshot) { s.Listeners[0].Protocol = snapshot.TCP })
	c := r.dial()
	c.expect([]byte("220 hello\r\n"))
	c.send([]byte("GET / HTTP/1.1\r\n\r\n"))
	c.expect([]byte("GET / HTTP/1.1\r\n\r\n"))
	_ = c.Close()
	r.waitOutcome(outcome.ClientClosed, 1)
}

func TestTCPListenerHashesTheSourceAddressAndAnnouncesIt(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("clients come from all over 127.0.0.0/8, which other systems do not have on loopback")
	}
	var nodes []*node
	var addresses []string
	for range 3 {
		n := startNode(t, func(c net.Conn) {
			b := make([]byte, 256)
			n, _ := c.Read(b)
			h, err := opening.ReadProxyHeader(b[:n])
			_, _ = fmt.Fprintf(c, "%v %v\n", h.Source, err)
			_, _ = io.Copy(io.Discard, c)
		})
		nodes, addresses = append(nodes, n), append(addresses, n.address())
	}
	r := start(t, addresses, sendProxy(2), func(s *snapshot.Snapshot) { s.Listeners[0].Protocol = snapshot.TCP })
	used := map[string]bool{}
	for i := range 20 {
		source := fmt.Sprintf("127.0.0.%d", 2+i)
		var home string
		for range 2 {
			d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(source)}, Timeout: patience}
			conn, err := d.Dial("tcp", r.srv.Addr("mqtt").String())
			if err != nil {
				t.Fatal(err)
			}
			c := &client{t, conn}
			c.expect([]byte(addrOf(conn).String() + " <nil>\n"))
			on := ""
			for j := range nodes {
				if r.node(j).Open() == 1 {
					on = r.node(j).Name
				}
			}
			_ = conn.Close()
			eventually(t, "the end", func() bool { return r.srv.open() == 0 })
			if home != "" && on != home {
				t.Errorf("%s went to %s, then to %s", source, home, on)
			}
			home = on
		}
		used[home] = true
	}
	if len(used) != 3 {
		t.Errorf("20 addresses reached only %v", used)
	}
}

func TestAnnounceWritesIPv6WhereFamiliesDiffer(t *testing.T) {
	four, six := netip.MustParseAddrPort("192.0.2.1:1000"), netip.MustParseAddrPort("[2001:db8::1]:2000")
	for version, signature := range map[int][]byte{1: proxyproto.SIGV1, 2: proxyproto.SIGV2} {
		for _, pair := range [][2]netip.AddrPort{{four, four}, {six, six}, {four, six}, {six, four}} {
			b, err := appendProxyHeader(nil, version, pair[0], pair[1])
			if err != nil {
				t.Fatal(err)
			}
			from, to := pair[0], pair[1]
			if from.Addr().Is4() != to.Addr().Is4() {
				from, to = in6(from), in6(to)
			}
			written, err := proxyproto.HeaderProxyFromAddrs(byte(version), net.TCPAddrFromAddrPort(from), net.TCPAddrFromAddrPort(to)).Format()
			if err != nil || !bytes.Equal(b, written) {
				t.Errorf("v%d %v: %q, the library writes %q, %v", version, pair, b, written, err)
			}
			h, err := opening.ReadProxyHeader(b)
			if err != nil || !bytes.HasPrefix(b, signature) || h.Length != len(b) || h.Source != pair[0] || h.Destination != pair[1] {
				t.Errorf("v%d %v: %q reads as %+v, %v", version, pair, b, h, err)
			}
			if len(b) > headroom {
				t.Errorf("v%d %v: %d bytes do not fit the headroom", version, pair, len(b))
			}
		}
	}
}
