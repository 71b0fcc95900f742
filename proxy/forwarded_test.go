package proxy

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	gorilla "github.com/gorilla/websocket"

	"mqttlb/balancer"
	"mqttlb/proxy/opening"
	"mqttlb/proxy/outcome"
	"mqttlb/proxy/snapshot"
)

// forwardedModes are those of clients behind an HTTP proxy. With TLS, and on listeners of protocol http after
// another request, net/http reads the upgrade; otherwise the loop does.
var forwardedModes = []mode{wsToWS, wsToMQTT, httpToWS, wssToWS, wssToMQTT}

// behindProxy127 trusts 127.0.0.1, where the proxy is, and 10.0.0.0/8, but no other address of loopback.
func behindProxy127(s *snapshot.Snapshot) {
	for _, ln := range s.Listeners {
		ln.ForwardedFor = true
		ln.Trusted = []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32"), netip.MustParsePrefix("10.0.0.0/8")}
	}
}

// forward upgrades a connection of a proxy for a client. status is not 101 if that is refused.
func (r *rig) forward(c *client, forwardedFor ...string) (_ *client, status int) {
	r.t.Helper()
	if r.snap.Listeners[0].TLS != nil {
		c.secure(nil)
	}
	d := gorilla.Dialer{NetDial: func(string, string) (net.Conn, error) { return c.Conn, nil }, Subprotocols: []string{"mqtt"}}
	ws, resp, err := d.Dial("ws://broker.example/mqtt", http.Header{"X-Forwarded-For": forwardedFor})
	if resp == nil {
		r.t.Fatalf("no answer to an upgrade: %v", err)
	}
	_ = resp.Body.Close()
	if err != nil {
		return nil, resp.StatusCode
	}
	_ = ws.SetReadDeadline(time.Now().Add(patience))
	return &client{r.t, &framed{Conn: c.Conn, ws: ws}}, resp.StatusCode
}

// openForwarded opens an MQTT session of a client behind the proxy at 127.0.0.1.
func (r *rig) openForwarded(forwardedFor ...string) *client {
	r.t.Helper()
	c, status := r.forward(r.dialFrom("127.0.0.1"), forwardedFor...)
	if status != http.StatusSwitchingProtocols {
		r.t.Fatalf("an upgrade for %q is answered %d", forwardedFor, status)
	}
	c.send(connect311)
	c.expect(connack311)
	return c
}

// refuseForwarded expects an upgrade to be answered 429.
func (r *rig) refuseForwarded(forwardedFor ...string) {
	r.t.Helper()
	c := r.dialFrom("127.0.0.1")
	if _, status := r.forward(c, forwardedFor...); status != http.StatusTooManyRequests {
		r.t.Errorf("an upgrade for %q is answered %d", forwardedFor, status)
	}
	_ = c.Close()
}

// toldNode is a node that reports which client it was told of, in the PROXY header and in X-Forwarded headers.
func toldNode(t *testing.T, m mode) (_ *node, told func() string) {
	if !m.nodeWS {
		n := startNode(t, nil)
		return n, func() string {
			writes := n.firstWrites()
			h, err := opening.ReadProxyHeader(writes[len(writes)-1])
			if err != nil {
				t.Fatal(err)
			}
			return h.Source.String()
		}
	}
	asking := make(chan string, 1)
	n := startUpgradeNode(t, func(a *asked) {
		h, _ := opening.ReadProxyHeader(a.first)
		asking <- strings.TrimSpace(h.Source.String() + " " + strings.Join(a.request.Header["X-Forwarded-For"], "|") + " " + a.request.Header.Get("X-Forwarded-Port"))
		_, _ = io.WriteString(a, a.switching())
		_, _ = a.Read(make([]byte, 64))
		_, _ = a.Write(connackFrame)
		_, _ = io.Copy(io.Discard, a)
	})
	return n, func() string { return <-asking }
}

