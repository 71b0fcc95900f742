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

// Clients come and go all the while; the certificate they are shown changes under them.
func TestCertificatesAreReadAgainWithoutAFailedHandshake(t *testing.T) {
	t.Parallel()
	broker := startMosquitto(t, "a")
	l := newLab(t)
	// As Kubernetes mounts a secret: files that lead through one link, which is swapped.
	dir := filepath.Join(string(l), "mounted")
	l.renewInto(t, "..one")
	if err := os.Symlink("..one", l.file("..data")); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"server.pem", "server.key"} {
		if err := os.Symlink(filepath.Join("..", "..data", name), filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	b := serve(t, brokersOver(fmt.Sprintf("{certificates: [{cert: %q, key: %q}]}",
		filepath.Join(dir, "server.pem"), filepath.Join(dir, "server.key")), broker))
	config := l.client(t, "")

	ctx, stop := context.WithCancel(t.Context())
	var clients sync.WaitGroup
	var handshakes atomic.Int64
	for i := range 16 {
		clients.Go(func() { // ends at stop
			for n := 0; ctx.Err() == nil; n++ {
				if err := comeAndGo(b.addrs["mqtts"], fmt.Sprintf("storm-%d-%d", i, n), config); err != nil {
					t.Errorf("after %d handshakes: %v", handshakes.Load(), err)
					return
				}
				handshakes.Add(1)
			}
		})
	}
	defer clients.Wait()
	defer stop()

	serial := func() string { return shownSerial(t, b.addrs["mqtts"], config) }
	before := serial()
	for round, reload := range map[string]func(){
		"SIGHUP": func() { // at once, while the watch would wait for the next look
			l.renewInto(t, "..two")
			l.swap(t, "..two")
			b.signal(t, syscall.SIGHUP)
		},
		"file swap": func() {
			l.renewInto(t, "..three")
			l.swap(t, "..three")
		},
		"SIGHUP and nothing new": func() {
			for range 20 {
				b.signal(t, syscall.SIGHUP)
			}
		},
	} {
		storm := handshakes.Load()
		reload()
		if round != "SIGHUP and nothing new" {
			eventually(t, round+": the new certificate is shown", func() bool { return serial() != before })
			before = serial()
		}
		eventually(t, round+": clients have come and gone since", func() bool { return t.Failed() || handshakes.Load() >= storm+350 })
	}
	// What cannot be used leaves what is good in force, and says so.
	l.renewInto(t, "..torn")
	if err := os.WriteFile(l.file("..torn/server.key"), []byte("torn"), 0o600); err != nil {
		t.Fatal(err)
	}
	l.swap(t, "..torn")
	b.signal(t, syscall.SIGHUP)
	b.waitFor(t, `"level":"ERROR"`, "server.key")
	if after := serial(); after != before {
		t.Error("a pair whose key is torn is shown")
	}
	stop()
	clients.Wait()
	if failed := b.said(`"outcome":"handshake_failed"`); len(failed) > 0 {
		t.Errorf("%d of %d handshakes failed:\n%s", len(failed), handshakes.Load(), failed[0])
	}
}

// renewInto makes a folder with a new certificate of the server by the same CA.
func (l lab) renewInto(t *testing.T, name string) {
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
}

// swap has the link lead to another folder, at one stroke.
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

// comeAndGo connects a client over TLS and leaves. Nothing is resumed: each sees the certificate.
func comeAndGo(addr, id string, config *tls.Config) error {
	w, err := tryDialWire(addr, "")
	if err != nil {
		return err
	}
	defer w.Close()
	conn := tls.Client(w.Conn, withName(config))
	if err := conn.Handshake(); err != nil {
		return err
	}
	w.Conn = conn
	w.in.Reset(conn)
	if code, err := w.connect(4, id); err != nil || code != 0 {
		return fmt.Errorf("code %d, %w", code, err)
	}
	return conn.Close()
}

// withName is the configuration for a server at 127.0.0.1.
func withName(config *tls.Config) *tls.Config {
	config = config.Clone()
	config.ServerName = "127.0.0.1"
	return config
}

// shownSerial is the serial number of the certificate that the server shows.
func shownSerial(t *testing.T, addr string, config *tls.Config) string {
	t.Helper()
	w, err := secureWire(t, addr, config)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if code, err := w.connect(4, "looks"); err != nil || code != 0 {
		t.Fatalf("code %d, %v", code, err)
	}
	return w.Conn.(*tls.Conn).ConnectionState().PeerCertificates[0].SerialNumber.String()
}
