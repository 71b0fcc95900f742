package tlsterm

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// originator makes one for a node at 127.0.0.1 that believes ca, and fails the test where that is not possible.
func originator(t *testing.T, ca *authority, change func(*NodeOptions)) *Originator {
	t.Helper()
	o := NodeOptions{Hosts: []string{"node.example"}, CA: write(t, "ca.pem", ca.pem)}
	if change != nil {
		change(&o)
	}
	s, err := NewOriginator(o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// meetNode has s shake hands with a node as config says, and returns what both have come to.
func meetNode(t *testing.T, s *Originator, config *tls.Config) (*Session, tls.ConnectionState, error) {
	t.Helper()
	ours, theirs := connect(t)
	node := tls.Server(theirs, config)
	shaken := make(chan error, 1)
	go func() { // ends with the handshake, or with the connection
		err := node.HandshakeContext(t.Context())
		shaken <- err
		if err == nil {
			_, _ = node.Write([]byte("welcome")) // behind the tickets of 1.3
		}
	}()
	made, err := s.Connect(t.Context(), ours, 0)
	if err != nil {
		_ = ours.Close()
		<-shaken
		return nil, tls.ConnectionState{}, err
	}
	if _, err := made.Conn().Read(make([]byte, 16)); err != nil {
		return nil, tls.ConnectionState{}, err
	}
	if err := <-shaken; err != nil {
		return nil, tls.ConnectionState{}, err
	}
	return made, node.ConnectionState(), nil
}

func shown(certs ...issued) *tls.Config {
	config := &tls.Config{}
	for _, c := range certs {
		config.Certificates = append(config.Certificates, tls.Certificate{Certificate: [][]byte{c.leaf.Raw}, PrivateKey: c.key})
	}
	return config
}

func TestNodeHasToShowItsName(t *testing.T) {
	ca, foreign := newCA(t, "ca"), newCA(t, "foreign")
	expired := func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) }
	for _, row := range []struct {
		name   string
		shows  issued
		change func(*NodeOptions)
		want   string // part of the error; empty: none
	}{
		{"its own", ca.issue(t, ecdsaKey(t), nil, "node.example"), nil, ""},
		{"with RSA", ca.issue(t, rsaKey(), nil, "node.example"), nil, ""},
		{"a wildcard", ca.issue(t, ecdsaKey(t), nil, "*.example"), nil, ""},
		{"another", ca.issue(t, ecdsaKey(t), nil, "other.example"), nil, "valid for other.example, not node.example"},
		{"of another CA", foreign.issue(t, ecdsaKey(t), nil, "node.example"), nil, "signed by unknown authority"},
		{"expired", ca.issue(t, ecdsaKey(t), expired, "node.example"), nil, "certificate has expired or is not yet valid"},
		{"any, not verified", foreign.issue(t, ecdsaKey(t), expired, "other.example"), func(o *NodeOptions) { o.CA, o.Insecure = "", true }, ""},
		{"an address", ca.issue(t, ecdsaKey(t), func(c *x509.Certificate) { c.IPAddresses = []net.IP{net.IPv4(10, 0, 0, 1)} }, "node.example"),
			func(o *NodeOptions) { o.Hosts = []string{"10.0.0.1"} }, ""},
		{"another address", ca.issue(t, ecdsaKey(t), func(c *x509.Certificate) { c.IPAddresses = []net.IP{net.IPv4(10, 0, 0, 2)} }, "node.example"),
			func(o *NodeOptions) { o.Hosts = []string{"10.0.0.1"} }, "valid for 10.0.0.2, not 10.0.0.1"},
	} {
		t.Run(row.name, func(t *testing.T) {
			_, _, err := meetNode(t, originator(t, ca, row.change), shown(row.shows))
			if (err == nil) != (row.want == "") || err != nil && !strings.Contains(err.Error(), row.want) {
				t.Errorf("got %v, want %q", err, row.want)
			}
		})
	}
}

