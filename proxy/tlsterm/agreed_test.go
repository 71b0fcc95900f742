package tlsterm

import (
	"crypto/tls"
	"maps"
	"net"
	"testing"

	"mqttlb/proxy/proxytest"
)

// The gate counts each handshake once, by what the two sides have agreed on.
func TestGateCountsVersionCipherAndResumption(t *testing.T) {
	ca := proxytest.NewCA("ca")
	s, gate := server(t, ca, nil), NewGate(0, 0, 0)
	visit := func(config *tls.Config) {
		t.Helper()
		c, raw := connect(t)
		client, over := tls.Client(c, config), make(chan error, 1)
		go func() { // ends with the client's first byte, or its deadline
			_, err := client.Read(make([]byte, 1))
			over <- err
		}()
		session, err := gate.Accept(t.Context(), nil, func() (net.Conn, error) { return raw, nil }, s.Config())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := session.Conn().Write([]byte("x")); err != nil {
			t.Fatal(err)
		}
		if err := <-over; err != nil {
			t.Fatal(err)
		}
	}
	two, three := client(ca), client(ca)
	two.MaxVersion, two.CipherSuites = tls.VersionTLS12, []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384}
	three.ClientSessionCache = tls.NewLRUClientSessionCache(1)
	visit(two)
	visit(two)
	visit(three)
	visit(three)

	got := gate.Counts().Agreed
	var cipher string // of TLS 1.3: the processor decides
	for a := range got {
		if a.Version == "TLSv1.3" {
			cipher = a.Cipher
		}
	}
	want := map[Agreed]uint64{
		{"TLSv1.2", "ECDHE-ECDSA-AES256-GCM-SHA384", false}: 2,
		{"TLSv1.3", cipher, false}:                          1,
		{"TLSv1.3", cipher, true}:                           1,
	}
	if !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
