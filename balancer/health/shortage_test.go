package health

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"mqttlb/balancer"
)

// A host without descriptors or ports cannot probe. Its nodes are as good as before.
func TestAShortageOfOurOwnIsNoVerdict(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t, Check{Interval: 10 * time.Second, Rise: 2, Fall: 2}, 0)
		synctest.Wait()
		shorts := []error{syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM, syscall.EADDRNOTAVAIL}
		for i, short := range shorts {
			s.answer(fmt.Errorf("management port: %w", &net.OpError{Op: "dial", Err: os.NewSyscallError("socket", short)}), 0)
			s.await(i + 2)
		}
		synctest.Wait()
		got := s.Status()[0]
		if s.node.Health() != balancer.Up || got.State != balancer.Up || got.Against != 0 || got.Failed != 0 || got.Err != nil {
			t.Errorf("the shortage is a verdict: %+v", got)
		}
		if got.Short != uint64(len(shorts)) || !strings.Contains(got.Warning, syscall.EADDRNOTAVAIL.Error()) {
			t.Errorf("the shortage is not seen: %+v", got)
		}
		if log := s.log.String(); strings.Count(log, "\n") != 1 || !strings.Contains(log, "a health probe could not be made") {
			t.Errorf("log:\n%s", log)
		}

		// A node that is down stays so, and bad results go on to count.
		s.answer(errDead, 0)
		s.await(7)
		s.answer(syscall.EMFILE, 0)
		s.await(8)
		s.answer(errDead, 0)
		s.await(9)
		if got := s.Status()[0]; got.State != balancer.Down || got.Failed != 2 || got.Warning != "" {
			t.Errorf("two bad results with a shortage between them: %+v", got)
		}
		s.answer(syscall.EMFILE, 0)
		s.await(14)
		if got := s.Status()[0]; got.State != balancer.Down || got.Err != errDead {
			t.Errorf("the shortage has brought the node up: %+v", got)
		}
		s.answer(nil, 0)
		s.await(16)
		if got := s.Status()[0]; got.State != balancer.Up || got.Warning != "" {
			t.Errorf("%+v", got)
		}
	})
}

// While its node drains by its own word, a shortage of the second probe does not undo that.
func TestAShortageOfTheSecondProbeLeavesTheFirst(t *testing.T) {
	m := startManagement(t, enterprise58)
	for state, want := range map[nodeState]balancer.State{evacuating: balancer.Draining, stopped: balancer.Down} {
		m.set(enterprise58, state)
		p, n := emqxProber(t, m.address, Check{})
		p.check.Probe |= MQTT
		dialer := new(net.Dialer)
		p.dialer = func(ctx context.Context, network, address string) (net.Conn, error) {
			if address == m.address.String() {
				return dialer.DialContext(ctx, network, address)
			}
			return nil, syscall.EMFILE
		}
		if r := p.probe(t.Context(), n); stateOf(r.err) != want || balancer.ShortageOf(r.err) != balancer.NoShortage {
			t.Errorf("%v: %v, want %v", state, r.err, want)
		}
	}
}

// A probe that has no source says nothing about its node, whatever it asks: the management API and the CONNECT of a mute
// node, too.
func TestAProbeWithoutASourceIsNoVerdict(t *testing.T) {
	for _, short := range []*balancer.SourceError{
		{Source: netip.MustParseAddr("203.0.113.9"), Bind: true, Err: syscall.EADDRNOTAVAIL},
		{Source: netip.MustParseAddr("127.0.0.5"), Err: syscall.EADDRNOTAVAIL},
	} {
		for _, probe := range []Probe{TCP, MQTT, HTTP, EMQX, EMQX | MQTT} {
			n := newPool(t, "127.0.0.1:1").Nodes()[0]
			p := newProber(Check{Probe: probe, Method: "GET", Path: "/", Port: 1, Dial: func(context.Context, *net.Dialer, string) (net.Conn, error) { return nil, short }})
			if r := p.probe(t.Context(), n); !r.isShort() || !errors.Is(r.err, short) {
				t.Errorf("%v: %v", probe, r.err)
			}
		}
	}
}

// The kernel says EADDRNOTAVAIL both if no port is free and if no address of ours reaches the node.
func TestAnAddressThatCannotBeReachedIsNoShortageOfPorts(t *testing.T) {
	n := newPool(t, "[2001:db8::1]:1883").Nodes()[0]
	for _, row := range []struct {
		udp  error
		want balancer.Shortage
	}{{syscall.EADDRNOTAVAIL, balancer.NoShortage}, {nil, balancer.Ports}, {syscall.EMFILE, balancer.Ports}} {
		p := newProber(Check{Probe: TCP})
		p.dialer = func(_ context.Context, network, _ string) (net.Conn, error) {
			if network == "udp" && row.udp == nil {
				near, far := net.Pipe()
				far.Close()
				return near, nil
			}
			if network == "udp" {
				return nil, row.udp
			}
			return nil, &net.OpError{Op: "dial", Err: os.NewSyscallError("connect", syscall.EADDRNOTAVAIL)}
		}
		if r := p.probe(t.Context(), n); r.err == nil || balancer.ShortageOf(r.err) != row.want {
			t.Errorf("UDP says %v: %v", row.udp, r.err)
		} else if row.want == balancer.NoShortage && !strings.Contains(r.err.Error(), "no address from which 2001:db8::1 can be reached") {
			t.Error(r.err)
		}
	}
	if balancer.ShortageOf(errors.New("dead")) != balancer.NoShortage {
		t.Error("any error is a shortage")
	}
}
