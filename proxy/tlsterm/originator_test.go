package tlsterm

import (
	"context"
	"crypto/tls"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"

	"mqttlb/proxy/proxytest"
)

// originator returns an Originator that trusts ca, for a node at 127.0.0.1; change may change its options.
func originator(t *testing.T, ca *proxytest.CA, change func(*NodeOptions)) *Originator {
	t.Helper()
	o := NodeOptions{Hosts: map[string]string{"node-a": "node.example"}, CA: proxytest.TempFile(t, "ca.pem", ca.Cert)}
	if change != nil {
		change(&o)
	}
	s, err := NewOriginator(o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// handshakeWithNode makes a handshake between s and a node with config, and returns the results of
// both.
func handshakeWithNode(t *testing.T, s *Originator, config *tls.Config) (*Session, tls.ConnectionState, error) {
	t.Helper()
	ours, theirs := connect(t)
	node := tls.Server(theirs, config)
	handshakeErr := make(chan error, 1)
	go func() { // ends with the handshake, or with the connection
		err := node.HandshakeContext(t.Context())
		handshakeErr <- err
		if err == nil {
			_, _ = node.Write([]byte("welcome")) // after the tickets of 1.3
		}
	}()
	made, err := s.Connect(t.Context(), ours, "node-a")
	if err != nil {
		_ = ours.Close()
		<-handshakeErr
		return nil, tls.ConnectionState{}, err
	}
	if _, err := made.Conn().Read(make([]byte, 16)); err != nil {
		return nil, tls.ConnectionState{}, err
	}
	if err := <-handshakeErr; err != nil {
		return nil, tls.ConnectionState{}, err
	}
	return made, node.ConnectionState(), nil
}

func shown(certs ...proxytest.Pair) *tls.Config {
	config := &tls.Config{}
	for _, c := range certs {
		config.Certificates = append(config.Certificates, c.TLS)
	}
	return config
}

func TestNodeHasToShowItsName(t *testing.T) {
	ca, foreign := proxytest.NewCA("ca"), proxytest.NewCA("foreign")
	for _, row := range []struct {
		name   string
		shows  proxytest.Pair
		change func(*NodeOptions)
		want   string // part of the error; empty: no error
	}{
		{"its own", ca.Issue("node.example"), nil, ""},
		{"with RSA", ca.IssueRSA("node.example"), nil, ""},
		{"a wildcard", ca.Issue("*.example"), nil, ""},
		{"another", ca.Issue("other.example"), nil, "valid for other.example, not node.example"},
		{"of another CA", foreign.Issue("node.example"), nil, "signed by unknown authority"},
		{"expired", ca.IssueLike(proxytest.Expired(), "node.example"), nil, "certificate has expired or is not yet valid"},
		{"any, not verified", foreign.IssueLike(proxytest.Expired(), "other.example"), func(o *NodeOptions) { o.CA, o.Verify = "", VerifyNothing }, ""},
		{"an address", ca.Issue("node.example", "10.0.0.1"), func(o *NodeOptions) { o.Hosts["node-a"] = "10.0.0.1" }, ""},
		{"another address", ca.Issue("node.example", "10.0.0.2"), func(o *NodeOptions) { o.Hosts["node-a"] = "10.0.0.1" }, "valid for 10.0.0.2, not 10.0.0.1"},
	} {
		t.Run(row.name, func(t *testing.T) {
			_, _, err := handshakeWithNode(t, originator(t, ca, row.change), shown(row.shows))
			if (err == nil) != (row.want == "") || err != nil && !strings.Contains(err.Error(), row.want) {
				t.Errorf("got %v, want %q", err, row.want)
			}
		})
	}
}

func TestNodeGetsTheServerNameAndTheCertificate(t *testing.T) {
	ca := proxytest.NewCA("ca")
	s := originator(t, ca, func(o *NodeOptions) { o.Certificate.Cert = ca.Issue("balancer").File(t) })
	config := shown(ca.Issue("node.example"))
	config.ClientAuth, config.ClientCAs = tls.RequireAndVerifyClientCert, ca.Pool()
	_, state, err := handshakeWithNode(t, s, config)
	if err != nil {
		t.Fatal(err)
	}
	if state.ServerName != "node.example" || state.PeerCertificates[0].Subject.CommonName != "balancer" || state.Version != tls.VersionTLS13 {
		t.Errorf("%q, %v, %x", state.ServerName, state.PeerCertificates[0].Subject, state.Version)
	}
}

// Every node must be verified by a new CA: a resumed session was verified by the old one.
func TestTicketsOfANodeEndWithAReload(t *testing.T) {
	ca := proxytest.NewCA("ca")
	s := originator(t, ca, nil)
	config := shown(ca.Issue("node.example"))
	for i, want := range []bool{false, true, true, false, true} {
		if i == 3 {
			if err := s.Reload(); err != nil {
				t.Fatal(err)
			}
		}
		made, _, err := handshakeWithNode(t, s, config)
		if err != nil {
			t.Fatal(err)
		}
		if made.Info().Resumed != want {
			t.Errorf("connection %d: resumed %v, want %v", i, !want, want)
		}
	}
}

func TestBrokenFileOfAPoolKeepsTheLastGoodOne(t *testing.T) {
	before, after := proxytest.NewCA("before"), proxytest.NewCA("after")
	ca := proxytest.TempFile(t, "nodes.pem", before.Cert)
	s := originator(t, before, func(o *NodeOptions) { o.CA = ca })
	old, fresh := shown(before.Issue("node.example")), shown(after.Issue("node.example"))
	proxytest.WriteFile(ca, []byte("-----BEGIN CERTIFICATE-----\n"))
	if err := s.Reload(); err == nil || !strings.Contains(err.Error(), ca) {
		t.Errorf("got %v, want one about %s", err, ca)
	}
	if _, _, err := handshakeWithNode(t, s, old); err != nil {
		t.Errorf("with the last good CA: %v", err)
	}
	if status := s.Status(); len(status) != 1 || status[0].Err == nil || status[0].Kind != KindCA || status[0].Names[0] != "CN=before" {
		t.Errorf("%+v", status)
	}
	proxytest.WriteFile(ca, after.Cert)
	if err := s.Reload(); err != nil {
		t.Fatal(err)
	}
	if _, _, err := handshakeWithNode(t, s, fresh); err != nil {
		t.Errorf("with the new CA: %v", err)
	}
	if _, _, err := handshakeWithNode(t, s, old); err == nil {
		t.Error("the old CA is still believed")
	}
}

func TestFilesOfAPoolAreWatched(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		before, after := proxytest.NewCA("before"), proxytest.NewCA("after")
		ca := proxytest.TempFile(t, "nodes.pem", before.Cert)
		s := originator(t, before, func(o *NodeOptions) { o.CA = ca })
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { // ends with ctx
			defer close(ended)
			s.Run(ctx)
		}()
		proxytest.WriteFile(ca, after.Cert, []byte("\n")) // another size: not every file system's clock is fine enough
		pass(3)
		if got := s.Status()[0].Names[0]; got != "CN=after" {
			t.Errorf("in force is %s", got)
		}
		cancel()
		<-ended
	})
}

func TestFilesOfAPoolMustBeGoodAtTheStart(t *testing.T) {
	ca := proxytest.NewCA("ca")
	leaf := ca.Issue("balancer")
	other := ca.Issue("other")
	for name, o := range map[string]NodeOptions{
		"no such file":                 {CA: filepath.Join(t.TempDir(), "none.pem")},
		"not the certificate of a CA":  {CA: proxytest.TempFile(t, "leaf.pem", leaf.Cert)},
		"no private key in PEM":        {Certificate: CertificateFile{Cert: proxytest.TempFile(t, "cert.pem", leaf.Cert)}},
		"does not belong to a certifi": {Certificate: CertificateFile{Cert: proxytest.TempFile(t, "c.pem", leaf.Cert), Key: proxytest.TempFile(t, "k.pem", other.Key)}},
	} {
		if _, err := NewOriginator(o); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("got %v, want %q", err, name)
		}
	}
}
