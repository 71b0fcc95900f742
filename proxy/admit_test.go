package proxy

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"mqttlb/mqttparse"
	"mqttlb/proxy/opening"
	"mqttlb/proxy/outcome"
)

func TestRateLimitLetsItsNumberPassASecond(t *testing.T) {
	r := newRateLimit(100)
	now := int64(time.Hour)
	passed := func(n int) (ok int) {
		for range n {
			if r.take(now) {
				ok++
			}
		}
		return ok
	}
	if n := passed(1000); n != 100 {
		t.Errorf("at once: %d, want 100", n)
	}
	now += int64(500 * time.Millisecond)
	if n := passed(1000); n != 50 {
		t.Errorf("half a second later: %d, want 50", n)
	}
	now += int64(time.Hour)
	if n := passed(1000); n != 100 {
		t.Errorf("after a long rest: %d, want 100 and not more", n)
	}
}

func TestRateLimitHoldsAcrossLoops(t *testing.T) {
	r := newRateLimit(1000)
	var passed atomic.Int64
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 1000 {
				if r.take(int64(time.Minute)) {
					passed.Add(1)
				}
			}
		})
	}
	wg.Wait()
	if n := passed.Load(); n != 1000 {
		t.Errorf("%d passed, want 1000", n)
	}
}

func TestNoRateIsNoLimit(t *testing.T) {
	r := newRateLimit(0)
	for range 10000 {
		if !r.take(1) {
			t.Fatal("refused")
		}
	}
	if r := newRateLimit(2e9); !r.take(1) {
		t.Error("a rate above one a nanosecond lets nothing pass")
	}
}

func TestAdmitSaysWhy(t *testing.T) {
	open, shut := newRateLimit(0), newRateLimit(1)
	shut.take(0)
	if _, ok := checkLimits(outcome.None, open, 0); !ok {
		t.Error("refused within the limits")
	}
	for excess, code := range map[outcome.Outcome]mqttparse.ReasonCode{
		outcome.RefusedConnections: mqttparse.QuotaExceeded,
		outcome.RefusedAddress:     mqttparse.QuotaExceeded,
		outcome.RefusedAddressRate: mqttparse.ConnectionRateExceeded,
	} {
		if r, ok := checkLimits(excess, open, 0); ok || r != (opening.Refusal{Outcome: excess, Code: code}) {
			t.Errorf("past %v: %v, %v", excess, r, ok)
		}
	}
	if r, ok := checkLimits(outcome.None, shut, 0); ok || r != (opening.Refusal{Outcome: outcome.RefusedRate, Code: mqttparse.ConnectionRateExceeded}) {
		t.Errorf("past connect_rate: %v, %v", r, ok)
	}
}
