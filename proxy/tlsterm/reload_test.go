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
)

// name is the first DNS name of the default certificate in force.
func name(t *testing.T, s *Terminator) string {
	t.Helper()
	return s.Status()[0].Names[0]
}

func TestBrokenPairKeepsTheLastGoodOne(t *testing.T) {
	ca := newCA(t, "ca")
	a, b, c := ca.issue(t, ecdsaKey(t), nil, "a.example"), ca.issue(t, ecdsaKey(t), nil, "b.example"), ca.issue(t, ecdsaKey(t), nil, "c.example")
	first, second := write(t, "first.pem", a.cert, a.pem), write(t, "second.pem", b.cert, b.pem)
	s, err := New(Options{Certificates: []CertificateFile{{Cert: first}, {Cert: second}}})
	if err != nil {
		t.Fatal(err)
	}
	rewrite(t, first, c.cert, a.pem) // the key does not belong to it
	rewrite(t, second, c.cert, c.pem)
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
	mustMeet(t, s.Config(), config)
	config.ServerName = "c.example"
	mustMeet(t, s.Config(), config)

	rewrite(t, first, a.cert, a.pem)
	if err := s.Reload(); err != nil || s.Status()[0].Err != nil {
		t.Errorf("after the repair: %v", err)
	}
}

func TestCRLThatDoesNotFitTheNewCAKeepsBoth(t *testing.T) {
	web, before, after := newCA(t, "web"), newCA(t, "fleet"), newCA(t, "fleet")
	ca, crl := write(t, "ca.pem", before.pem), write(t, "fleet.crl", before.crl(t, time.Now().Add(time.Hour)))
	s := server(t, web, func(o *Options) { o.ClientAuth, o.ClientCA, o.CRLs = ClientAuthRequire, ca, []string{crl} })
	rewrite(t, ca, after.pem)
	if err := s.Reload(); err == nil || !strings.Contains(err.Error(), "fleet.crl") {
		t.Errorf("got %v, want one about fleet.crl", err)
	}
	mustMeet(t, s.Config(), client(web, before.issue(t, ecdsaKey(t), nil, "device")))
	rewrite(t, crl, after.crl(t, time.Now().Add(time.Hour)))
	if err := s.Reload(); err != nil {
		t.Fatal(err)
	}
	mustMeet(t, s.Config(), client(web, after.issue(t, ecdsaKey(t), nil, "device")))
}

// As Kubernetes mounts a secret: tls.crt leads to ..data/tls.crt, and ..data to a folder with a date.
func TestSymbolicLinkSwapIsSeen(t *testing.T) {
	ca := newCA(t, "ca")
	folder := t.TempDir()
	path := func(names ...string) string { return filepath.Join(append([]string{folder}, names...)...) }
	same := time.Unix(1700000000, 0)
	for _, v := range []string{"1", "2"} {
		c := ca.issue(t, ecdsaKey(t), nil, v+".example")
		if err := os.Mkdir(path(v), 0o700); err != nil {
			t.Fatal(err)
		}
		for file, text := range map[string][]byte{"tls.crt": c.cert, "tls.key": c.pem} {
			rewrite(t, path(v, file), text)
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

// watched runs body in a bubble in which s.Run runs.
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

// pass lets the bubble's time go on for n looks.
func pass(n int) {
	time.Sleep(time.Duration(n) * pollInterval) //nolint:forbidigo // the bubble's clock
	synctest.Wait()
}

func TestChangeCountsWhenItIsOver(t *testing.T) {
	ca := newCA(t, "ca")
	a, b := ca.issue(t, ecdsaKey(t), nil, "a.example"), ca.issue(t, ecdsaKey(t), nil, "b.example")
	cert, key := write(t, "cert.pem", a.cert), write(t, "key.pem", a.pem)
	watched(t, Options{Certificates: []CertificateFile{{Cert: cert, Key: key}}}, func(s *Terminator) {
		pass(3)
		before := s.Config()
		pass(3)
		if s.Config() != before {
			t.Error("reloaded without a change")
		}
		rewrite(t, cert, b.cert)
		pass(1)
		if s.Config() != before {
			t.Error("reloaded at once, between the certificate and its key")
		}
		rewrite(t, key, b.pem, []byte("\n"))
		pass(1)
		if s.Config() != before {
			t.Error("reloaded while files still changed")
		}
		pass(1)
		if got := name(t, s); got != "b.example" || s.Status()[0].Err != nil {
			t.Errorf("got %s, %v", got, s.Status()[0].Err)
		}
		// A broken file is read once, not at every look, and the repaired one again.
		rewrite(t, key, []byte("half a k"))
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
		rewrite(t, key, b.pem)
		pass(2)
		if err := s.Status()[0].Err; err != nil {
			t.Errorf("the key is back: %v", err)
		}
	})
}

func TestStatusHasEveryFile(t *testing.T) {
	web, fleet := newCA(t, "web"), newCA(t, "fleet")
	next := time.Now().Add(30 * time.Minute)
	s := server(t, web, func(o *Options) {
		o.ClientAuth, o.ClientCA = ClientAuthRequest, write(t, "ca.pem", fleet.pem, web.pem)
		o.CRLs = []string{write(t, "fleet.crl", fleet.crl(t, next))}
		o.TicketKeys = write(t, "tickets", []byte(hexKey(1)))
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
	ca := newCA(t, "ca")
	a := ca.issue(t, ecdsaKey(t), nil, "broker.example")
	b := ca.issue(t, ecdsaKey(t), nil, "broker.example")
	file := write(t, "c.pem", a.cert, a.pem)
	s, err := New(Options{Certificates: []CertificateFile{{Cert: file}}})
	if err != nil {
		t.Fatal(err)
	}
	over := make(chan error)
	go func() { // ends after its reloads
		defer close(over)
		for i := range 50 {
			c := []issued{a, b}[i%2]
			rewrite(t, file, c.cert, c.pem) // not atomic: Reload comes after it
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
			mustMeet(t, s.Config(), client(ca))
		}
	}
}
