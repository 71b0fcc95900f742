package tlsterm

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"mqttlb/proxy/proxytest"
)

// name returns the first DNS name of the default certificate in force.
func name(t *testing.T, s *Terminator) string {
	t.Helper()
	return s.Status()[0].Names[0]
}

func TestBrokenPairKeepsTheLastGoodOne(t *testing.T) {
	ca := proxytest.NewCA("ca")
	a, b, c := ca.Issue("a.example"), ca.Issue("b.example"), ca.Issue("c.example")
	first, second := proxytest.TempFile(t, "first.pem", a.Cert, a.Key), proxytest.TempFile(t, "second.pem", b.Cert, b.Key)
	s, err := New(Options{Certificates: []CertificateFile{{Cert: first}, {Cert: second}}})
	if err != nil {
		t.Fatal(err)
	}
	proxytest.WriteFile(first, c.Cert, a.Key) // the key does not belong to it
	proxytest.WriteFile(second, c.Cert, c.Key)
	err = s.Reload()
	if err == nil || !strings.Contains(err.Error(), first) || strings.Contains(err.Error(), second) {
		t.Errorf("got %v, want %s alone", err, first)
	}
	status := s.Status()
	if status[0].Err == nil || status[0].Names[0] != "a.example" || status[1].Err != nil || status[1].Names[0] != "c.example" {
		t.Errorf("%+v", status)
	}
	config := client(ca)
	config.ServerName = "a.example"
	mustHandshake(t, s.Config(), config)
	config.ServerName = "c.example"
	mustHandshake(t, s.Config(), config)

	proxytest.WriteFile(first, a.Cert, a.Key)
	if err := s.Reload(); err != nil || s.Status()[0].Err != nil {
		t.Errorf("after the repair: %v", err)
	}
}

func TestCRLThatDoesNotFitTheNewCAKeepsBoth(t *testing.T) {
	web, before, after := proxytest.NewCA("web"), proxytest.NewCA("fleet"), proxytest.NewCA("fleet")
	ca, crl := proxytest.TempFile(t, "ca.pem", before.Cert), proxytest.TempFile(t, "fleet.crl", before.CRL(time.Now().Add(time.Hour)))
	s := server(t, web, func(o *Options) { o.ClientAuth, o.ClientCA, o.CRLs = ClientAuthRequire, ca, []string{crl} })
	proxytest.WriteFile(ca, after.Cert)
	if err := s.Reload(); err == nil || !strings.Contains(err.Error(), "fleet.crl") {
		t.Errorf("got %v, want one about fleet.crl", err)
	}
	mustHandshake(t, s.Config(), client(web, before.Issue("device")))
	proxytest.WriteFile(crl, after.CRL(time.Now().Add(time.Hour)))
	if err := s.Reload(); err != nil {
		t.Fatal(err)
	}
	mustHandshake(t, s.Config(), client(web, after.Issue("device")))
}

// As Kubernetes mounts a secret: tls.crt links to ..data/tls.crt, and ..data to a folder named by
// date.
func TestSymbolicLinkSwapIsSeen(t *testing.T) {
	ca := proxytest.NewCA("ca")
	folder := t.TempDir()
	path := func(names ...string) string { return filepath.Join(append([]string{folder}, names...)...) }
	same := time.Unix(1700000000, 0)
	for _, v := range []string{"1", "2"} {
		c := ca.Issue(v + ".example")
		if err := os.Mkdir(path(v), 0o700); err != nil {
			t.Fatal(err)
		}
		for file, text := range map[string][]byte{"tls.crt": c.Cert, "tls.key": c.Key} {
			proxytest.WriteFile(path(v, file), text)
			if err := os.Chtimes(path(v, file), same, same); err != nil {
				t.Fatal(err)
			}
		}
	}
	link := func(target, name string) {
		t.Helper()
		if err := os.Symlink(target, path("new")); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(path("new"), path(name)); err != nil {
			t.Fatal(err)
		}
	}
	link("1", "..data")
	link("..data/tls.crt", "tls.crt")
	link("..data/tls.key", "tls.key")
	watched(t, Options{Certificates: []CertificateFile{{Cert: path("tls.crt"), Key: path("tls.key")}}}, func(s *Terminator) {
		if got := name(t, s); got != "1.example" {
			t.Fatalf("got %s", got)
		}
		link("2", "..data")
		pass(2)
		if got := name(t, s); got != "2.example" {
			t.Errorf("got %s after the swap", got)
		}
	})
}

// watched runs body in a bubble together with s.Run.
func watched(t *testing.T, o Options, body func(s *Terminator)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s, err := New(o)
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		over := make(chan struct{})
		go func() { // ends with ctx
			defer close(over)
			s.Run(ctx)
		}()
		body(s)
		stop()
		<-over
	})
}

