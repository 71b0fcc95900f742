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

	"mqttlb/balancer"
	"mqttlb/balancer/dns"
)

// reply is an answer to look-ups that begin at a time.
type reply struct {
	from  time.Duration
	addrs string
	ttl   time.Duration
	err   error
}

// script is a resolver whose replies are set beforehand. It notes when it was asked.
type script struct {
	dns.Resolver
	begun   time.Time
	replies map[string][]reply
	takes   time.Duration // a look-up

	mu    sync.Mutex
	asked map[string][]time.Duration
}

func (s *script) LookupAddrs(_ context.Context, host string) (addrs []netip.Addr, ttl time.Duration, err error) {
	defer func() { <-time.After(s.takes) }()
	s.mu.Lock()
	defer s.mu.Unlock()
	at := time.Since(s.begun)
	s.asked[host] = append(s.asked[host], at)
	for _, r := range s.replies[host] {
		if at < r.from {
			break
		}
		addrs, ttl, err = nil, r.ttl, r.err
		for _, a := range strings.Fields(r.addrs) {
			addrs = append(addrs, netip.MustParseAddr(a))
		}
	}
	return addrs, ttl, err
}

// play runs a Discovery of nodes in a bubble for a time, and calls check at the times that the test asks for.
func play(t *testing.T, s *script, grace time.Duration, n []*balancer.Node, end time.Duration, check func(d *Discovery, at time.Duration)) (log string) {
	t.Helper()
	var b bytes.Buffer
	synctest.Test(t, func(t *testing.T) {
		s.begun, s.asked = time.Now(), map[string][]time.Duration{}
		d := New(s, slog.New(slog.NewTextHandler(&b, nil)))
		d.SetEmptyGrace(grace)
		d.Apply(n)
		ctx, cancel := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { d.Run(ctx) })
		for at := time.Duration(0); at <= end; at += time.Second {
			synctest.Wait()
			if check != nil {
				check(d, at)
			}
			time.Sleep(time.Second) //nolint:forbidigo // in a bubble
		}
		cancel()
		running.Wait()
	})
	return b.String()
}

func TestEachHostIsLookedUpAgainByItsOwnTTL(t *testing.T) {
	s := &script{replies: map[string][]reply{
		"short.example": {{0, "127.0.0.1", 5 * time.Second, nil}, {12 * time.Second, "127.0.0.2", 5 * time.Second, nil}},
		"long.example":  {{0, "127.0.0.1", time.Minute, nil}},
		"zero.example":  {{0, "127.0.0.1", 0, nil}},
	}}
	n := nodes(t, "short.example:1", "long.example:1", "zero.example:1")
	log := play(t, s, 0, n, 100*time.Second, func(_ *Discovery, at time.Duration) {
		switch {
		case at < 12*time.Second:
			want(t, n[0], "127.0.0.1:1")
		case at >= 18*time.Second: // the TTL and its tenth later
			want(t, n[0], "127.0.0.2:1")
		}
	})
	for host, ttl := range map[string]time.Duration{"short.example": 5 * time.Second, "long.example": time.Minute, "zero.example": time.Second} {
		at := s.asked[host]
		for i := 1; i < len(at); i++ {
			if d := at[i] - at[i-1]; d < ttl || d > ttl+ttl/10 {
				t.Errorf("%s was asked again after %v", host, d)
			}
		}
		if len(at) < 2 || at[0] != 0 {
			t.Errorf("%s was asked at %v", host, at)
		}
	}
	if strings.Count(log, "\n") != 1 || !strings.Contains(log, "host name has other addresses") {
		t.Errorf("log:\n%s", log)
	}
}

func TestHostsWithTheSameTTLSpread(t *testing.T) {
	s := &script{replies: map[string][]reply{}}
	var addresses []string
	for i := range 100 {
		host := fmt.Sprintf("%d.example", i)
		addresses = append(addresses, host+":1")
		s.replies[host] = []reply{{0, "127.0.0.1", time.Minute, nil}}
	}
	play(t, s, 0, nodes(t, addresses...), 70*time.Second, nil)
	seconds := map[int]bool{}
	for _, at := range s.asked {
		if len(at) < 2 {
			t.Fatal("a host was not asked again")
		}
		seconds[int(at[1].Seconds())] = true
	}
	if len(seconds) < 3 { // 6 are possible
		t.Errorf("all were asked in the seconds %v", seconds)
	}
}

var errMisbehaving = errors.New("server misbehaving")

