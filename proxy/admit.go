package proxy

import (
	"mqttlb/mqttparse"
	"mqttlb/proxy/opening"
	"mqttlb/proxy/outcome"
	"mqttlb/proxy/rate"
)

// checkLimits decides whether the limits let a session in whose CONNECT is valid.
// excess is the limit that it was accepted past, outcomeNone: none; now is in ns
// of a clock that only goes forward.
func checkLimits(excess outcome.Outcome, limit *rate.Limiter, now int64) (opening.Refusal, bool) {
	switch {
	case excess == outcome.RefusedAddressRate:
		return opening.Refusal{Outcome: excess, Code: mqttparse.ConnectionRateExceeded}, false
	case excess != outcome.None:
		return opening.Refusal{Outcome: excess, Code: mqttparse.QuotaExceeded}, false
	case !limit.Take(now):
		return opening.Refusal{Outcome: outcome.RefusedRate, Code: mqttparse.ConnectionRateExceeded}, false
	}
	return opening.Refusal{}, true
}
