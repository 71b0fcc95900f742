package discovery

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"mqttlb/balancer/dns"
)

func TestNodesOfAHostThatStaysHaveItsLastAnswerAtOnce(t *testing.T) {
	r := new(resolver)
	r.answer("a.example", "127.0.0.2", "127.0.0.1")
	d := applied(nodes(t, "a.example:1883"), r, slog.New(slog.DiscardHandler))
	d.Resolve(t.Context())
	r.fail(errors.New("server misbehaving"))
	next := nodes(t, "b.example:1883", "a.example:8083", "127.0.0.9:1")
	d.Apply(next)
	want(t, next[0], "")
	want(t, next[1], "127.0.0.1:8083 127.0.0.2:8083")
	want(t, next[2], "127.0.0.9:1")
	d.Resolve(t.Context())
	want(t, next[1], "127.0.0.1:8083 127.0.0.2:8083")
}

func TestHostThatIsGoneIsLookedUpNoMore(t *testing.T) {
	r := new(resolver)
	d := applied(nodes(t, "a.example:1883"), r, slog.New(slog.DiscardHandler))
	d.Apply(nodes(t, "b.example:1883"))
	d.Resolve(t.Context())
	if !slices.Equal(r.asked, []string{"b.example"}) {
		t.Errorf("asked for %v", r.asked)
	}
}

func TestNewHostsAreLookedUpBeforeTheyAreApplied(t *testing.T) {
	r := &resolver{answers: map[string][]string{"a.example": {"127.0.0.1"}, "b.example": {"127.0.0.3", "127.0.0.2"}}}
	var log bytes.Buffer
	current := nodes(t, "a.example:1883", "d.example:1883")
	d := applied(current, r, slog.New(slog.NewTextHandler(&log, nil)))
	d.Resolve(t.Context())
	log.Reset()
	r.asked = nil
	next := nodes(t, "a.example:1", "b.example:1", "b.example:2", "c.example:1", "127.0.0.9:1", "d.example:1")
	d.ResolveNew(t.Context(), next)
	slices.Sort(r.asked)
	if !slices.Equal(r.asked, []string{"b.example", "c.example", "d.example"}) || log.Len() > 0 {
		t.Errorf("asked for %v; log:\n%s", r.asked, &log)
	}
	wanted := []string{"127.0.0.1:1", "127.0.0.2:1 127.0.0.3:1", "127.0.0.2:2 127.0.0.3:2", "", "127.0.0.9:1", ""}
	for i, addrs := range wanted {
		want(t, next[i], addrs)
	}
	want(t, current[0], "127.0.0.1:1883")
	want(t, current[1], "")

	// ResolveNew's answers are known to Apply and kept when the resolver fails.
	r.fail(errors.New("server misbehaving"))
	last := slices.Concat(next, nodes(t, "b.example:3"))
	d.Apply(last)
	want(t, last[6], "127.0.0.2:3 127.0.0.3:3")
	d.Resolve(t.Context())
	for i, addrs := range wanted {
		want(t, last[i], addrs)
	}
	if !strings.Contains(log.String(), "host=b.example error=\"server misbehaving\" kept=2") {
		t.Errorf("log:\n%s", &log)
	}
}

func TestHostWithoutAnAnswerIsLookedUpWhenItIsApplied(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &resolver{answers: map[string][]string{"a.example": {"127.0.0.1"}, "b.example": {"127.0.0.2"}}}
		d := applied(nodes(t, "a.example:1883"), r, slog.New(slog.DiscardHandler))
		ctx, cancel := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { d.Run(ctx) })
		synctest.Wait()
		next := nodes(t, "a.example:1883", "b.example:1883")
		d.Apply(next)
		synctest.Wait()
		want(t, next[1], "127.0.0.2:1883")
		if len(r.asked) != 2 {
			t.Errorf("asked for %v: a.example was known", r.asked)
		}
		cancel()
		running.Wait()
	})
}

// slow is a resolver that answers when the test allows it.
type slow struct {
	dns.Resolver
	begun  chan string
	answer chan []netip.Addr
}

func (s *slow) LookupAddrs(_ context.Context, host string) ([]netip.Addr, time.Duration, error) {
	s.begun <- host
	return <-s.answer, ttl, nil
}

func TestAnswerOfARoundThatIsUnderWayReachesTheNewNodes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &slow{begun: make(chan string), answer: make(chan []netip.Addr)}
		d := New(r, slog.New(slog.DiscardHandler))
		old := nodes(t, "a.example:1883")
		d.Apply(old)
		var round sync.WaitGroup
		round.Go(func() { d.Resolve(t.Context()) })
		<-r.begun
		next := nodes(t, "a.example:8083", "a.example:80")
		d.Apply(next)
		r.answer <- []netip.Addr{netip.MustParseAddr("127.0.0.1")}
		round.Wait()
		want(t, next[0], "127.0.0.1:8083")
		want(t, next[1], "127.0.0.1:80")
		want(t, old[0], "") // the node is no longer applied

		// A host that is removed and added during a round counts as another host: an
		// answer to the first question may be older than the answer of ResolveNew.
		round.Go(func() { d.Resolve(t.Context()) })
		<-r.begun
		d.Apply(nil)
		again := nodes(t, "a.example:1")
		again[0].SetAddrs([]netip.AddrPort{netip.MustParseAddrPort("127.0.0.7:1")})
		d.Apply(again)
		r.answer <- []netip.Addr{netip.MustParseAddr("127.0.0.5")}
		round.Wait()
		want(t, again[0], "127.0.0.7:1")
		want(t, next[0], "127.0.0.1:8083") // it may share its addresses again
	})
}

func TestApplyBesideRounds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &resolver{answers: make(map[string][]string)}
		for i := range 4 {
			r.answers[fmt.Sprintf("%d.example", i)] = []string{fmt.Sprintf("127.0.0.%d", i+1)}
		}
		d := New(r, slog.New(slog.DiscardHandler))
		ctx, cancel := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { d.Run(ctx) })
		for range 2 {
			running.Go(func() { // ends with ctx
				for ctx.Err() == nil {
					d.Resolve(ctx)
					<-time.After(time.Millisecond)
				}
			})
		}
		for i := range 200 {
			next := nodes(t, fmt.Sprintf("%d.example:1", i%4), fmt.Sprintf("%d.example:1", (i+1)%4))
			d.ResolveNew(ctx, next)
			d.Apply(next)
			for j, n := range next {
				want(t, n, fmt.Sprintf("127.0.0.%d:1", (i+j)%4+1))
			}
			<-time.After(time.Millisecond)
		}
		cancel()
		running.Wait()
	})
}
