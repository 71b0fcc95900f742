//go:build linux

package compare

import (
	"crypto/tls"
	"io"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"mqttlb/proxy/proxytest"
)

// serveTLS terminates the TLS of every client, and returns its address.
func serveTLS(t *testing.T, config *tls.Config) netip.AddrPort {
	t.Helper()
	return netip.MustParseAddrPort(proxytest.Serve(t, "127.0.0.1:0", func(conn *net.TCPConn) {
		over := tls.Server(conn, config)
		_, _ = io.Copy(io.Discard, over) // makes the handshake first; the client checks its result
		_ = over.Close()
	}))
}

func TestABalancerWithOtherCryptographyIsNotCompared(t *testing.T) {
	c, err := writeCertificate(t.TempDir(), ecdsaP256)
	if err != nil {
		t.Fatal(err)
	}
	pair, err := tls.LoadX509KeyPair(c.file, c.file)
	if err != nil {
		t.Fatal(err)
	}
	other, err := writeCertificate(t.TempDir(), ecdsaP256)
	if err != nil {
		t.Fatal(err)
	}
	server := &tls.Config{Certificates: []tls.Certificate{pair}}
	at := []netip.AddrPort{serveTLS(t, server)}
	older := server.Clone()
	older.MaxVersion = tls.VersionTLS12
	p256 := c.client(false)
	p256.CurvePreferences = []tls.CurveID{tls.CurveP256}
	for _, try := range []struct {
		name   string
		at     []netip.AddrPort
		client *tls.Config
		want   string // part of the error; empty: none
	}{
		{"the same", at, c.client(false), ""},
		{"with a cache", at, c.client(true), ""},
		{"another key exchange", at, p256, "CurveP256"},
		{"an older version", []netip.AddrPort{serveTLS(t, older)}, c.client(false), "TLS:"},
		{"another certificate", at, other.client(false), "TLS:"},
	} {
		r := &running{candidate: haproxyForTest, targets: try.at, tls: try.client}
		err := r.checkHandshake(t.Context())
		if (err == nil) != (try.want == "") || err != nil && !strings.Contains(err.Error(), try.want) {
			t.Errorf("%s: %v, want %q", try.name, err, try.want)
		}
	}
}

// Real programs, with fewer clients that stall.
func TestStalledHandshakesAreMeasured(t *testing.T) {
	if _, err := splitCores(1); err != nil {
		t.Skip(err)
	}
	all := stalls
	defer func() { stalls = all }()
	stalls = []stall{
		{clients: 90, addresses: 1, says: 1}, {clients: 90, addresses: 9, says: 1},
		{clients: 10, addresses: 1, answered: true}, {clients: 10, addresses: 10, answered: true},
	}
	r, err := Run(t.Context(), Options{
		HAProxy: proxytest.Program(t, "haproxy"), Mqttlb: build(t, "mqttlb"), Broker: []string{build(t, "mqttbench"), "broker"},
		Pairs: 1, Turn: minTurn, Only: []string{"stalled"}, Status: io.Discard,
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Measures) != 5 {
		t.Fatalf("%d rows", len(r.Measures))
	}
	for _, m := range r.Measures {
		if len(m.Figures) != 2 || m.Figures[0].Median <= 0 || m.Figures[1].Median <= 0 {
			t.Errorf("%s: %+v", m.Name, m)
		}
	}
}

// Real sockets and programs: clients connect over TLS through HAProxy and through mqttlb.
// The measure fails if it should resume sessions and does not.
func TestMeasuresRunOverTLS(t *testing.T) {
	if testing.Short() {
		t.Skip("takes some 20 seconds")
	}
	if _, err := splitCores(1); err != nil {
		t.Skip(err)
	}
	r, err := Run(t.Context(), Options{
		HAProxy: proxytest.Program(t, "haproxy"), Mqttlb: build(t, "mqttlb"), Broker: []string{build(t, "mqttbench"), "broker"},
		Pairs: 1, Turn: minTurn, Only: []string{"tls-*"}, Status: io.Discard,
	})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, m := range r.Measures {
		names = append(names, m.Name)
		if len(m.Ratio.Each) != 1 || m.Ratio.Median <= 0 || len(m.Figures) != 2 || m.Figures[0].Median <= 0 || m.Figures[1].Median <= 0 {
			t.Errorf("%s: %+v", m.Name, m)
		}
	}
	if want := []string{"tls-roundtrip-100", "tls-connect", "tls-connect-resumed", "tls-connect-rsa", "tls-memory", "tls-memory-grown"}; !slices.Equal(names, want) {
		t.Errorf("rows %v, want %v", names, want)
	}
}