func TestFailingLookUpsAreRepeatedSoonAndThenLessOften(t *testing.T) {
	s := &script{replies: map[string][]reply{"a.example": {
		{0, "127.0.0.1", 5 * time.Second, nil}, {time.Second, "", 0, errMisbehaving}, {5 * time.Minute, "127.0.0.1", 5 * time.Minute, nil},
	}}}
	n := nodes(t, "a.example:1")
	log := play(t, s, 0, n, 6*time.Minute, func(d *Discovery, at time.Duration) {
		want(t, n[0], "127.0.0.1:1")
		if at != 4*time.Minute {
			return
		}
		st := d.Status()[0]
		if bad := time.Since(st.BadSince).Round(time.Second); st.Host != "a.example" || len(st.Addrs) != 1 || bad < 233*time.Second || bad > 235*time.Second ||
			st.Err != errMisbehaving.Error() || !slices.Equal(st.Nodes, []string{"n0"}) || time.Since(st.GoodAt) < 4*time.Minute {
			t.Errorf("status %+v, bad for %v", st, bad)
		}
	})
	at := s.asked["a.example"]
	for i, wait := range []time.Duration{2, 4, 8, 16, 30, 30, 30} {
		if d := at[i+2] - at[i+1]; d < wait*time.Second || d > wait*time.Second*11/10 {
			t.Errorf("look-up %d came after %v, want %d s", i+2, d, wait)
		}
	}
	if strings.Count(log, "\n") != 2 || !strings.Contains(log, "host=a.example error=\"server misbehaving\" kept=1 nodes=[n0]") || !strings.Contains(log, "resolves again") {
		t.Errorf("log:\n%s", log)
	}
}

func TestEmptyAnswersAreIgnoredForTheGrace(t *testing.T) {
	empty := fmt.Errorf("a.example does not exist: %w", dns.ErrNoRecords)
	good := reply{0, "127.0.0.1", 5 * time.Second, nil}
	for _, c := range []struct {
		name    string
		grace   time.Duration
		replies []reply
		there   []time.Duration // when the address is there
		gone    []time.Duration // when it is not
	}{
		{"shorter than the grace", 60 * time.Second, []reply{good, {6 * time.Second, "", time.Second, empty}, {50 * time.Second, "127.0.0.1", 5 * time.Second, nil}},
			[]time.Duration{0, 30 * time.Second, 66 * time.Second, 100 * time.Second}, nil},
		{"longer than the grace", 60 * time.Second, []reply{good, {6 * time.Second, "", time.Second, empty}},
			[]time.Duration{0, 30 * time.Second, 65 * time.Second}, []time.Duration{72 * time.Second, 100 * time.Second}},
		{"a long TTL does not make the grace longer", 20 * time.Second, []reply{good, {6 * time.Second, "", time.Hour, empty}},
			[]time.Duration{0, 25 * time.Second}, []time.Duration{32 * time.Second}},
		{"no grace", 0, []reply{good, {5 * time.Second, "", time.Second, empty}},
			[]time.Duration{0, 4 * time.Second}, []time.Duration{6 * time.Second}},
		{"a failure at the end of the grace", 20 * time.Second, []reply{good, {6 * time.Second, "", time.Second, empty}, {15 * time.Second, "", 0, errMisbehaving}},
			[]time.Duration{30 * time.Second, 300 * time.Second}, nil},
		{"empty, good, empty", 20 * time.Second, []reply{good, {6 * time.Second, "", time.Second, empty}, {20 * time.Second, "127.0.0.1", 3 * time.Second, nil}, {28 * time.Second, "", time.Second, empty}},
			[]time.Duration{0, 30 * time.Second, 45 * time.Second}, []time.Duration{55 * time.Second}},
		{"gone and back", 10 * time.Second, []reply{good, {6 * time.Second, "", time.Second, empty}, {60 * time.Second, "127.0.0.1", 3 * time.Second, nil}},
			[]time.Duration{0, 10 * time.Second, 100 * time.Second}, []time.Duration{30 * time.Second, 58 * time.Second}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := &script{replies: map[string][]reply{"a.example": c.replies}}
			n := nodes(t, "a.example:1")
			log := play(t, s, c.grace, n, 301*time.Second, func(_ *Discovery, at time.Duration) {
				switch {
				case slices.Contains(c.there, at) && len(n[0].Addrs()) == 0:
					t.Errorf("no address after %v", at)
				case slices.Contains(c.gone, at) && len(n[0].Addrs()) != 0:
					t.Errorf("still an address after %v", at)
				}
			})
			if said := strings.Contains(log, "host name has no addresses any more"); said != (c.gone != nil) {
				t.Errorf("log:\n%s", log)
			}
		})
	}
}

func TestHostsAreLookedUpAtOnceAfterAChangeOfServers(t *testing.T) {
	s := &script{replies: map[string][]reply{"a.example": {{0, "127.0.0.1", 5 * time.Minute, nil}, {time.Second, "127.0.0.2", 5 * time.Minute, nil}}}}
	n := nodes(t, "a.example:1")
	play(t, s, 0, n, 20*time.Second, func(d *Discovery, at time.Duration) {
		if at == 10*time.Second {
			d.LookUpAgain()
			synctest.Wait()
			want(t, n[0], "127.0.0.2:1")
		}
	})
}

func TestALookUpThatBeganBeforeAChangeOfServersIsDoneAgain(t *testing.T) {
	s := &script{takes: 3 * time.Second, replies: map[string][]reply{
		"a.example": {{0, "127.0.0.1", 5 * time.Minute, nil}, {time.Second, "127.0.0.2", 5 * time.Minute, nil}},
	}}
	n := nodes(t, "a.example:1")
	play(t, s, 0, n, 20*time.Second, func(d *Discovery, at time.Duration) {
		if at == time.Second {
			d.LookUpAgain()
		}
		if at == 10*time.Second {
			want(t, n[0], "127.0.0.2:1")
		}
	})
}
