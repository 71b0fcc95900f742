package tlsterm

import (
	"log/slog"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"mqttlb/proxy/proxytest"
)

// A reload says of each file what a start would say of it, and never that a file was read which cannot be used.
func TestReloadLogsEachFileAsAStartDoes(t *testing.T) {
	ca := proxytest.NewCA("ca")
	a, b, c := ca.Issue("a.example"), ca.Issue("b.example"), ca.Issue("c.example")
	first, second := proxytest.TempFile(t, "first.pem", a.Cert, a.Key), proxytest.TempFile(t, "second.pem", b.Cert, b.Key)
	authorities := proxytest.TempFile(t, "ca.pem", ca.Cert)
	expired := ca.IssueLike(proxytest.Expired(), "past.example")
	now := time.Now() // the bubble's clock is years behind
	log := &proxytest.Log{}
	seen := 0
	said := func(t *testing.T, parts ...string) {
		t.Helper()
		var lines []string
		for line := range strings.Lines(log.String()[seen:]) {
			lines = append(lines, line)
		}
		seen = len(log.String())
		if len(lines) != len(parts) {
			t.Errorf("%d lines, want %d: %q", len(lines), len(parts), lines)
			return
		}
		for i, part := range parts {
			if !strings.Contains(lines[i], part) {
				t.Errorf("got %s, want %s", lines[i], part)
			}
		}
	}
	watched(t, Options{
		Certificates: []CertificateFile{{Cert: first}, {Cert: second}}, ClientAuth: ClientAuthRequest, ClientCA: authorities,
		Now: func() time.Time { return now }, Logger: slog.New(slog.NewTextHandler(log, nil)),
	}, func(s *Terminator) {
		pass(3)
		said(t)

		proxytest.WriteFile(first, c.Cert, c.Key)
		pass(2)
		said(t, `level=INFO msg="TLS file reloaded" kind=certificate file=`+first+` names=c.example not_after=`+c.TLS.Leaf.NotAfter.Format(time.RFC3339))

		// One file is good and one is not: each has its own line.
		proxytest.WriteFile(first, []byte("half"))
		proxytest.WriteFile(second, a.Cert, a.Key)
		pass(2)
		said(t, `level=INFO msg="TLS file reloaded" kind=certificate file=`+second+` names=a.example`,
			`level=ERROR msg="a file cannot be used: the content read before stays in force" error="`+first+": no certificate in PEM")
		if err := s.Reload(); err == nil {
			t.Error("the broken file is no error")
		}
		said(t) // neither file has changed

		proxytest.WriteFile(first, expired.Cert, expired.Key)
		if err := os.Chmod(first, 0o644); err != nil {
			t.Fatal(err)
		}
		pass(2)
		said(t, `msg="TLS file reloaded" kind=certificate file=`+first+` names=past.example`,
			`level=WARN msg="a file needs attention" warning="`+first+`: the certificate of past.example has expired at`,
			`level=WARN msg="a file needs attention" warning="`+first+`: it holds the key of past.example, and everybody on this machine may read it (mode 0644)"`)

		proxytest.WriteFile(first, a.Cert, a.Key)
		if err := os.Chmod(first, 0o600); err != nil {
			t.Fatal(err)
		}
		proxytest.WriteFile(authorities, ca.Cert, ca.Cert)
		synctest.Wait()
		if err := s.Reload(); err != nil {
			t.Error(err)
		}
		said(t, `msg="TLS file reloaded" kind=certificate file=`+first+` names=a.example`, `msg="TLS file reloaded" kind=client_ca file=`+authorities+` names="CN=ca, CN=ca"`)
	})
}
