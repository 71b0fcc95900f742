// Package dnstest has a DNS server for tests, on UDP and TCP of 127.0.0.1.
//
//	s := dnstest.Start(t)
//	s.Set("emqx.example", "5 A 127.0.0.2", "5 A 127.0.0.3", "60 AAAA ::1")
//	s.Set("_mqtt._tcp.emqx.example", "5 SRV 10 1 1883 emqx-0.example.")
//	s.Set(dnstest.Reverse("127.0.0.2"), "5 PTR emqx-0.example.")
//	s.Behave(dnstest.Refuse, "AAAA emqx.example")
//
// The answers can change at any time.
package dnstest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync"
	"testing"

	wire "github.com/miekg/dns"
)

// Server is a DNS server. Its methods may be called from any goroutine.
type Server struct {
	addr netip.AddrPort

	mu        sync.Mutex // guards the fields below
	records   map[string][]wire.RR
	behavior  map[string]Behavior // by question or name; "" is any
	questions []string
	asked     chan struct{} // closed at the next question
}

// Start starts a server without records, which the end of the test stops. It says NXDOMAIN for names without records, and
// sends an empty answer for the other types of those that have some.
func Start(t testing.TB) *Server {
	t.Helper()
	return StartAt(t, "127.0.0.1:0")
}

// StartAt is Start at an address.
func StartAt(t testing.TB, address string) *Server {
	t.Helper()
	tcp, udp := listen(t, address)
	s := &Server{
		addr:    netip.MustParseAddrPort(tcp.Addr().String()),
		records: map[string][]wire.RR{}, behavior: map[string]Behavior{}, asked: make(chan struct{}),
	}
	for _, server := range []*wire.Server{{Listener: tcp}, {PacketConn: udp}} {
		started, ended := make(chan struct{}), make(chan error, 1)
		server.Handler, server.NotifyStartedFunc = s, func() { close(started) }
		go func() { ended <- server.ActivateAndServe() }() // ends with the test
		select {
		case <-started:
		case err := <-ended:
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := errors.Join(server.Shutdown(), <-ended); err != nil {
				t.Error(err)
			}
		})
	}
	return s
}

// listen listens on the same port of TCP and UDP.
func listen(t testing.TB, address string) (net.Listener, net.PacketConn) {
	t.Helper()
	var config net.ListenConfig
	for range 100 { // a port that is free for one may be taken for the other
		tcp, err := config.Listen(context.Background(), "tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		udp, err := config.ListenPacket(context.Background(), "udp", tcp.Addr().String())
		if err == nil {
			return tcp, udp
		}
		tcp.Close()
	}
	t.Fatalf("no port of %s is free for both TCP and UDP", address)
	return nil, nil
}

// Addr returns the address of the server.
func (s *Server) Addr() netip.AddrPort { return s.addr }

// Set replaces the records of a name. A record is its TTL in seconds, its type and its data, as in a zone file. Without
// any the name does not exist.
func (s *Server) Set(name string, records ...string) {
	var all []wire.RR
	for _, text := range records {
		rr, err := wire.NewRR(wire.Fqdn(name) + " " + text)
		if err != nil {
			panic(fmt.Sprintf("record %q of %s: %v", text, name, err))
		}
		all = append(all, rr)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.records[wire.CanonicalName(name)] = all
}

// Behave sets how the server answers questions, such as "AAAA emqx.example" for one of them, or "emqx.example" for any
// about that name. Without any, it is for all that have none of their own.
func (s *Server) Behave(b Behavior, questions ...string) {
	if len(questions) == 0 {
		questions = []string{""}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, q := range questions {
		s.behavior[q] = b
	}
}

// Questions returns the questions so far, such as "AAAA emqx.example", and "AAAA emqx.example over TCP".
func (s *Server) Questions() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.questions)
}

// Asked returns how often a question was asked.
func (s *Server) Asked(question string) (n int) {
	for _, q := range s.Questions() {
		if q == question {
			n++
		}
	}
	return n
}

// Await waits until a question was asked n times since the start.
func (s *Server) Await(ctx context.Context, question string, n int) error {
	for {
		s.mu.Lock()
		next := s.asked
		s.mu.Unlock()
		if s.Asked(question) >= n {
			return nil
		}
		select {
		case <-next:
		case <-ctx.Done():
			return fmt.Errorf("%s was asked %d times, want %d; all questions: %q", question, s.Asked(question), n, s.Questions())
		}
	}
}

// Reverse returns the name that has the PTR records of an address.
func Reverse(addr string) string {
	name, err := wire.ReverseAddr(addr)
	if err != nil {
		panic(err)
	}
	return name
}