func TestNodeGetsTheServerNameAndTheCertificate(t *testing.T) {
	ca := newCA(t, "ca")
	us := ca.issue(t, ecdsaKey(t), nil, "balancer")
	s := originator(t, ca, func(o *NodeOptions) {
		o.Certificate = CertificateFile{Cert: write(t, "us.pem", us.cert, us.pem)}
	})
	config := shown(ca.issue(t, ecdsaKey(t), nil, "node.example"))
	config.ClientAuth, config.ClientCAs = tls.RequireAndVerifyClientCert, x509.NewCertPool()
	config.ClientCAs.AddCert(ca.cert)
	_, state, err := meetNode(t, s, config)
	if err != nil {
		t.Fatal(err)
	}
	if state.ServerName != "node.example" || state.PeerCertificates[0].Subject.CommonName != "balancer" || state.Version != tls.VersionTLS13 {
		t.Errorf("%q, %v, %x", state.ServerName, state.PeerCertificates[0].Subject, state.Version)
	}
}

// A new CA shall see every node: what was resumed has shown its certificate to the old one.
func TestTicketsOfANodeEndWithAReload(t *testing.T) {
	ca := newCA(t, "ca")
	s := originator(t, ca, nil)
	config := shown(ca.issue(t, ecdsaKey(t), nil, "node.example"))
	for i, want := range []bool{false, true, true, false, true} {
		if i == 3 {
			if err := s.Reload(); err != nil {
				t.Fatal(err)
			}
		}
		made, _, err := meetNode(t, s, config)
		if err != nil {
			t.Fatal(err)
		}
		if made.Info().Resumed != want {
			t.Errorf("connection %d: resumed %v, want %v", i, !want, want)
		}
	}
}

func TestBrokenFileOfAPoolKeepsTheLastGoodOne(t *testing.T) {
	before, after := newCA(t, "before"), newCA(t, "after")
	ca := write(t, "nodes.pem", before.pem)
	s := originator(t, before, func(o *NodeOptions) { o.CA = ca })
	old, fresh := shown(before.issue(t, ecdsaKey(t), nil, "node.example")), shown(after.issue(t, ecdsaKey(t), nil, "node.example"))
	rewrite(t, ca, []byte("-----BEGIN CERTIFICATE-----\n"))
	if err := s.Reload(); err == nil || !strings.Contains(err.Error(), ca) {
		t.Errorf("got %v, want one about %s", err, ca)
	}
	if _, _, err := meetNode(t, s, old); err != nil {
		t.Errorf("with the last good CA: %v", err)
	}
	if status := s.Status(); len(status) != 1 || status[0].Err == nil || status[0].Kind != KindCA || status[0].Names[0] != "CN=before" {
		t.Errorf("%+v", status)
	}
	rewrite(t, ca, after.pem)
	if err := s.Reload(); err != nil {
		t.Fatal(err)
	}
	if _, _, err := meetNode(t, s, fresh); err != nil {
		t.Errorf("with the new CA: %v", err)
	}
	if _, _, err := meetNode(t, s, old); err == nil {
		t.Error("the old CA is still believed")
	}
}

func TestFilesOfAPoolAreWatched(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		before, after := newCA(t, "before"), newCA(t, "after")
		ca := write(t, "nodes.pem", before.pem)
		s := originator(t, before, func(o *NodeOptions) { o.CA = ca })
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { // ends with ctx
			defer close(ended)
			s.Run(ctx)
		}()
		rewrite(t, ca, after.pem, []byte("\n")) // of another size: not every file system's clock is fine enough
		pass(3)
		if got := s.Status()[0].Names[0]; got != "CN=after" {
			t.Errorf("in force is %s", got)
		}
		cancel()
		<-ended
	})
}

func TestFilesOfAPoolMustBeGoodAtTheStart(t *testing.T) {
	ca := newCA(t, "ca")
	leaf := ca.issue(t, ecdsaKey(t), nil, "balancer")
	other := ca.issue(t, ecdsaKey(t), nil, "other")
	for name, o := range map[string]NodeOptions{
		"no such file":                 {CA: filepath.Join(t.TempDir(), "none.pem")},
		"not the certificate of a CA":  {CA: write(t, "leaf.pem", leaf.cert)},
		"no private key in PEM":        {Certificate: CertificateFile{Cert: write(t, "cert.pem", leaf.cert)}},
		"does not belong to a certifi": {Certificate: CertificateFile{Cert: write(t, "c.pem", leaf.cert), Key: write(t, "k.pem", other.pem)}},
	} {
		if _, err := NewOriginator(o); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("got %v, want %q", err, name)
		}
	}
}
