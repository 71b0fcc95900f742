package main_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
)

// storm is a set of clients that connect all at once. Each reconnects when it has its CONNACK.
type storm struct {
	handshakes atomic.Int64 // how many have led to a CONNACK
	failed     atomic.Int64
	content    atomic.Int64 // clients that have connected often enough
	shown      sync.Map     // the serial numbers of the certificates that clients have seen
	clients    sync.WaitGroup
}

// visit is one connection of a client.
func (s *storm) visit(addr, id string, config *tls.Config) error {
	serial, err := comeAndGo(addr, id, config)
	if err != nil {
		return err
	}
	s.handshakes.Add(1)
	s.shown.Store(serial, true)
	return nil
}

// start starts the clients. Each connects at least so many times, and goes on until ctx is done.
func (s *storm) start(ctx context.Context, t *testing.T, clients, times int, addr string, config *tls.Config) {
	for i := range clients {
		s.clients.Go(func() { // ends after ctx, when it has come often enough
			for n := 0; n < times || ctx.Err() == nil; n++ {
				if err := s.visit(addr, fmt.Sprintf("storm-%d-%d", i, n), config); err != nil {
					if s.failed.Add(1) <= 5 { // the rest is more of the same
						t.Errorf("a client's visit %d, after %d handshakes of all: %v", n, s.handshakes.Load(), err)
					}
					return
				}
				if n == times-1 {
					s.content.Add(1)
				}
			}
		})
	}
}

