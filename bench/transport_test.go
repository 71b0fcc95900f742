//go:build linux

package bench

import (
	"bufio"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"testing"
)

// transport is a combination of layers below MQTT.
type transport struct {
	name    string
	ssl, ws bool
}

var transports = []transport{{"tcp", false, false}, {"ws", false, true}, {"ssl", true, false}, {"wss", true, true}}

// apply makes o use t and verify the server by the name in the test's certificate.
func (t transport) apply(o Options, p *pki) Options {
	o.WebSocket = t.ws
	if t.ssl {
		o.TLS = p.Trust(serverName)
	}
	return o
}

// serveTransport runs a stub broker behind tr until the test ends.
func serveTransport(t *testing.T, tr transport, p *pki) netip.AddrPort {
	t.Helper()
	address := "127.0.0.1:0"
	if tr.ws {
		address = "ws://" + address
	}
	b := serveBrokerAt(t, address)
	if !tr.ssl {
		return b.Addrs()[0]
	}
	return terminate(t, b.Addrs()[0], &tls.Config{Certificates: []tls.Certificate{p.server.TLS}}, 1400)
}

// terminate terminates TLS and relays to target, until the test ends. It sends ciphertext
// in writes of chunk bytes, so that records arrive in pieces.
func terminate(t *testing.T, target netip.AddrPort, config *tls.Config, chunk int) netip.AddrPort {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() { // ends when l is closed
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go relay(tls.Server(dribble{conn, chunk}, config), target) // ends with either connection
		}
	}()
	return netip.MustParseAddrPort(l.Addr().String())
}

func relay(client net.Conn, target netip.AddrPort) {
	defer client.Close()
	server, err := net.Dial("tcp", target.String())
	if err != nil {
		return
	}
	go func() { // ends with either connection
		defer server.Close()
		_, _ = io.Copy(server, client)
	}()
	_, _ = io.Copy(client, server)
}

// dribble writes in pieces.
type dribble struct {
	net.Conn
	chunk int
}

func (d dribble) Write(b []byte) (int, error) {
	n := 0
	for piece := range slices.Chunk(b, d.chunk) {
		m, err := d.Conn.Write(piece)
		if n += m; err != nil {
			return n, err
		}
	}
	return n, nil
}

func TestEveryTransportCarriesEveryVersionAndQoS(t *testing.T) {
	p := newPKI()
	for _, tr := range transports {
		t.Run(tr.name, func(t *testing.T) {
			a := serveTransport(t, tr, p)
			for version := byte(3); version <= 5; version++ {
				for qos := byte(1); qos <= 2; qos++ {
					exchange(t, a, tr.apply(Options{Clients: 10, Version: version, KeepAlive: 60}, p),
						Publishing{Topic: "t/%i", QoS: qos, Size: 64, Inflight: 4}, 500)
				}
			}
			exchange(t, a, tr.apply(Options{Clients: 2}, p), Publishing{Topic: "t", QoS: 1, Size: 600_000, Inflight: 3}, 50)
		})
	}
}

func TestChurnOverEveryTransportLeavesNothingOpen(t *testing.T) {
	p := newPKI()
	for _, tr := range transports {
		t.Run(tr.name, func(t *testing.T) {
			f := newFleet(t, tr.apply(Options{Targets: []netip.AddrPort{serveTransport(t, tr, p)}, Clients: 8, Churn: true}, p))
			s := f.Stats()
			if err := f.Run(testContext(t), func() bool { return s.Connects >= 100 || s.Failed > 0 }); err != nil {
				t.Fatal(err, *s)
			}
			if s.Failed+s.Refused+s.Lost > 0 || s.Open > 8 {
				t.Errorf("%+v", *s)
			}
			f.Close()
			if s.Open != 0 {
				t.Errorf("%d connections are open", s.Open)
			}
		})
	}
}

func TestTLSRecordsMayArriveByteByByte(t *testing.T) {
	p := newPKI()
	b := serveBroker(t)
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		a := terminate(t, b.Addrs()[0], &tls.Config{Certificates: []tls.Certificate{p.server.TLS}, MaxVersion: version}, 1)
		exchange(t, a, Options{Clients: 3, TLS: p.Trust(""), Hosts: []string{serverName + ":8883"}},
			Publishing{Topic: "t", QoS: 2, Size: 64, Inflight: 5}, 100)
	}
}

func TestClientCertificateIsShown(t *testing.T) {
	p := newPKI()
	config := &tls.Config{Certificates: []tls.Certificate{p.server.TLS}, ClientCAs: p.Pool(), ClientAuth: tls.RequireAndVerifyClientCert}
	a := terminate(t, serveBroker(t).Addrs()[0], config, 1400)
	o := Options{Clients: 3, TLS: p.Trust(serverName, p.client)}
	exchange(t, a, o, Publishing{Topic: "t", QoS: 1}, 10)
}

func TestSessionsResumeWhenThereIsACache(t *testing.T) {
	p := newPKI()
	a := serveTransport(t, transport{ssl: true}, p)
	for _, cache := range []tls.ClientSessionCache{nil, tls.NewLRUClientSessionCache(0)} {
		config := p.Trust(serverName)
		config.ClientSessionCache = cache
		// One after the other, so that the first has its ticket.
		f := newFleet(t, Options{Targets: []netip.AddrPort{a}, Clients: 1, Churn: true, TLS: config})
		s := f.Stats()
		if err := f.Run(testContext(t), func() bool { return s.Connects == 5 || s.Failed > 0 }); err != nil {
			t.Fatal(err, *s)
		}
		if want := map[bool]uint64{false: 0, true: 4}[cache != nil]; s.Resumed < want || s.Resumed > 0 && cache == nil {
			t.Errorf("cache %v: %d of %d sessions resumed, want %d: %v", cache != nil, s.Resumed, s.Connects, want, s.Causes)
		}
	}
}

