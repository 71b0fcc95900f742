package tlsterm

import (
	"crypto/tls"
	"sync"
	"testing"

	"mqttlb/proxy/proxytest"
)

func TestTicketsOutliveAChangeOfSettings(t *testing.T) {
	web, fleet := proxytest.NewCA("web"), proxytest.NewCA("fleet")
	open := server(t, web, nil)
	again := server(t, web, func(o *Options) { o.Protocols = []string{"mqtt"} })
	closed := server(t, web, func(o *Options) {
		o.ClientAuth, o.ClientCA = ClientAuthRequire, proxytest.TempFile(t, "ca.pem", fleet.Cert)
	})
	config := client(web)
	config.ClientSessionCache = tls.NewLRUClientSessionCache(1)
	read(t, mustHandshake(t, open.Config(), config))
	again.Inherit(open)
	m := mustHandshake(t, again.Config(), config)
	if !m.session.resumed {
		t.Error("not resumed")
	}
	read(t, m)
	closed.Inherit(again)
	reasonIs(t, handshake(t, closed.Config(), config), NoClientCertificate) // a ticket does not replace a certificate
}

// A reload makes a new listener while clients of the old one are still in their
// handshakes.
func TestBothTerminatorsResumeEachOthersSessions(t *testing.T) {
	ca := proxytest.NewCA("ca")
	old, next := server(t, ca, nil), server(t, ca, func(o *Options) { o.MinVersion = "1.3" })
	var inheriting sync.WaitGroup
	inheriting.Go(func() {
		for range 1000 {
			next.Inherit(old)
		}
	})
	for range 10 {
		mustHandshake(t, old.Config(), client(ca))
		mustHandshake(t, next.Config(), client(ca))
	}
	inheriting.Wait()
	config := client(ca)
	config.ClientSessionCache = tls.NewLRUClientSessionCache(1)
	for i, s := range []*Terminator{old, next, old, next} {
		m := mustHandshake(t, s.Config(), config)
		if m.session.resumed != (i > 0) {
			t.Errorf("connection %d: resumed %v", i, m.session.resumed)
		}
		read(t, m)
	}
}

func TestClientOfACAThatIsNotBelievedAnyMoreDoesNotResume(t *testing.T) {
	ca, before, after := proxytest.NewCA("ca"), proxytest.NewCA("before"), proxytest.NewCA("after")
	believes := func(fleet *proxytest.CA) func(*Options) {
		return func(o *Options) {
			o.ClientAuth, o.ClientCA = ClientAuthRequire, proxytest.TempFile(t, "fleet.pem", fleet.Cert)
		}
	}
	old, next := server(t, ca, believes(before)), server(t, ca, believes(after))
	config := client(ca, before.Issue("device"))
	config.ClientSessionCache = tls.NewLRUClientSessionCache(1)
	read(t, mustHandshake(t, old.Config(), config))
	next.Inherit(old)
	if m := handshake(t, next.Config(), config); m.err == nil {
		t.Errorf("let in, resumed %v", m.session.resumed)
	}
}

func TestTerminatorWithoutTicketsInheritsNone(t *testing.T) {
	ca := proxytest.NewCA("ca")
	old := server(t, ca, nil)
	without := server(t, ca, func(o *Options) { o.TicketsDisable = true })
	without.Inherit(old)
	if n := len(without.current.Load().tickets); n != 0 {
		t.Errorf("%d keys", n)
	}
}

func TestSessionsWithNodesOutliveAChangeOfThePool(t *testing.T) {
	ca, other := proxytest.NewCA("ca"), proxytest.NewCA("other")
	pair, renewed := ca.Issue("balancer").File(t), ca.Issue("balancer").File(t)
	for _, row := range []struct {
		name    string
		change  func(*NodeOptions)
		resumed bool
	}{
		{"one more node", func(o *NodeOptions) { o.Hosts["node-b"] = "b.example" }, true},
		{"the same CA in another file", func(o *NodeOptions) { o.CA = proxytest.TempFile(t, "copy.pem", ca.Cert) }, true},
		{"another host", func(o *NodeOptions) { o.Hosts["node-a"] = "again.example" }, false},
		{"one more CA", func(o *NodeOptions) { o.CA = proxytest.TempFile(t, "both.pem", ca.Cert, other.Cert) }, false},
		{"another certificate", func(o *NodeOptions) { o.Certificate.Cert = renewed }, false},
		{"no certificate", func(o *NodeOptions) { o.Certificate.Cert = "" }, false},
		{"no verification", func(o *NodeOptions) { o.Verify = VerifyNothing }, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			shows := func(o *NodeOptions) { o.Certificate.Cert = pair }
			node := shown(ca.Issue("node.example", "again.example"))
			old := originator(t, ca, shows)
			next := originator(t, ca, func(o *NodeOptions) {
				shows(o)
				row.change(o)
			})
			if made, _, err := handshakeWithNode(t, old, node); err != nil || made.Info().Resumed {
				t.Fatalf("the first: %v", err)
			}
			next.Inherit(old)
			for i, s := range []*Originator{next, next, old} {
				made, _, err := handshakeWithNode(t, s, node)
				if err != nil {
					t.Fatal(err)
				}
				if want := i > 0 || row.resumed; made.Info().Resumed != want {
					t.Errorf("connection %d: resumed %v, want %v", i, !want, want)
				}
			}
			if err := next.Reload(); err != nil {
				t.Fatal(err)
			}
			if made, _, err := handshakeWithNode(t, next, node); err != nil || made.Info().Resumed {
				t.Errorf("after a reload: %v, or resumed", err)
			}
		})
	}
}

func TestOriginatorKnowsItsNodesByName(t *testing.T) {
	s := originator(t, proxytest.NewCA("ca"), nil)
	ours, _ := connect(t)
	if _, err := s.Connect(t.Context(), ours, "node-b"); err == nil || err.Error() != `node "node-b" is not in Hosts` {
		t.Errorf("got %v", err)
	}
}
