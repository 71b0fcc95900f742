package main_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	v5 "github.com/eclipse/paho.golang/packets"

	"mqttlb/proxy/proxytest"
)

// stub is a broker that answers each v5 CONNECT with a CONNACK and sends nothing more.
// It limits how many clients it admits a second, as EMQX does with max_conn_rate. The
// others wait in the accept queue of the kernel, which drops SYNs when it is full.
type stub struct {
	name, addr string
	pace       time.Duration
	backlog    int // length of the accept queue

	free      chan struct{} // holds a token while the stub admits clients; the test removes it
	ln        net.Listener  // nil while it refuses
	accepting sync.WaitGroup
	serving   sync.WaitGroup
}

// startStub starts a stub until the test ends.
func startStub(t *testing.T, name string, perSecond, backlog int) *stub {
	t.Helper()
	s := &stub{name: name, addr: proxytest.FreeAddr(t, "127.0.0.1"), pace: time.Second / time.Duration(perSecond), backlog: backlog, free: make(chan struct{}, 1)}
	s.free <- struct{}{}
	s.admit(t)
	t.Cleanup(func() {
		s.refuse()
		s.serving.Wait() // the balancer was started later and has ended already
	})
	return s
}

// refuse makes the stub refuse new connections and keep the open ones.
func (s *stub) refuse() {
	if s.ln != nil {
		s.ln.Close()
		s.accepting.Wait()
		s.ln = nil
	}
}

// admit makes the stub accept connections.
func (s *stub) admit(t *testing.T) {
	t.Helper()
	ln, err := net.Listen("tcp", s.addr)
	if err != nil {
		t.Fatal(err)
	}
	s.ln = ln
	raw, err := ln.(*net.TCPListener).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var failed error
	if err := raw.Control(func(fd uintptr) { failed = syscall.Listen(int(fd), s.backlog) }); err != nil || failed != nil {
		t.Fatal(err, failed)
	}
	s.accepting.Go(func() { s.accept(ln) }) // ends with ln
}

func (s *stub) accept(ln net.Listener) {
	turn := time.NewTicker(s.pace)
	defer turn.Stop()
	for range turn.C {
		s.free <- <-s.free // blocks while the test has the token
		conn, err := ln.Accept()
		if err != nil {
			return
		}
		s.serving.Go(func() { // ends with the connection
			defer conn.Close()
			in := bufio.NewReader(conn)
			if _, err := v5.ReadPacket(in); err != nil {
				return // a probe
			}
			(&v5.Connack{Properties: &v5.Properties{}}).WriteTo(conn)
			io.Copy(io.Discard, in)
		})
	}
}

// stubs returns these stubs as the nodes of a pool in the configuration.
func stubs(nodes ...*stub) string {
	var b strings.Builder
	for _, s := range nodes {
		fmt.Fprintf(&b, "      - {name: %s, address: %q}\n", s.name, s.addr)
	}
	return b.String()
}