// The client in X-Forwarded-For is the one in the log, in the list and its filters, and for the nodes.
func TestEverybodySeesTheClientOfAForwardedUpgrade(t *testing.T) {
	needLoopbackNetwork(t)
	for _, m := range forwardedModes {
		for version := 1; version <= 2; version++ {
			t.Run(fmt.Sprint(m.name, ", PROXY ", version), func(t *testing.T) {
				n, told := toldNode(t, m)
				r := m.start(t, []string{n.address()}, behindProxy127, sendProxy(version))
				for _, row := range []struct {
					forwardedFor []string
					client       string // and then the X-Forwarded headers of nodes that speak WebSocket
					headers      string
				}{
					{[]string{"203.0.113.7"}, "203.0.113.7:0", "203.0.113.7"},
					{[]string{"192.0.2.66, 203.0.113.7:5678", "10.0.0.9"}, "203.0.113.7:5678", "203.0.113.7 5678"},
					{[]string{"[2001:db8::7]:443"}, "[2001:db8::7]:443", "2001:db8::7 443"},
					{[]string{"10.0.0.7, 10.0.0.9"}, "10.0.0.7:0", "10.0.0.7"},
				} {
					c := r.openForwarded(row.forwardedFor...)
					inHeader := row.client
					if address, ok := strings.CutSuffix(row.client, ":0"); ok && version == 1 {
						inHeader = address + ":1"
					}
					if got, want := told(), inHeader+pick(m.nodeWS, " "+row.headers, ""); got != want {
						t.Errorf("%q: the node was told %q, want %q", row.forwardedFor, got, want)
					}
					address := netip.MustParseAddrPort(row.client)
					if list := r.list(FilterSpec{Address: address.Addr().String()}); len(list) != 1 || list[0].Client != address {
						t.Errorf("%q: %+v is listed", row.forwardedFor, list)
					}
					if n := r.kick(FilterSpec{Address: address.Addr().String()}, 0); n != 1 {
						t.Errorf("%q: %d sessions were kicked", row.forwardedFor, n)
					}
					c.rest()
					_ = c.Close()
					r.waitLine("client=" + row.client)
				}
			})
		}
	}
}

// A proxy that names nobody is in the log itself. A client that is no proxy is not believed, and its nodes
// do not get what it claims.
func TestAForwardedForThatNamesNobodyIsNotPassedOn(t *testing.T) {
	needLoopbackNetwork(t)
	for _, m := range forwardedModes {
		t.Run(m.name, func(t *testing.T) {
			n, told := toldNode(t, m)
			r := m.start(t, []string{n.address()}, behindProxy127, sendProxy(2))
			for _, row := range []struct {
				from         string
				forwardedFor []string
			}{
				{"127.0.0.1", nil},
				{"127.0.0.1", []string{"203.0.113.7, unknown"}},
				{"127.0.0.2", []string{"203.0.113.7"}},
				{"127.0.0.2", []string{"10.0.0.9"}},
			} {
				bare := r.dialFrom(row.from)
				own := addrOf(bare.Conn)
				c, _ := r.forward(bare, row.forwardedFor...)
				c.send(connect311)
				c.expect(connack311)
				want := own.String() + pick(m.nodeWS, fmt.Sprintf(" %s %d", row.from, own.Port()), "")
				if got := told(); got != want {
					t.Errorf("%q from %s: the node was told %q, want %q", row.forwardedFor, row.from, got, want)
				}
				_ = c.Close()
				r.waitLine("client=" + own.String())
			}
		})
	}
}

func TestRequestsOfOneConnectionHaveClientsOfTheirOwn(t *testing.T) {
	r := dashboard(t, behindProxy127)
	c := r.dialBare(r.srv.Addr("mqtt"))
	in := bufio.NewReader(c.Conn)
	for _, row := range []struct{ header, want string }{
		{"X-Forwarded-For: 203.0.113.7", "203.0.113.7"},
		{"X-Forwarded-For: 192.0.2.66\r\nX-Forwarded-For: 203.0.113.8, 10.0.0.9", "203.0.113.8"},
		{"X: y", "127.0.0.1"},
		{"Forwarded: for=203.0.113.9", "127.0.0.1"},
		{"X-Forwarded-For: 2001:db8::7", "2001:db8::7"},
	} {
		if got, want := c.get(in, "/page/x", row.header), "200 page /page/x for "+row.want; got != want {
			t.Errorf("%q: answered %q, want %q", row.header, got, want)
		}
	}
	_ = c.Close()
	r.waitOutcome(outcome.HTTPServed, 1)
	for _, line := range []string{"client=203.0.113.7:0 method=GET", "client=203.0.113.8:0 method=GET", "client=[2001:db8::7]:0 method=GET", "client=" + addrOf(c.Conn).String() + " method=GET"} {
		r.waitLine(line)
	}
}

