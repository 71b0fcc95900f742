package proxy

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"net"
	"strings"
	"testing"

	"mqttlb/balancer"
	"mqttlb/proxy/outcome"
	"mqttlb/proxy/proxytest"
	"mqttlb/proxy/snapshot"
)

var httpsToWS = mode{name: "https to ws", protocol: snapshot.HTTP, nodeWS: true, tls: true}

// onePool is a pool of the mode with one node.
func (m mode) onePool(name, address string) *snapshot.Pool {
	b := must(balancer.NewPool(balancer.PoolSpec{Name: name, Nodes: []balancer.NodeSpec{{Name: "node-of-" + name, Address: address}}}))
	return &snapshot.Pool{Pool: b, WebSocket: m.nodeWS}
}

// routeSNI has the first listener send clients of a name to a pool.
func (m mode) routeSNI(name string, p *snapshot.Pool) setting {
	return func(s *snapshot.Snapshot) {
		ln := s.Listeners[0]
		route := snapshot.Route{SNI: name, Pool: p}
		if m.clientWS() {
			route.Path, route.WebSocket = "/mqtt", true
		}
		ln.Routes = append([]snapshot.Route{route}, ln.Routes...)
	}
}

// poolOf returns the pool of the only session of an identifier.
func (r *rig) poolOf(id string) string {
	r.t.Helper()
	list := r.list(FilterSpec{ClientID: id})
	if len(list) != 1 {
		r.t.Fatalf("%s: %+v", id, list)
	}
	return list[0].Pool
}

// asking makes the handshake of a client that asks for a name. It believes any certificate.
func (c *client) asking(name string, change func(*tls.Config)) *tls.Conn {
	c.t.Helper()
	config := &tls.Config{ServerName: name, InsecureSkipVerify: true}
	if change != nil {
		change(config)
	}
	over := tls.Client(c.Conn, config)
	if err := over.HandshakeContext(c.t.Context()); err != nil {
		c.t.Fatalf("SNI %q: %v", name, err)
	}
	c.Conn = over
	return over
}

// join upgrades, if the mode needs it, and connects as id.
func (m mode) join(c *client, id string) {
	c.t.Helper()
	if m.clientWS() {
		c.Conn = must(upgraded(c.Conn))
	}
	c.send(connectAs(id))
	c.expect(connack311)
}

func TestTheSNIChoosesThePool(t *testing.T) {
	for _, m := range []mode{mqttsToMQTT, wssToWS, wssToMQTT, httpsToWS} {
		t.Run(m.name, func(t *testing.T) {
			special, german := m.onePool("special", m.startNode(t, nil).address()), m.onePool("german", m.startNode(t, nil).address())
			r := m.start(t, []string{m.startNode(t, nil).address()})
			r.apply(m.routeSNI("xn--bcher-kva.example", german), m.routeSNI("*.example.com", special), m.routeSNI("a.b.example.com", german))
			for i, c := range []struct{ name, want string }{
				{"a.example.com", "special"},
				{"A.Example.COM", "special"},
				{"a.b.example.com", "german"}, // the first match wins
				{"c.b.example.com", "special"},
				{"example.com", "pool"},
				{"XN--BCHER-KVA.example", "german"},
				{"bücher.example", "german"},
				{"broker.example", "pool"},
				{"", "pool"},
			} {
				id := fmt.Sprint("c", i)
				conn := r.dialBare(r.srv.Addr("mqtt"))
				conn.asking(c.name, nil)
				m.join(conn, id)
				if got := r.poolOf(id); got != c.want {
					t.Errorf("SNI %q leads to %s, want %s", c.name, got, c.want)
				}
				for _, want := range r.srv.Route(asking(id, c.name)) {
					if c.name != "" && want.Pool != c.want {
						t.Errorf("SNI %q: the explanation has %s, want %s", c.name, want.Pool, c.want)
					}
				}
				_ = conn.Close()
			}
			if all := r.srv.Route(asking("c", "")); len(all) != 3 {
				t.Errorf("without an SNI the explanation has %d pools, want all 3", len(all))
			}
		})
	}
}

