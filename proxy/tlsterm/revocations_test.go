package tlsterm

import (
	"crypto/tls"
	"slices"
	"strings"
	"testing"
	"time"

	"mqttlb/proxy/proxytest"
)

// revocationsRig is a listener whose client_ca has a root alone. The intermediates, one and two, come with the clients.
type revocationsRig struct {
	*Terminator
	web, root, one, two *proxytest.CA
	crl                 string // file
}

func newRevocationsRig(t *testing.T) *revocationsRig {
	r := &revocationsRig{web: proxytest.NewCA("web"), root: proxytest.NewCA("root")}
	r.one, r.two = r.root.Intermediate("one"), r.root.Intermediate("two")
	r.crl = proxytest.TempFile(t, "all.crl", lists(r.root.CRL(soon())))
	r.Terminator = server(t, r.web, func(o *Options) {
		o.ClientAuth, o.ClientCA, o.CRLs = ClientAuthRequire, proxytest.TempFile(t, "root.pem", r.root.Cert), []string{r.crl}
	})
	return r
}

func soon() time.Time { return time.Now().Add(time.Hour) }

// lists returns CRLs in PEM.
func lists(der ...[]byte) (text []byte) {
	for _, list := range der {
		text = append(text, proxytest.PEM("X509 CRL", list)...)
	}
	return text
}

// load puts CRLs in force.
func (r *revocationsRig) load(t *testing.T, der ...[]byte) {
	t.Helper()
	proxytest.WriteFile(r.crl, lists(der...))
	if err := r.Reload(); err != nil {
		t.Fatal(err)
	}
}

func TestCRLOfAnIntermediateThatOnlyClientsSend(t *testing.T) {
	both(t, func(t *testing.T, version uint16) {
		r := newRevocationsRig(t)
		a, b, c := r.one.Issue("a"), r.one.Issue("b"), r.two.Issue("c")
		namesake := r.root.Intermediate("one") // with another key
		d := namesake.Issue("d")
		shake := func(chain ...proxytest.Pair) handshakeResult {
			return handshake(t, r.Config(), device(r.web, version, chain...))
		}
		good := func(chain ...proxytest.Pair) {
			t.Helper()
			if m := shake(chain...); m.err != nil {
				t.Error(m.err)
			}
		}
		reasonIs(t, shake(a, r.one.Pair), ClientCertificateNoCRL)

		r.load(t, r.root.CRL(soon()), r.one.CRL(soon(), b.TLS.Leaf))
		good(a, r.one.Pair)
		reasonIs(t, shake(b, r.one.Pair), ClientCertificateRevoked)
		reasonIs(t, shake(c, r.two.Pair), ClientCertificateNoCRL)
		if w := r.Warnings(); len(w) != 1 || !strings.Contains(w[0].Error(), `all.crl: the issuer "CN=one" of a CRL is not in client_ca`) {
			t.Errorf("warnings %q", w)
		}

		m := shake(d, namesake.Pair) // the list has its issuer's name, and is signed with another key
		reasonIs(t, m, ClientCertificateNoCRL)
		if m.err != nil && (!strings.Contains(m.err.Error(), "is not signed by it") || !strings.Contains(m.err.Error(), r.crl)) {
			t.Errorf("the error does not name the file: %v", m.err)
		}
		good(a, r.one.Pair)
		r.load(t, r.root.CRL(soon()), r.one.CRL(soon(), b.TLS.Leaf), namesake.CRL(soon()))
		good(d, namesake.Pair)
		reasonIs(t, shake(b, r.one.Pair), ClientCertificateRevoked)

		r.load(t, r.root.CRL(soon()), r.one.CRL(time.Now().Add(-time.Minute)))
		reasonIs(t, shake(a, r.one.Pair), ClientCertificateOldCRL)
		r.load(t, r.root.CRL(soon(), r.one.TLS.Leaf), r.one.CRL(soon()))
		reasonIs(t, shake(a, r.one.Pair), ClientCertificateRevoked)
		if n := len(r.current.Load().crls.placed); n != 1 {
			t.Errorf("the signatures of %d issuers were checked", n)
		}
	})
}

