package tlsterm

import (
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"strings"
	"testing"
	"time"

	"mqttlb/proxy/proxytest"
)

// commonName is a template for a certificate that has a Common Name and no SAN.
func commonName(name string) x509.Certificate {
	return x509.Certificate{Subject: pkix.Name{CommonName: name}}
}

func TestChainOfANodeIsVerifiedWithoutItsName(t *testing.T) {
	ca, foreign := proxytest.NewCA("ca"), proxytest.NewCA("foreign")
	intermediate := ca.Intermediate("intermediate")
	below := intermediate.IssueLike(commonName("emqx"))
	whole := below
	whole.TLS.Certificate = [][]byte{below.TLS.Certificate[0], intermediate.TLS.Certificate[0]}
	expired := commonName("emqx")
	expired.NotAfter = time.Now().Add(-time.Minute)
	forClients := commonName("emqx")
	forClients.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	for _, row := range []struct {
		name  string
		shows proxytest.Pair
		want  string // part of the error; empty: no error
	}{
		{"a Common Name", ca.IssueLike(commonName("emqx")), ""},
		{"no name at all", ca.IssueLike(x509.Certificate{}), ""},
		{"the name of another", ca.Issue("other.example"), ""},
		{"with its intermediate", whole, ""},
		{"without its intermediate", below, "signed by unknown authority"},
		{"of another CA", foreign.IssueLike(commonName("emqx")), "signed by unknown authority"},
		{"expired", ca.IssueLike(expired), "certificate has expired"},
		{"of a client", ca.IssueLike(forClients), "incompatible key usage"},
	} {
		t.Run(row.name, func(t *testing.T) {
			for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
				config := shown(row.shows)
				config.MaxVersion = version
				s := originator(t, ca, func(o *NodeOptions) { o.Verify = VerifyChain })
				_, _, err := handshakeWithNode(t, s, config)
				if (err == nil) != (row.want == "") || err != nil && !strings.Contains(err.Error(), row.want) {
					t.Errorf("%s: got %v, want %q", tls.VersionName(version), err, row.want)
				}
			}
		})
	}
}

// A resumed session has no chain of its own: crypto/tls would accept it without a look.
func TestChainOfAResumedNodeIsVerified(t *testing.T) {
	ca, foreign := proxytest.NewCA("ca"), proxytest.NewCA("foreign")
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		s := originator(t, ca, func(o *NodeOptions) { o.Verify = VerifyChain })
		config := shown(ca.IssueLike(commonName("emqx")))
		config.MaxVersion = version
		for i, want := range []bool{false, true, true} {
			if made, _, err := handshakeWithNode(t, s, config); err != nil || made.Info().Resumed != want {
				t.Fatalf("%s: connection %d: %v", tls.VersionName(version), i, err)
			}
		}
		// As if the CA were not believed any more, but the ticket were still there.
		resumed := false
		verify := (&chainVerifier{foreign.Pool(), time.Now}).verify
		s.current.Load().configs["node-a"].VerifyConnection = func(state tls.ConnectionState) error {
			resumed = state.DidResume
			return verify(state)
		}
		if _, _, err := handshakeWithNode(t, s, config); !resumed || err == nil || !strings.Contains(err.Error(), "signed by unknown authority") {
			t.Errorf("%s: resumed %v, %v", tls.VersionName(version), resumed, err)
		}
	}
}

// An operator whose broker has an old certificate finds the setting that accepts it.
func TestErrorAboutACertificateWithoutSANNamesTheSetting(t *testing.T) {
	ca := proxytest.NewCA("ca")
	for _, host := range []string{"node.example", "127.0.0.1"} {
		for _, cn := range []string{"node.example", "emqx"} {
			s := originator(t, ca, func(o *NodeOptions) { o.Hosts["node-a"] = host })
			_, _, err := handshakeWithNode(t, s, shown(ca.IssueLike(commonName(cn))))
			want := `TLS: the certificate has no SAN, and its CN "` + cn + `" does not count as a name; verify: ca checks the chain without the name (wanted: ` + host + `)`
			if err == nil || (&NodeError{err}).Error() != want {
				t.Errorf("%s, %s: got %v, want %s", host, cn, err, want)
			}
		}
	}
}