// A client has the same node whether it comes directly or through a proxy.
func TestTheKeyOfAForwardedClientIsItsOwnAddress(t *testing.T) {
	needLoopbackNetwork(t)
	for _, m := range forwardedModes {
		t.Run(m.name, func(t *testing.T) {
			var nodes []string
			for range 8 {
				nodes = append(nodes, m.startNode(t, nil).address())
			}
			r := m.start(t, nodes, behindProxy127, func(s *snapshot.Snapshot) {
				s.Listeners[0].Pool.Pool = rebuilt(t, s.Listeners[0].Pool.Pool, func(spec *balancer.PoolSpec) { spec.HashKey = balancer.BySourceIP })
			})
			used := map[string]bool{}
			for i := 2; i < 10; i++ {
				address := fmt.Sprint("127.0.0.", i)
				for _, c := range []*client{r.openFrom(address), r.openForwarded("10.1.1.1, " + address)} {
					defer c.Close()
				}
				list := r.list(FilterSpec{Address: address})
				if len(list) != 2 || list[0].Node != list[1].Node {
					t.Errorf("%s has %+v", address, list)
				}
				used[list[0].Node] = true
			}
			if len(used) < 2 {
				t.Errorf("all clients are on %v", used)
			}
		})
	}
}

// On a Unix socket the peer is trusted. A node's PROXY header then has the client, too.
func TestForwardedClientsOfAProxyOnAUnixSocket(t *testing.T) {
	for _, m := range []mode{wsToWS, wsToMQTT, wssToMQTT} {
		t.Run(m.name, func(t *testing.T) {
			n, told := toldNode(t, m)
			r := m.start(t, []string{n.address()}, behindProxy127, sendProxy(2), perAddress(1, 0), func(s *snapshot.Snapshot) {
				s.Listeners[0].Network, s.Listeners[0].Address = "unix", filepath.Join(t.TempDir(), "ws.sock")
			})
			for _, address := range []string{"203.0.113.7", "203.0.113.8"} {
				c, _ := r.forward(r.dialBare(r.srv.Addr("mqtt")), "192.0.2.66, "+address+", 10.0.0.9")
				c.send(connect311)
				c.expect(connack311)
				if got, want := told(), address+":0"+pick(m.nodeWS, " "+address, ""); got != want {
					t.Errorf("the node was told %q, want %q", got, want)
				}
			}
			if _, status := r.forward(r.dialBare(r.srv.Addr("mqtt")), "203.0.113.7"); status != http.StatusTooManyRequests {
				t.Errorf("one more is answered %d", status)
			}
		})
	}
}

// The PROXY header is about the connection, and X-Forwarded-For about the request in it.
func TestProxyHeaderGoesBeforeXForwardedFor(t *testing.T) {
	for _, m := range []mode{wsToMQTT, wssToMQTT} {
		t.Run(m.name, func(t *testing.T) {
			r := m.start(t, []string{m.startNode(t, nil).address()}, behindProxy127, func(s *snapshot.Snapshot) { s.Listeners[0].AcceptProxy = true })
			for _, row := range []struct{ header, client string }{
				{"PROXY TCP4 10.0.0.2 192.0.2.9 40000 8083\r\n", "203.0.113.7:0"},
				{"PROXY TCP4 192.0.2.7 192.0.2.9 40000 8083\r\n", "192.0.2.7:40000"},
				{"PROXY UNKNOWN\r\n", ""},
			} {
				bare := r.dialFrom("127.0.0.1")
				bare.send([]byte(row.header))
				c, _ := r.forward(bare, "192.0.2.66, 203.0.113.7")
				c.send(connect311)
				c.expect(connack311)
				want := row.client
				if want == "" {
					want = addrOf(bare.Conn).String()
				}
				if !slices.ContainsFunc(r.list(FilterSpec{}), func(s SessionInfo) bool { return s.Client.String() == want }) {
					t.Errorf("behind %q: %+v is listed, without %s", row.header, r.list(FilterSpec{}), want)
				}
			}
		})
	}
}
