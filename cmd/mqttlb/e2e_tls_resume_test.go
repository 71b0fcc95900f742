package main_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"mqttlb/proxy/proxytest"
)

// visitor connects a client once and returns whether the TLS session was resumed. The client keeps the session of its
// first connection and offers it in each later one.
type visitor func(t *testing.T, addr, id string) (resumed bool)

// visitors cover both versions of TLS, each with two libraries.
func visitors(t *testing.T, l lab) map[string]visitor {
	t.Helper()
	openssl := proxytest.Program(t, "/usr/bin/openssl")
	return map[string]visitor{
		"Go, TLS 1.2":      goVisitor(l.client(t, ""), tls.VersionTLS12),
		"Go, TLS 1.3":      goVisitor(l.client(t, ""), tls.VersionTLS13),
		"OpenSSL, TLS 1.2": opensslVisitor(openssl, "-tls1_2", l.file("ca.pem"), filepath.Join(t.TempDir(), "session")),
		"OpenSSL, TLS 1.3": opensslVisitor(openssl, "-tls1_3", l.file("ca.pem"), filepath.Join(t.TempDir(), "session")),
	}
}

// firstSession keeps the first session that it is given.
type firstSession struct{ state *tls.ClientSessionState }

func (f *firstSession) Get(string) (*tls.ClientSessionState, bool) { return f.state, f.state != nil }

func (f *firstSession) Put(_ string, s *tls.ClientSessionState) {
	if f.state == nil {
		f.state = s
	}
}

func goVisitor(config *tls.Config, version uint16) visitor {
	config.MinVersion, config.MaxVersion = version, version
	config.ClientSessionCache = &firstSession{}
	return func(t *testing.T, addr, id string) bool {
		t.Helper()
		w, err := secureWire(t, addr, config)
		if err != nil {
			t.Fatal(err)
		}
		if err := w.open(4, id); err != nil {
			t.Fatal(err)
		}
		resumed := w.Conn.(*tls.Conn).ConnectionState().DidResume
		w.disconnect(t)
		return resumed
	}
}

func opensslVisitor(openssl, version, ca, session string) visitor {
	return func(t *testing.T, addr, id string) bool {
		t.Helper()
		use := "-sess_in"
		if _, err := os.Stat(session); err != nil {
			use = "-sess_out"
		}
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		cmd := exec.CommandContext(ctx, openssl, "s_client", "-connect", addr, "-CAfile", ca, "-verify_return_error", version, use, session)
		in, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		in.Write(connectPacket(4, id))
		var said bytes.Buffer
		for b := make([]byte, 4096); err == nil && !bytes.Contains(said.Bytes(), []byte{0x20, 2, 0, 0}); { // a CONNACK
			var n int
			n, err = out.Read(b)
			said.Write(b[:n])
		}
		in.Close() // and s_client leaves
		io.Copy(&said, out)
		if ended := cmd.Wait(); err != nil || ended != nil {
			t.Fatalf("no CONNACK for %s: %v, %v\n%s", id, err, ended, said.String())
		}
		resumed := strings.Contains(said.String(), "\nReused, ")
		if resumed == strings.Contains(said.String(), "\nNew, ") {
			t.Fatalf("s_client does not say whether its session is new:\n%s", said.String())
		}
		return resumed
	}
}

// tally holds how many handshakes a balancer should have counted.
type tally struct{ done, resumed int }

// visit connects every client once, and counts.
func (c *tally) visit(t *testing.T, when string, b *balancer, clients map[string]visitor, resumed bool) {
	t.Helper()
	for name, visit := range clients {
		c.done++
		if got := visit(t, b.addrs["mqtts"], fmt.Sprintf("%s-%d", name, c.done)); got != resumed {
			t.Errorf("%s: %s has resumed its session: %t", when, name, got)
		}
		if resumed {
			c.resumed++
		}
	}
	m := b.metrics(t)
	for result, want := range map[string]int{"done": c.done, "failed": 0, "refused": 0, "abandoned": 0} {
		if got := m.sum(t, "mqttlb_tls_handshakes_total", `listener="mqtts"`, fmt.Sprintf("result=%q", result)); got != float64(want) {
			t.Errorf("%s: %v handshakes are counted as %s, want %d", when, got, result, want)
		}
	}
	for resumed, want := range map[bool]int{true: c.resumed, false: c.done - c.resumed} {
		if got := m.sum(t, "mqttlb_tls_sessions_total", `listener="mqtts"`, fmt.Sprintf("resumed=\"%t\"", resumed)); got != float64(want) {
			t.Errorf("%s: %v sessions are counted as resumed: %t, want %d", when, got, resumed, want)
		}
	}
}

// readAgain makes every balancer read its TLS files again, and waits until it has.
func readAgain(t *testing.T, all ...*balancer) {
	t.Helper()
	const done = "the configuration was reloaded"
	for _, b := range all {
		before := len(b.said(done))
		b.signal(t, syscall.SIGHUP)
		b.waitForN(t, before+1, done)
	}
}

// addTicketKey adds a key to a file, which may not exist yet.
func addTicketKey(t *testing.T, file string) {
	t.Helper()
	f, err := os.OpenFile(file, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	key := make([]byte, 48)
	rand.Read(key)
	if _, err := fmt.Fprintln(f, base64.StdEncoding.EncodeToString(key)); err != nil {
		t.Fatal(err)
	}
}

func TestSessionsAreResumedAtEveryReplicaWithTheSameTicketKeys(t *testing.T) {
	t.Parallel()
	broker := startMosquitto(t, "a")
	l := newLab(t)
	clients := visitors(t, l)
	with := func(file string) *balancer {
		return serve(t, brokersOver(l.tls(fmt.Sprintf("ticket_keys: %q", l.file(file))), broker))
	}
	addTicketKey(t, l.file("shared"))
	addTicketKey(t, l.file("other"))
	first, replica, stranger := with("shared"), with("shared"), with("other")
	var atFirst, atReplica, atStranger tally

	atFirst.visit(t, "at first", first, clients, false)
	atFirst.visit(t, "again", first, clients, true)
	atReplica.visit(t, "at a replica", replica, clients, true)
	atStranger.visit(t, "where another key is", stranger, clients, false)
	for _, when := range []string{"with a key that seals nothing yet", "with a key that seals"} {
		addTicketKey(t, l.file("shared"))
		readAgain(t, first, replica)
		atFirst.visit(t, when, first, clients, true)
		atReplica.visit(t, when+", at a replica", replica, clients, true)
	}
	addTicketKey(t, l.file("shared"))
	readAgain(t, first)
	atFirst.visit(t, "with three newer keys", first, clients, false)
}

func TestSessionsAreResumedWithKeysThatNoFileHas(t *testing.T) {
	t.Parallel()
	broker := startMosquitto(t, "a")
	l := newLab(t)
	clients := visitors(t, l)
	b := serve(t, brokersOver(l.tls(), broker))
	var c tally
	c.visit(t, "at first", b, clients, false)
	c.visit(t, "again", b, clients, true)
	readAgain(t, b)
	c.visit(t, "after a reload", b, clients, true)
}