// A list of another CA is no fault by itself, but all clients are refused then.
func TestCAWithoutACRLIsWarnedOf(t *testing.T) {
	r := newRevocationsRig(t)
	warned := func() bool {
		return slices.ContainsFunc(r.Warnings(), func(w *FileError) bool {
			return w.Kind == KindCRL && strings.Contains(w.Error(), `all.crl: there is no CRL of the CA "CN=root" in client_ca`)
		})
	}
	if warned() {
		t.Errorf("warnings %q", r.Warnings())
	}
	r.load(t, proxytest.NewCA("other").CRL(soon()))
	if !warned() {
		t.Errorf("warnings %q", r.Warnings())
	}
	// A root whose intermediate is in client_ca, too, may sign nothing else.
	proxytest.WriteFile(r.options.ClientCA, append(slices.Clone(r.root.Cert), r.one.Cert...))
	r.load(t, r.one.CRL(soon()))
	if warned() {
		t.Errorf("warnings %q", r.Warnings())
	}
}

// A newer list wins, wherever it stands in the file.
func TestNewestCRLOfAnIssuerCounts(t *testing.T) {
	r := newRevocationsRig(t)
	a := r.one.Issue("a")
	past := r.one.CRLFrom(time.Now().Add(-3*time.Hour), soon(), a.TLS.Leaf)
	for _, order := range [][][]byte{{past, r.one.CRL(soon())}, {r.one.CRL(soon()), past}} {
		r.load(t, append(order, r.root.CRL(soon()))...)
		mustHandshake(t, r.Config(), device(r.web, tls.VersionTLS13, a, r.one.Pair))
	}
}

func TestSessionsKnowLaterRevocations(t *testing.T) {
	both(t, func(t *testing.T, version uint16) {
		r := newRevocationsRig(t)
		a, b := r.root.Issue("a"), r.root.Issue("b")
		c, d := r.one.Issue("c"), r.two.Issue("d")
		var reloads int
		r.OnReload(func() { reloads++ })
		before := r.Revision()
		r.load(t, r.root.CRL(soon()), r.one.CRL(soon()), r.two.CRL(soon()))
		if reloads != 1 || r.Revision() == before || r.Revision() == (Revision{}) {
			t.Errorf("%d reloads were told", reloads)
		}
		var sessions []*Session
		for _, chain := range [][]proxytest.Pair{{a}, {b}, {c, r.one.Pair}, {d, r.two.Pair}} {
			config := device(r.web, version, chain...)
			config.ClientSessionCache = tls.NewLRUClientSessionCache(1)
			for range 2 { // the second is resumed
				m := mustHandshake(t, r.Config(), config)
				if len(sessions)%2 == 1 && !m.session.Info().Resumed {
					t.Error("not resumed")
				}
				read(t, m)
				m.session.Detach()
				sessions = append(sessions, m.session)
			}
		}
		check := func(name string, want ...bool) {
			t.Helper()
			for i, s := range sessions {
				if got := r.Revokes(s); got != want[i/2] {
					t.Errorf("%s: session %d revoked: %v", name, i, got)
				}
			}
		}
		past := time.Now().Add(-time.Minute)
		check("none", false, false, false, false)
		r.load(t, r.root.CRL(soon(), b.TLS.Leaf), r.one.CRL(soon()), r.two.CRL(soon()))
		check("b", false, true, false, false)
		r.load(t, r.root.CRL(soon()), r.one.CRL(soon(), c.TLS.Leaf), r.two.CRL(soon()))
		check("c", false, false, true, false)
		r.load(t, r.root.CRL(soon(), r.two.TLS.Leaf), r.one.CRL(soon()))
		check("an intermediate, without a list of its own", false, false, false, true)
		r.load(t, r.root.CRL(past, a.TLS.Leaf))
		check("outdated lists", true, false, false, false)
		r.load(t, r.root.CRL(soon()), r.one.CRL(past))
		check("missing and outdated lists", false, false, false, false)

		config := device(r.web, version, a)
		without := server(t, r.web, func(o *Options) { o.ClientAuth, o.ClientCA = ClientAuthRequest, r.options.ClientCA })
		with := mustHandshake(t, without.Config(), config).session
		none := mustHandshake(t, without.Config(), device(r.web, version)).session
		r.load(t, r.root.CRL(soon(), a.TLS.Leaf))
		if !r.Revokes(with) || r.Revokes(none) || without.Revokes(with) || with.ClientSerial() == "" || none.ClientSerial() != "" {
			t.Error("a session that another terminator has accepted")
		}
	})
}

