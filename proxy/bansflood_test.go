package proxy

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"mqttlb/proxy/outcome"
	"mqttlb/proxy/snapshot"
)

// A flood from a banned address does not keep good clients out, though places are few. It takes no places, and
// nobody else's opening gives way to it.
func TestGoodClientsInAFloodOfABannedAddress(t *testing.T) {
	needLoopbackNetwork(t)
	inEachTLSMode(t, func(t *testing.T, m mode) {
		r := m.start(t, []string{m.startNode(t, nil).address()}, func(s *snapshot.Snapshot) { s.MaxConnections = 40 })
		if _, err := r.srv.Ban(netip.MustParseAddr("127.0.0.2"), time.Hour); err != nil {
			t.Fatal(err)
		}
		stop := make(chan struct{})
		var flood sync.WaitGroup
		to := r.srv.Addr("mqtt").String()
		for range 4 {
			flood.Go(func() { // ends at stop
				d := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 2)}}
				for {
					select {
					case <-stop:
						return
					default:
					}
					c, err := d.Dial("tcp", to)
					if err != nil {
						continue // reset while it was made
					}
					_, _ = c.Write([]byte("\x16\x03\x01\x02\x00"))
					_, _ = c.Read(make([]byte, 1))
					_ = c.Close()
				}
			})
		}
		for range 30 {
			r.openFrom("127.0.0.3")
		}
		close(stop)
		flood.Wait()
		if n := r.outcomes(outcome.Banned); n == 0 {
			t.Error("nobody was banned")
		}
		if n := r.srv.Stats().GaveWay; n != 0 {
			t.Errorf("%d openings gave way", n)
		}
		if done := r.srv.Stats().Listeners[0].Handshakes.Done; done != 30 {
			t.Errorf("%d handshakes", done)
		}
	})
}

// A client with the address of nobody else cannot have another one banned: what is counted is the peer, or the word
// of a trusted proxy, and never that of a stranger.
func TestStrangerCannotHaveAnotherAddressBanned(t *testing.T) {
	needLoopbackNetwork(t)
	victim := "127.0.0.4"
	for name, sent := range map[string]string{
		"a PROXY header":  "PROXY TCP4 " + victim + " 192.0.2.1 4000 1883\r\n",
		"X-Forwarded-For": "GET /mqtt HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: " + victim + "\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			r := wsToMQTT.start(t, []string{startNode(t, nil).address()}, behindProxy127, banAfter(3), func(s *snapshot.Snapshot) { s.Listeners[0].AcceptProxy = true })
			for range 3 {
				c := r.dialFrom("127.0.0.2") // no trusted proxy
				c.send([]byte(sent))
				_ = c.rest()
				_ = c.Close()
			}
			if ban := r.waitBan(1)[0]; ban.Address.String() != "127.0.0.2/32" {
				t.Errorf("%+v", ban)
			}
			r.openFrom(victim)
		})
	}
}

// Refusals for a shortage, and clients that come and go, ban nobody.
func TestShortagesBanNobody(t *testing.T) {
	for name, row := range map[string]struct {
		node string
		setting
		outcome outcome.Outcome
	}{
		"no node":      {refusing, func(*snapshot.Snapshot) {}, outcome.DialFailed},
		"connect_rate": {"", func(s *snapshot.Snapshot) { s.ConnectRate = 1 }, outcome.RefusedRate},
		"the address":  {"", func(s *snapshot.Snapshot) { s.MaxConnectionsPerAddress = 1 }, outcome.RefusedAddress},
	} {
		t.Run(name, func(t *testing.T) {
			if row.node == "" {
				row.node = startNode(t, nil).address()
			}
			r := start(t, []string{row.node}, banAfter(3), row.setting)
			var held []*client
			for range 20 {
				c := r.dial()
				c.send(connect311)
				_, _ = c.Read(make([]byte, 4))
				held = append(held, c)
			}
			for _, c := range held {
				_ = c.Close()
			}
			for range 20 { // checks of a balancer, and clients that leave
				_ = r.dial().Close()
				c := r.dial()
				c.send(connect311[:3])
				_ = c.Close()
			}
			eventually(t, "the end of all", func() bool { return r.srv.open() == 0 })
			if n := r.outcomes(row.outcome); n < 10 {
				t.Errorf("%d are refused", n)
			}
			if bans := r.srv.Bans(); len(bans) != 0 {
				t.Errorf("%+v", bans)
			}
		})
	}
}

// BenchmarkBanCheck is what a loop pays for each accepted connection.
func BenchmarkBanCheck(b *testing.B) {
	for name, banned := range map[string]int{"nobody is banned": 0, "one": 1, "65,536": mostBans} {
		b.Run(name, func(b *testing.B) {
			bans := newBans()
			for i := range banned {
				bans.begin(keyOf(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})), "not_mqtt", 1, 1<<60)
			}
			a := netip.MustParseAddr("192.0.2.1")
			b.ReportAllocs()
			for b.Loop() {
				bans.refuse(a, &snapshot.Bans{}, 2)
			}
		})
	}
}

// When our certificate has expired, no client accepts it. None is banned for that.
func TestClientsThatDoNotAcceptOurCertificateAreNotBanned(t *testing.T) {
	inEachTLSMode(t, func(t *testing.T, m mode) {
		r := m.start(t, []string{m.startNode(t, nil).address()}, banAfter(3))
		for range 5 {
			c := r.dialBare(r.srv.Addr("mqtt"))
			if err := tls.Client(c.Conn, &tls.Config{ServerName: "broker.example", RootCAs: x509.NewCertPool()}).HandshakeContext(t.Context()); err == nil {
				t.Fatal("the certificate is accepted")
			}
			c.rest()
			_ = c.Close()
		}
		r.waitOutcome(outcome.HandshakeFailed, 5)
		if bans := r.srv.Bans(); len(bans) != 0 {
			t.Errorf("%+v", bans)
		}
	})
}