func TestWhatEndsBeforeTheConnectIsCountedAsFailedWithItsCause(t *testing.T) {
	p := newPKI()
	trusting := p.Trust("elsewhere.example")
	ssl := serveTransport(t, transport{ssl: true}, p)
	for _, c := range []struct {
		name   string
		target netip.AddrPort
		opt    Options
		cause  string
	}{
		{"the certificate of another", ssl, Options{TLS: trusting}, "not elsewhere.example"},
		{"a server without TLS", answering(t, "HTTP/1.1 400 Bad Request\r\n\r\n"), Options{TLS: trusting}, "TLS handshake: "},
		{"a server that closes amid the handshake", answering(t, ""), Options{TLS: trusting}, "TLS handshake: EOF"},
		{"nobody", nobody, Options{TLS: trusting}, "connect: connection refused"},
		{"no such path", answering(t, "HTTP/1.1 404 Not Found\r\n\r\n"), Options{WebSocket: true}, `upgrade answered with "HTTP/1.1 404 Not Found"`},
		{"a broker without WebSocket", serveBroker(t).Addrs()[0], Options{WebSocket: true}, "connection reset by peer"},
		{"an endless head", answering(t, strings.Repeat("x", 1<<20)), Options{WebSocket: true}, errHead.Error()},
	} {
		c.opt.Targets, c.opt.Clients = []netip.AddrPort{c.target}, 5
		f := newFleet(t, c.opt)
		s := f.Stats()
		if err := f.Connect(testContext(t)); err != nil {
			t.Fatalf("%s: %v: %+v", c.name, err, *s)
		}
		if s.Failed != 5 || s.Open != 0 || !strings.Contains(fmt.Sprint(s.Causes), c.cause) {
			t.Errorf("%s: %+v", c.name, *s)
		}
	}
}

func TestClosingAFleetEndsItsHandshakes(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	f := newFleet(t, Options{Targets: []netip.AddrPort{netip.MustParseAddrPort(l.Addr().String())}, Clients: 5, TLS: &tls.Config{ServerName: "x"}})
	securing := func() (n int) {
		for i := range f.clients {
			if f.clients[i].state == securing {
				n++
			}
		}
		return n
	}
	if err := f.Run(testContext(t), func() bool { return securing() == 5 }); err != nil {
		t.Fatal(err)
	}
	// Close returns after the goroutines, although nobody answers them.
	if err := f.Close(); err != nil || f.Stats().Open != 0 {
		t.Errorf("%v, %d open", err, f.Stats().Open)
	}
	if err := f.Close(); err == nil {
		t.Error("a fleet closed twice has closed two descriptors")
	}
}

func TestServerMaySpeakAtOnceInFragmentsAmidPings(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	ended := make(chan error, 1)
	go func() { ended <- upgradeRudely(l) }() // ends with its connection
	f := newFleet(t, Options{Targets: []netip.AddrPort{netip.MustParseAddrPort(l.Addr().String())}, Clients: 1, WebSocket: true, Path: "/x?y=z"})
	s := f.Stats()
	if err := f.Run(testContext(t), func() bool { return s.Lost+s.Failed > 0 }); err != nil {
		t.Fatal(err, *s)
	}
	if s.Connects != 1 || s.Received != 2 || s.Causes["closed with WebSocket status 1001"] != 1 {
		t.Errorf("%+v", *s)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// upgradeRudely serves one client in ways that the standard allows and few servers use.
func upgradeRudely(l net.Listener) error {
	conn, err := l.Accept()
	if err != nil {
		return err
	}
	defer conn.Close()
	r := bufio.NewReader(conn)
	request, err := http.ReadRequest(r)
	if err != nil {
		return err
	}
	if request.URL.String() != "/x?y=z" || request.Host != l.Addr().String() {
		return fmt.Errorf("asked for %s at %s", request.URL, request.Host)
	}
	b := fmt.Appendf(nil, "HTTP/1.1 101 Switching\r\nconnection: Upgrade\r\nupgrade: websocket\r\n"+
		"sec-websocket-protocol: mqtt\r\nsec-websocket-accept: %s\r\n\r\n", acceptOf([]byte(request.Header.Get("Sec-WebSocket-Key"))))
	// A CONNACK and two PUBLISHes in fragments that split packets, with a ping between
	// them.
	b = append(b, opBinary, 2, typeConnack, 2, finBit|opPing, 2, 'h', 'i')
	if _, err := conn.Write(append(b, opContinuation, 4, 0, 0, typePublish, 3)); err != nil {
		return err
	}
	answer := make([]byte, 4096)
	n, err := conn.Read(answer)
	if err != nil {
		return err
	}
	if answer[0] != finBit|opPong || answer[1] != maskBit|2 {
		return fmt.Errorf("no Pong in % x", answer[:n])
	}
	if data, _, err := deframe(&deframer{}, answer[:n], 0); err != nil || len(data) == 0 || data[0] != typeConnect {
		return fmt.Errorf("no CONNECT in % x: %v", data, err)
	}
	b = append(b[:0], finBit|opContinuation, 3, 0, 1, 't')
	b = appendFrame(b, opBinary, false, []byte{typePublish, 3, 0, 1, 'u'})
	b = appendFrame(b, opClose, false, []byte{1001 >> 8, 1001 & 0xff})
	if _, err := conn.Write(b); err != nil {
		return err
	}
	if n, err = conn.Read(answer); err != nil {
		return err
	}
	if _, _, err := deframe(&deframer{}, answer[:n], 0); !errors.Is(err, closeError(1001)) {
		return fmt.Errorf("the answer to the Close is % x: %v", answer[:n], err)
	}
	return nil
}