// A ClientHello that resumes a session has an SNI of its own, and it is that one that counts.
func TestAResumedSessionGoesByItsOwnSNI(t *testing.T) {
	m := mqttsToMQTT
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		t.Run(tls.VersionName(version), func(t *testing.T) {
			r := m.start(t, []string{startNode(t, nil).address()})
			r.apply(m.routeSNI("a.example", m.onePool("a", startNode(t, nil).address())), m.routeSNI("b.example", m.onePool("b", startNode(t, nil).address())))
			cache := &oneSession{}
			for i, name := range []string{"a.example", "a.example", "b.example", "other.example"} {
				conn := r.dialBare(r.srv.Addr("mqtt"))
				over := conn.asking(name, func(c *tls.Config) { c.MinVersion, c.MaxVersion, c.ClientSessionCache = version, version, cache })
				id := fmt.Sprint("c", i)
				m.join(conn, id) // TLS 1.3 has its ticket once the client has read something
				want, _, _ := strings.Cut(name, ".")
				if want == "other" {
					want = "pool"
				}
				if got := r.poolOf(id); got != want || over.ConnectionState().DidResume != (i > 0) {
					t.Errorf("SNI %q leads to %s, resumed: %v", name, got, over.ConnectionState().DidResume)
				}
				_ = conn.Close()
			}
		})
	}
}

// oneSession keeps the last session for every name.
type oneSession struct{ state *tls.ClientSessionState }

func (o *oneSession) Get(string) (*tls.ClientSessionState, bool)  { return o.state, o.state != nil }
func (o *oneSession) Put(_ string, state *tls.ClientSessionState) { o.state = state }

// A client that has made its handshake goes by the routes under which it connected; an upgrade goes by those of now.
func TestAReloadBetweenTheHandshakeAndTheCONNECT(t *testing.T) {
	for _, m := range []mode{mqttsToMQTT, wssToMQTT, httpsToWS} {
		t.Run(m.name, func(t *testing.T) {
			special := m.onePool("special", m.startNode(t, nil).address())
			r := m.start(t, []string{m.startNode(t, nil).address()})
			without := r.changed().Listeners[0].Routes
			r.apply(m.routeSNI("a.example", special))
			first, second := r.dialBare(r.srv.Addr("mqtt")), r.dialBare(r.srv.Addr("mqtt"))
			first.asking("a.example", nil)
			second.asking("a.example", nil)
			m.join(first, "first")
			r.apply(func(s *snapshot.Snapshot) {
				s.Listeners[0].Routes = without
				for i := range without {
					without[i].Pool = s.Listeners[0].Pool
				}
			})
			m.join(second, "second")
			want := "special"
			if m.clientWS() {
				want = "pool"
			}
			if got := r.poolOf("second"); got != want {
				t.Errorf("a client between its handshake and its CONNECT goes to %s, want %s", got, want)
			}
			third := r.dialBare(r.srv.Addr("mqtt"))
			third.asking("a.example", nil)
			m.join(third, "third")
			if got := r.poolOf("third"); got != "pool" {
				t.Errorf("a client that comes later goes to %s", got)
			}
			first.send([]byte("still here"))
			first.expect([]byte("still here"))
			for _, c := range []*client{first, second, third} {
				_ = c.Close()
			}
		})
	}
}

// spelled replaces the name in a ClientHello by one of the same length.
func spelled(t *testing.T, name string) []byte {
	t.Helper()
	const stem = ".example"
	place := strings.Repeat("x", len(name)-len(stem)) + stem
	here, there := net.Pipe()
	defer there.Close()
	go func() { // ends when the pipe is closed
		_ = tls.Client(here, &tls.Config{ServerName: place}).HandshakeContext(t.Context())
	}()
	b := make([]byte, 16<<10)
	n, err := there.Read(b)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Count(b[:n], []byte(place)) != 1 {
		t.Fatalf("%q is not in the ClientHello once", place)
	}
	return bytes.Replace(b[:n], []byte(place), []byte(name), 1)
}