// pass lets n looks of virtual time pass.
func pass(n int) {
	time.Sleep(time.Duration(n) * pollInterval) //nolint:forbidigo // the bubble's clock
	synctest.Wait()
}

func TestChangeCountsWhenItIsOver(t *testing.T) {
	ca := proxytest.NewCA("ca")
	a, b := ca.Issue("a.example"), ca.Issue("b.example")
	cert, key := proxytest.TempFile(t, "cert.pem", a.Cert), proxytest.TempFile(t, "key.pem", a.Key)
	watched(t, Options{Certificates: []CertificateFile{{Cert: cert, Key: key}}}, func(s *Terminator) {
		pass(3)
		before := s.Config()
		pass(3)
		if s.Config() != before {
			t.Error("reloaded without a change")
		}
		proxytest.WriteFile(cert, b.Cert)
		pass(1)
		if s.Config() != before {
			t.Error("reloaded at once, between the certificate and its key")
		}
		proxytest.WriteFile(key, b.Key, []byte("\n"))
		pass(1)
		if s.Config() != before {
			t.Error("reloaded while files still changed")
		}
		pass(1)
		if got := name(t, s); got != "b.example" || s.Status()[0].Err != nil {
			t.Errorf("got %s, %v", got, s.Status()[0].Err)
		}
		// A broken file is read once, not at every look. The repaired file is read again.
		proxytest.WriteFile(key, []byte("half a k"))
		pass(2)
		broken := s.Config()
		if s.Status()[0].Err == nil {
			t.Error("the broken key is not reported")
		}
		pass(5)
		if s.Config() != broken {
			t.Error("the broken key was read again without a change")
		}
		if err := os.Remove(key); err != nil {
			t.Fatal(err)
		}
		pass(2)
		if err := s.Status()[0].Err; !errors.Is(err, os.ErrNotExist) {
			t.Errorf("got %v, want that the key is gone", err)
		}
		proxytest.WriteFile(key, b.Key)
		pass(2)
		if err := s.Status()[0].Err; err != nil {
			t.Errorf("the key is back: %v", err)
		}
	})
}

func TestStatusHasEveryFile(t *testing.T) {
	web, fleet := proxytest.NewCA("web"), proxytest.NewCA("fleet")
	next := time.Now().Add(30 * time.Minute)
	s := server(t, web, func(o *Options) {
		o.ClientAuth, o.ClientCA = ClientAuthRequest, proxytest.TempFile(t, "ca.pem", fleet.Cert, web.Cert)
		o.CRLs = []string{proxytest.TempFile(t, "fleet.crl", fleet.CRL(next))}
		o.TicketKeys = proxytest.TempFile(t, "tickets", []byte(hexKey(1)))
	})
	status := s.Status()
	var kinds []Kind
	for _, f := range status {
		kinds = append(kinds, f.Kind)
		if f.Err != nil || f.LoadedAt.IsZero() || f.Warning(time.Now()) != "" {
			t.Errorf("%+v", f)
		}
	}
	if want := []Kind{KindCertificate, KindClientCA, KindCRL, KindTicketKeys}; !slices.Equal(kinds, want) {
		t.Fatalf("got %v, want %v", kinds, want)
	}
	if got := status[1].Names; !slices.Equal(got, []string{"CN=fleet", "CN=web"}) {
		t.Errorf("CAs %v", got)
	}
	if got := status[2].NotAfter; !got.Equal(next.Truncate(time.Second)) {
		t.Errorf("the CRL ends at %v, want %v", got, next)
	}
	if status[2].Warning(next.Add(time.Minute)) == "" || status[3].Warning(next) != "" {
		t.Error("the wrong ones warn")
	}
}

func TestReloadWhileClientsConnectFailsNoHandshake(t *testing.T) {
	ca := proxytest.NewCA("ca")
	a := ca.Issue("broker.example")
	b := ca.Issue("broker.example")
	file := a.File(t)
	s, err := New(Options{Certificates: []CertificateFile{{Cert: file}}})
	if err != nil {
		t.Fatal(err)
	}
	over := make(chan error)
	go func() { // ends after its reloads
		defer close(over)
		for i := range 50 {
			c := []proxytest.Pair{a, b}[i%2]
			proxytest.WriteFile(file, c.Cert, c.Key) // not atomic, but Reload runs after it
			if err := s.Reload(); err != nil {
				over <- err
			}
		}
	}()
	for running := true; running; {
		select {
		case err, open := <-over:
			running = open
			if err != nil {
				t.Error(err)
			}
		default:
			mustHandshake(t, s.Config(), client(ca))
		}
	}
}