// A thousand clients connect at once, and again and again, while the server's certificate is replaced in every possible
// way.
func TestCertificatesAreReadAgainWithoutAFailedHandshake(t *testing.T) { // not parallel: it would starve the parallel tests
	const clients, times = 1000, 3
	brokers := startMosquittos(t, 4) // each lets 100 wait to be accepted
	l := newLab(t)
	// As Kubernetes mounts a secret: files that lead through one link, which is swapped.
	l.renewInto(t, "..first")
	if err := os.Symlink("..first", l.file("..data")); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(l.file("mounted"), 0o700); err != nil {
		t.Fatal(err)
	}
	cert, key := l.file("mounted/server.pem"), l.file("mounted/server.key")
	for _, file := range []string{cert, key} {
		if err := os.Symlink(filepath.Join("..", "..data", filepath.Base(file)), file); err != nil {
			t.Fatal(err)
		}
	}
	// Handshakes at once and those that wait are the default's; time and rate are not, for slow machines and fast ones.
	b := serve(t, brokersOver(fmt.Sprintf("{certificates: [{cert: %q, key: %q}], handshake_timeout: 1m}", cert, key), brokers...)+
		"timeouts: {connect_packet: 1m, dial: 1m}\nlimits: {connect_rate: 0}\n")
	hangUp := func() { b.signal(t, syscall.SIGHUP) }
	writeOver := func(file, folder string) {
		t.Helper()
		text, err := os.ReadFile(l.file(filepath.Join(folder, filepath.Base(file))))
		if err == nil {
			err = os.WriteFile(file, text, 0o600) // where the link leads to
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	reloads := []struct {
		name string
		do   func(folder string)
	}{
		{"a swap and SIGHUP", func(folder string) { l.swap(t, folder); hangUp() }},
		{"files written over", func(folder string) {
			writeOver(cert, folder)
			hangUp()
			eventually(t, "the key is found to be another certificate's", func() bool {
				return b.metrics(t).sum(t, "mqttlb_tls_file_broken", `kind="certificate"`) == 1 || t.Failed()
			})
			writeOver(key, folder)
			hangUp()
		}},
		{"a swap that is seen", func(folder string) { l.swap(t, folder) }},
		{"a swap among many SIGHUPs", func(folder string) {
			for i := range 20 {
				if i == 10 {
					l.swap(t, folder)
				}
				hangUp()
			}
		}},
	}

	var s storm
	config := withName(l.client(t, ""))
	ctx, stop := context.WithCancel(t.Context())
	defer s.clients.Wait()
	defer stop()
	s.start(ctx, t, clients, times, b.addrs["mqtts"], config)
	for round := 0; round < len(reloads) || s.content.Load() < clients; round++ {
		reload, folder := reloads[round%len(reloads)], fmt.Sprintf("..round-%d", round)
		serial := l.renewInto(t, folder)
		reload.do(folder)
		eventually(t, reload.name+": a client has seen the new certificate", func() bool {
			_, seen := s.shown.Load(serial)
			return seen || t.Failed()
		})
		if t.Failed() {
			return
		}
	}
	stop()
	s.clients.Wait()

	// A file that cannot be used leaves the certificate in force, and is logged.
	before := shownSerial(t, b.addrs["mqtts"], config)
	l.renewInto(t, "..torn")
	if err := os.WriteFile(l.file("..torn/server.key"), []byte("torn"), 0o600); err != nil {
		t.Fatal(err)
	}
	l.swap(t, "..torn")
	hangUp()
	b.waitFor(t, `"level":"ERROR"`, `listeners[0].tls.certificates[0].key: listener \"mqtts\": `, "server.key: no private key")
	if after := shownSerial(t, b.addrs["mqtts"], config); after != before {
		t.Error("a pair whose key is torn is shown")
	}

	done := float64(s.handshakes.Load()) + 2 // plus the two of shownSerial
	m := b.metrics(t)
	for result, want := range map[string]float64{"done": done, "failed": 0, "refused": 0, "abandoned": 0} {
		if got := m.sum(t, "mqttlb_tls_handshakes_total", fmt.Sprintf("result=%q", result)); got != want {
			t.Errorf("%v handshakes are counted as %s, want %v", got, result, want)
		}
	}
	eventually(t, fmt.Sprintf("all %v sessions have ended as the clients ended them", done), func() bool {
		return b.metrics(t).sum(t, "mqttlb_outcomes_total", `outcome="client_closed"`) == done
	})
}

// renewInto makes a folder with a new server certificate of the same CA, and returns its serial number.
func (l lab) renewInto(t *testing.T, name string) (serial string) {
	t.Helper()
	dir := l.file(name)
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, f := range []string{"ca.pem", "ca.key"} {
		if out, err := exec.Command("cp", l.file(f), dir).CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	}
	if out, code := mqttlb(t, "cert", "--dir", dir, "--name", "127.0.0.1"); code != 0 {
		t.Fatalf("mqttlb cert: exit code %d\n%s", code, out)
	}
	pair, err := tls.LoadX509KeyPair(filepath.Join(dir, "server.pem"), filepath.Join(dir, "server.key"))
	if err != nil {
		t.Fatal(err)
	}
	return pair.Leaf.SerialNumber.String()
}

// swap points the link to another folder in one step.
func (l lab) swap(t *testing.T, name string) {
	t.Helper()
	next := l.file("..next")
	if err := os.Symlink(name, next); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(next, l.file("..data")); err != nil {
		t.Fatal(err)
	}
}

// comeAndGo connects a client over TLS and disconnects. It resumes no session, so it always gets the certificate. It
// returns the serial number.
func comeAndGo(addr, id string, config *tls.Config) (serial string, err error) {
	w, err := tryDialWire(addr, "")
	if err != nil {
		return "", err
	}
	defer w.Close()
	conn := tls.Client(w.Conn, config)
	if err := conn.Handshake(); err != nil {
		return "", err
	}
	w.Conn = conn
	w.in.Reset(conn)
	if err := w.open(4, id); err != nil {
		return "", err
	}
	return conn.ConnectionState().PeerCertificates[0].SerialNumber.String(), conn.Close()
}

// withName returns the client's configuration for a server at 127.0.0.1.
func withName(config *tls.Config) *tls.Config {
	config = config.Clone()
	config.ServerName = "127.0.0.1"
	return config
}

// shownSerial returns the serial number of the certificate that the server shows.
func shownSerial(t *testing.T, addr string, config *tls.Config) string {
	t.Helper()
	serial, err := comeAndGo(addr, "looks", config)
	if err != nil {
		t.Fatal(err)
	}
	return serial
}