// A certificate with two chains stays while one of them is without a revocation.
func TestSecondChainKeepsASession(t *testing.T) {
	web, old, fresh := proxytest.NewCA("web"), proxytest.NewCA("old"), proxytest.NewCA("fresh")
	middle := old.Intermediate("middle")
	cross := fresh.Certify(middle)
	pair := middle.Issue("device")
	file := proxytest.TempFile(t, "all.crl", lists(old.CRL(soon()), fresh.CRL(soon()), middle.CRL(soon())))
	s := server(t, web, func(o *Options) {
		o.ClientAuth, o.ClientCA, o.CRLs = ClientAuthRequire, proxytest.TempFile(t, "roots.pem", old.Cert, fresh.Cert), []string{file}
	})
	m := mustHandshake(t, s.Config(), device(web, tls.VersionTLS13, pair, middle.Pair, cross.Pair))
	for _, row := range []struct {
		text []byte
		want bool
	}{
		{lists(old.CRL(soon(), middle.TLS.Leaf), fresh.CRL(soon()), middle.CRL(soon())), false},
		{lists(old.CRL(soon()), fresh.CRL(soon(), cross.TLS.Leaf), middle.CRL(soon())), false},
		{lists(old.CRL(soon(), middle.TLS.Leaf), fresh.CRL(soon(), cross.TLS.Leaf), middle.CRL(soon())), true},
		{lists(old.CRL(soon()), fresh.CRL(soon()), middle.CRL(soon(), pair.TLS.Leaf)), true},
		{lists(old.CRL(soon(), middle.TLS.Leaf), middle.CRL(soon())), true}, // the other chain has no list
	} {
		proxytest.WriteFile(file, row.text)
		if err := s.Reload(); err != nil {
			t.Fatal(err)
		}
		if got := s.Revokes(m.session); got != row.want {
			t.Errorf("revoked: %v", got)
		}
		if m := handshake(t, s.Config(), device(web, tls.VersionTLS13, pair, middle.Pair, cross.Pair)); (m.err != nil) != row.want {
			t.Errorf("a new session: %v", m.err)
		}
	}
}

// crypto/x509 gives the entries of a list twice, and each copy of a million of them has 100 MB.
func TestACRLKeepsNothingButSerialNumbers(t *testing.T) {
	ca := proxytest.NewCA("ca")
	read, err := loadCRLs(proxytest.TempFile(t, "crl", lists(ca.CRL(soon(), ca.Issue("a").TLS.Leaf))))
	if err != nil {
		t.Fatal(err)
	}
	if l := read[0]; len(l.revoked) != 1 || l.list.RevokedCertificateEntries != nil || l.list.RevokedCertificates != nil { //nolint:staticcheck // it is filled
		t.Errorf("%d serial numbers, and the entries %v and %v", len(l.revoked), l.list.RevokedCertificateEntries, l.list.RevokedCertificates) //nolint:staticcheck // the same
	}
}
