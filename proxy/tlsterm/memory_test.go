package tlsterm

import (
	"crypto/tls"
	"net"
	"runtime"
	"testing"

	"mqttlb/proxy/proxytest"
)

func TestFieldsOfCryptoTLSAreFound(t *testing.T) {
	if slim.rawInput == 0 || slim.hand == 0 || slim.peerCertificates == 0 || slim.verifiedChains == 0 {
		t.Errorf("%s has changed tls.Conn: %+v; idle sessions keep 4 KiB more", runtime.Version(), slim)
	}
}

// idle makes n sessions that have carried a message each way and are now idle. It returns the heap of each. The
// clients are closed, so that only the server's side counts.
func idle(t testing.TB, n int, server, client *tls.Config, size int) int {
	t.Helper()
	sessions := make([]*Session, n)
	scratch, plain := make([]byte, 64<<10), make([]byte, 64<<10)
	before := heap()
	for i := range sessions {
		near, far := net.Pipe()
		sent := make(chan error, 1)
		go func() { // ends with its read
			c := tls.Client(near, client)
			_, err := c.Write(make([]byte, size))
			if err == nil {
				_, err = c.Read(make([]byte, 1))
			}
			sent <- err
		}()
		s, err := Accept(t.Context(), far, server)
		if err != nil {
			t.Fatal(err)
		}
		s.Detach()
		for got := 0; got < size; {
			k, err := far.Read(scratch)
			if err != nil {
				t.Fatal(err)
			}
			s.Feed(scratch[:k])
			for err = nil; err == nil; got += k {
				k, err = s.Read(plain)
			}
			if err != ErrWouldBlock {
				t.Fatal(err)
			}
		}
		out, err := s.Seal(scratch[:0], []byte("x"))
		if err == nil {
			_, err = far.Write(out)
		}
		if err == nil {
			err = <-sent
		}
		if err != nil {
			t.Fatal(err)
		}
		near.Close()
		far.Close()
		sessions[i] = s
	}
	after := heap()
	runtime.KeepAlive(sessions)
	return int(after-before) / n
}

func heap() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC() // the second call empties sync.Pool
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// kinds calls each for every kind of session whose memory is measured.
func kinds(t testing.TB, each func(name string, server, client *tls.Config, size int)) {
	web, fleet := proxytest.NewCA("web"), proxytest.NewCA("fleet")
	device := fleet.Issue("device")
	broker := web.Issue("broker.example")
	cert, ca := broker.File(t), proxytest.TempFile(t, "ca.pem", fleet.Cert)
	for _, k := range []struct {
		name    string
		version uint16
		auth    ClientAuth
		size    int
	}{
		{"TLS 1.3", tls.VersionTLS13, ClientAuthNone, 100},
		{"TLS 1.3, after records of 16 KiB", tls.VersionTLS13, ClientAuthNone, 256 << 10},
		{"TLS 1.3, client certificate", tls.VersionTLS13, ClientAuthRequire, 100},
		{"TLS 1.2", tls.VersionTLS12, ClientAuthNone, 100},
	} {
		s, err := New(Options{Certificates: []CertificateFile{{Cert: cert}}, ClientAuth: k.auth, ClientCA: ca})
		if err != nil {
			t.Fatal(err)
		}
		config := client(web, device)
		config.MaxVersion = k.version
		each(k.name, s.Config(), config, k.size)
	}
}

func TestIdleSessionIsSmall(t *testing.T) {
	kinds(t, func(name string, server, client *tls.Config, size int) {
		idle(t, 10, server, client, size) // creates what all sessions share
		got := idle(t, 200, server, client, size)
		t.Logf("%s: %d bytes", name, got)
		if got > 5000 {
			t.Errorf("%s: an idle session has %d bytes, more than 5,000", name, got)
		}
	})
}

// BenchmarkIdleSession reports the heap of an idle session, from the difference between 1,000
// and 5,000 sessions.
func BenchmarkIdleSession(b *testing.B) {
	kinds(b, func(name string, server, client *tls.Config, size int) {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				few, many := 1000*idle(b, 1000, server, client, size), 5000*idle(b, 5000, server, client, size)
				b.ReportMetric(float64(many-few)/4000, "B/session")
			}
		})
	})
}

// A session with a node keeps its tickets and the node's certificates, which all sessions with the node
// share.
func TestIdleSessionWithANodeIsSmall(t *testing.T) {
	ca := proxytest.NewCA("ca")
	config := shown(ca.Issue("node.example"))
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		config.MaxVersion = version
		s := originator(t, ca, nil)
		idleNodes(t, s, config, 10) // creates what all sessions share
		got := idleNodes(t, s, config, 200)
		t.Logf("%s: %d bytes", tls.VersionName(version), got)
		if got > 5000 {
			t.Errorf("%s: an idle session has %d bytes, more than 5,000", tls.VersionName(version), got)
		}
	}
}

// idleNodes is like idle, for n sessions of s with a node.
func idleNodes(t *testing.T, s *Originator, config *tls.Config, n int) int {
	t.Helper()
	sessions := make([]*Session, n)
	before := heap()
	for i := range sessions {
		near, far := net.Pipe()
		sent := make(chan error, 1)
		go func() { // ends with its write, or with the pipe
			_, err := tls.Server(near, config).Write([]byte("x"))
			sent <- err
		}()
		made, err := s.Connect(t.Context(), far, "node-a")
		if err == nil {
			_, err = made.Conn().Read(make([]byte, 16)) // the tickets come first
		}
		if err == nil {
			err = <-sent
		}
		if err != nil {
			t.Fatal(err)
		}
		made.Detach()
		near.Close()
		far.Close()
		if _, err := made.Read(make([]byte, 16)); err != ErrWouldBlock {
			t.Fatal(err)
		}
		sessions[i] = made
	}
	after := heap()
	runtime.KeepAlive(sessions)
	return int(after-before) / n
}
