package proxy

import (
	"testing"

	"mqttlb/mqttparse"
	"mqttlb/proxy/opening"
	"mqttlb/proxy/outcome"
	"mqttlb/proxy/rate"
)

func TestAdmitSaysWhy(t *testing.T) {
	open, shut := rate.NewLimiter(0), rate.NewLimiter(1)
	shut.Take(0)
	if _, ok := checkLimits(outcome.None, false, open, 0); !ok {
		t.Error("refused within the limits")
	}
	for excess, code := range map[outcome.Outcome]mqttparse.ReasonCode{
		outcome.RefusedConnections: mqttparse.QuotaExceeded,
		outcome.RefusedAddress:     mqttparse.QuotaExceeded,
		outcome.RefusedAddressRate: mqttparse.ConnectionRateExceeded,
	} {
		if r, ok := checkLimits(excess, false, open, 0); ok || r != (opening.Refusal{Outcome: excess, Code: code}) {
			t.Errorf("past %v: %v, %v", excess, r, ok)
		}
	}
	if r, ok := checkLimits(outcome.None, false, shut, 0); ok || r != (opening.Refusal{Outcome: outcome.RefusedRate, Code: mqttparse.ConnectionRateExceeded}) {
		t.Errorf("past connect_rate: %v, %v", r, ok)
	}
}
