package nodeset

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestPodsKeepTheirNamesWithOtherAddresses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newScripted()
		r.pods("10.0.0.1 emqx-0", "10.0.0.2 emqx-1", "10.0.0.3")
		sets := watching(t, r, pods, quiet)
		synctest.Wait()
		expect(t, sets, "10.0.0.3 10.0.0.3", "emqx-0 10.0.0.1", "emqx-1 10.0.0.2")

		r.pods("10.0.0.9 emqx-0", "10.0.0.2 emqx-1")
		pass(6 * time.Second)
		expect(t, sets, "emqx-0 10.0.0.9", "emqx-1 10.0.0.2")
		if n := sets.Status()[0].Changes; n != 2 {
			t.Errorf("%d changes, want 2", n)
		}
		pass(time.Minute) // the same answer again is no change
		if n := sets.Status()[0].Changes; n != 2 {
			t.Errorf("%d changes after the same answers, want 2", n)
		}
	})
}

func TestBothFamiliesOfAPodAreOneNode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newScripted()
		r.pods("10.0.0.1 emqx-0", "fd00::1 emqx-0", "fd00::2 emqx-1")
		sets := watching(t, r, pods, quiet)
		synctest.Wait()
		expect(t, sets, "emqx-0 10.0.0.1 fd00::1", "emqx-1 fd00::2")
	})
}

// A pod that is not ready loses its name in DNS before its address.
func TestAnAddressKeepsItsNameWithoutABetterOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newScripted()
		r.pods("10.0.0.1 emqx-0", "10.0.0.2 emqx-1")
		sets := watching(t, r, pods, quiet)
		synctest.Wait()
		r.change(func() { r.failing["10.0.0.1"], r.names[netip.MustParseAddr("10.0.0.2")] = true, nil })
		pass(5 * time.Minute)
		expect(t, sets, "emqx-0 10.0.0.1", "emqx-1 10.0.0.2")

		// Another pod that gets the address later is asked for its own name.
		r.pods("10.0.0.2 emqx-1")
		pass(10 * time.Second)
		r.change(func() { clear(r.failing) })
		r.pods("10.0.0.1 emqx-7", "10.0.0.2 emqx-1")
		pass(10 * time.Second)
		expect(t, sets, "emqx-1 10.0.0.2", "emqx-7 10.0.0.1")
	})
}

func TestNamesOutsideOfTheHostMustLeadBack(t *testing.T) {
	const broken, shared, ownName, other, here = "broken.example", "lb.example", "node-4.example", "stolen.example", "node-7.example"
	ip := netip.MustParseAddr
	r := newScripted()
	r.pods("10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4", "10.0.0.5", "10.0.0.6", "10.0.0.7")
	r.names[ip("10.0.0.1")] = []string{shared}
	r.names[ip("10.0.0.2")] = []string{shared} // a name of two machines is none of either
	r.addrs[shared] = []netip.Addr{ip("10.0.0.1"), ip("10.0.0.2")}
	r.names[ip("10.0.0.3")] = []string{host, "not a name", "a\nb"}
	r.names[ip("10.0.0.4")] = []string{"z.example", ownName}
	r.addrs[ownName] = []netip.Addr{ip("10.0.0.4"), ip("fd00::4")}
	r.names[ip("10.0.0.5")] = []string{other}
	r.addrs[other] = []netip.Addr{ip("10.9.9.9")}
	r.names[ip("10.0.0.6")], r.failing[broken] = []string{broken}, true
	r.names[ip("10.0.0.7")] = []string{here}
	r.addrs[here] = []netip.Addr{ip("127.0.1.1")} // by the hosts file
	synctest.Test(t, func(t *testing.T) {
		sets := watching(t, r, pods, quiet)
		synctest.Wait()
		expect(t, sets, "10.0.0.1 10.0.0.1", "10.0.0.2 10.0.0.2", "10.0.0.3 10.0.0.3", "10.0.0.5 10.0.0.5", "10.0.0.6 10.0.0.6", ownName+" 10.0.0.4",
			here+" 10.0.0.7")
	})
}

func TestAnswersThatAreNoNodesAreErrors(t *testing.T) {
	many := make([]string, MaxNodes+1)
	for i := range many {
		many[i] = fmt.Sprintf("10.0.%d.%d", i/250, i%250)
	}
	for _, test := range []struct {
		pods []string
		want string
	}{
		{[]string{"10.0.0.1", "0.0.0.0"}, host + " has the address 0.0.0.0, which is not the address of one machine"},
		{[]string{"ff02::1"}, host + " has the address ff02::1, which is not the address of one machine"},
		{many, host + " has 1001 addresses; at most 1000 are possible"},
	} {
		synctest.Test(t, func(t *testing.T) {
			r := newScripted()
			r.pods("10.0.0.7 emqx-0")
			sets := watching(t, r, pods, quiet)
			synctest.Wait()
			r.pods(test.pods...)
			pass(10 * time.Second)
			expect(t, sets, "emqx-0 10.0.0.7")
			if s := sets.Status()[0]; s.Err == nil || s.Err.Error() != test.want || s.Failures == 0 {
				t.Errorf("got %v, %d failures; want %s", s.Err, s.Failures, test.want)
			}
		})
	}
}

func TestTheLookUpsFollowTheTTL(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newScripted()
		r.ttl = 2 * time.Minute
		r.pods("10.0.0.1 emqx-0")
		watching(t, r, pods, quiet)
		pass(100 * time.Second)
		if r.count() != 2 { // for the addresses, and for the name of the only one
			t.Errorf("%d look-ups before the TTL is over, want 2", r.count())
		}
		pass(30 * time.Second)
		if r.count() < 3 || r.count() > 4 {
			t.Errorf("%d look-ups after it, want 3 or 4", r.count())
		}
	})
}

func TestNamesBelowAHost(t *testing.T) {
	for s, want := range map[string]bool{
		"a.h.example": true, "a.h.example.cluster.local": true, "a.b.h.example": true,
		"h.example": false, "h.example.cluster.local": false, "ah.example": false, "a.h.exampled": false, "a.example": false,
	} {
		if isBelow(s, "h.example.") != want || isBelow(s, "h.example") != want {
			t.Errorf("%s is below h.example: %v", s, !want)
		}
	}
	if isHost("a b") || isHost("") || isHost("a..b") || isHost("a/b") || isHost(strings.Repeat("a", 64)) || !isHost("emqx_0.Example-1") {
		t.Error("host names are not those of DNS")
	}
}
