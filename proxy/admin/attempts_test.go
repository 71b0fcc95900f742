package admin

import (
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestGuessingIsSlowAndLocksOutNobodyElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		attacker, owner := netip.MustParsePrefix("192.0.2.1/32"), netip.MustParsePrefix("192.0.2.2/32")
		var l attempts
		compared := func(from netip.Prefix, during time.Duration) (n int) {
			for end := time.Now().Add(during); time.Now().Before(end); {
				if l.allow(from) {
					l.fail(from)
					n++
				}
				time.Sleep(10 * time.Millisecond) //nolint:forbidigo // in the bubble of synctest
			}
			return n
		}
		if n := compared(attacker, time.Minute); n < 60 || n > wrongBurst+60 {
			t.Errorf("%d tokens of an attacker are compared in a minute", n)
		}
		if !l.allow(owner) {
			t.Error("another address is locked out")
		}
		time.Sleep(time.Minute) //nolint:forbidigo // in the bubble of synctest
		if n := compared(attacker, time.Second); n < wrongBurst {
			t.Errorf("after a pause %d tokens are compared", n)
		}

		// The owner shares the attacker's address, and has shown the token before.
		l.succeed(attacker)
		compared(attacker, time.Minute)
		if !l.allow(attacker) {
			t.Error("an address that has shown the token is locked out")
		}
		time.Sleep(trustTime) //nolint:forbidigo // in the bubble of synctest
		compared(attacker, time.Second)
		if l.allow(attacker) {
			t.Error("an address is trusted for longer than trustTime")
		}
	})
}

func TestAttackersWithManyAddressesTakeNoMoreMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l attempts
		owner := netip.MustParsePrefix("2001:db8::/64")
		l.succeed(owner)
		for i := range 3 * maxAddresses {
			l.fail(netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}), 32))
			if i%maxAddresses == maxAddresses-1 {
				time.Sleep(2 * time.Second) //nolint:forbidigo // in the bubble of synctest
			}
		}
		if len(l.by) > maxAddresses {
			t.Errorf("%d addresses are kept", len(l.by))
		}
		if _, ok := l.by[owner]; !ok {
			t.Error("the owner's address is forgotten")
		}
	})
}

func TestTooManyWrongTokensAreToldToWait(t *testing.T) {
	r := newRig(t, &Access{Token: rightToken})
	owner := newRigLike(r)
	if response, _ := owner.do(t, "POST", "/api/v1/reload", "", withToken()...); response.StatusCode != 200 {
		t.Fatal(response.StatusCode)
	}
	r.server.wrong = attempts{} // only the owner's connection knows
	limited := 0
	for range 4 * wrongBurst {
		response, text := r.do(t, "POST", "/api/v1/reload", "", "Authorization", "Bearer wrong-wrong-wrong-wrong")
		switch response.StatusCode {
		case http.StatusUnauthorized:
		case http.StatusTooManyRequests:
			limited++
			if response.Header.Get("Retry-After") != "1" || !strings.Contains(text, "admin.socket") {
				t.Errorf("%v %s", response.Header, text)
			}
		default:
			t.Errorf("%d %s", response.StatusCode, text)
		}
	}
	if limited == 0 {
		t.Error("nobody was told to wait")
	}
	if response, text := owner.do(t, "POST", "/api/v1/reload", "", withToken()...); response.StatusCode != 200 {
		t.Errorf("a connection that has shown the token: %d %s", response.StatusCode, text)
	}
	if n := strings.Count(r.said(), "reload"); n != 2 {
		t.Errorf("%d reloads, want 2", n)
	}
	if n := strings.Count(r.log.String(), "wrong token"); n == 0 || n > 3 {
		t.Errorf("%d lines about wrong tokens", n)
	}
}

// newRigLike is another client of a server.
func newRigLike(r *rig) *rig {
	other := *r
	other.client = &http.Client{Timeout: patience, Transport: &http.Transport{}}
	return &other
}