// What RFC 6066 forbids is passed on, unchanged, to the pool of the same name.
func TestPassthroughTakesNamesThatRFC6066Forbids(t *testing.T) {
	m := mode{protocol: snapshot.Passthrough}
	pools := map[string]*snapshot.Pool{}
	heard := make(chan string, 1)
	for _, name := range []string{"host", "address", "german", "odd"} {
		pools[name] = m.onePool(name, startNode(t, func(c net.Conn) {
			b := make([]byte, 16<<10)
			if n, err := c.Read(b); err == nil {
				heard <- name + " " + string(b[:n])
			}
		}).address())
	}
	rest := startNode(t, func(c net.Conn) {
		b := make([]byte, 16<<10)
		if n, err := c.Read(b); err == nil {
			heard <- "rest " + string(b[:n])
		}
	})
	r := m.start(t, []string{rest.address()}, m.routeSNI("host.example", pools["host"]), m.routeSNI("10.0.0.123", pools["address"]),
		m.routeSNI("2001:db8::1", pools["address"]), m.routeSNI("xn--bcher-kva.example", pools["german"]), m.routeSNI("*.odd.example", pools["odd"]))
	for name, want := range map[string]string{
		"host.example":              "host",
		"host.example.":             "host",
		"Host.EXAMPLE.":             "host",
		"host.example:8883":         "host",
		"10.0.0.123":                "address",
		"10.0.0.124":                "rest",
		"2001:DB8:0:0::1":           "address",
		"bücher.example":            "german",
		"bücher.example.":           "german",
		"XN--Bcher-kva.example":     "german",
		"my_broker.odd.example":     "odd",
		"with space.odd.example":    "rest", // a star stands for names
		"\xff\xfe\xfd not utf-8":    "rest",
		strings.Repeat("long.", 99): "rest",
	} {
		hello := spelled(t, name)
		c := r.dialBare(r.srv.Addr("mqtt"))
		c.send(hello)
		if got := <-heard; got != want+" "+string(hello) {
			t.Errorf("%.40q goes to %.10q, want %s", name, got, want)
		}
		c.rest() // the node closes
		_ = c.Close()
	}
}

// Where TLS ends, crypto/tls refuses a root dot. The log says that it was the dot.
func TestTheLogSaysWhichNameIsRefused(t *testing.T) {
	for _, m := range []mode{mqttsToMQTT, wssToMQTT, {name: "https", protocol: snapshot.HTTP, tls: true}} {
		t.Run(m.name, func(t *testing.T) {
			r := m.start(t, []string{startNode(t, nil).address()})
			c := r.dialBare(r.srv.Addr("mqtt"))
			c.send(spelled(t, "broker.example."))
			if alert := c.rest(); len(alert) != 7 || alert[0] != 21 {
				t.Errorf("the answer is % x, want an alert", alert)
			}
			_ = c.Close()
			r.waitOutcome(outcome.HandshakeFailed, 1)
			r.waitLine(`outcome=handshake_failed error="TLS handshake: bad_name: the client's SNI is \"broker.example.\": its last dot is forbidden (RFC 6066, 3), and crypto/tls refuses it"`)
		})
	}
}

// OpenSSL sends any name as SNI, and accepts it.
func TestOpenSSLPassesAForbiddenNameThrough(t *testing.T) {
	pair := testCA().Issue("host").File(t)
	n := proxytest.StartOpenSSL(t, "s_server", "-accept", "127.0.0.1:0", "-cert", pair, "-rev")
	_, address, _ := strings.Cut(n.Hears("ACCEPT "), "ACCEPT ")
	m := mode{protocol: snapshot.Passthrough}
	special := m.onePool("special", address)
	r := m.start(t, []string{refusing}, m.routeSNI("host", special), m.routeSNI("10.0.0.1", special))
	for _, name := range []string{"host.", "10.0.0.1", "HOST"} {
		c := proxytest.StartOpenSSL(t, "s_client", "-connect", r.srv.Addr("mqtt").String(), "-servername", name)
		c.Hears("Verify return code") // it reads its input from now on
		c.Say("olleh")
		c.Hears("hello")
		c.Say("Q") // the server takes one client at a time
	}
}
