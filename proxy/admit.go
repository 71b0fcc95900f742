package proxy

import (
	"mqttlb/mqttparse"
	"mqttlb/proxy/opening"
	"mqttlb/proxy/outcome"
	"mqttlb/proxy/rate"
)

// checkLimits decides whether the limits admit a session with a valid CONNECT. excess is the limit
// that the session exceeded when it was accepted, or outcome.None. held tells whether its client is held off. now is
// in ns of a monotonic clock.
func checkLimits(excess outcome.Outcome, held bool, limit *rate.Limiter, now int64) (opening.Refusal, bool) {
	switch {
	case excess == outcome.RefusedAddressRate:
		return opening.Refusal{Outcome: excess, Code: mqttparse.ConnectionRateExceeded}, false
	case excess != outcome.None:
		return opening.Refusal{Outcome: excess, Code: mqttparse.QuotaExceeded}, false
	case held:
		return opening.Refusal{Outcome: outcome.RefusedClientIDRate, Code: mqttparse.ConnectionRateExceeded}, false
	case !limit.Take(now):
		return opening.Refusal{Outcome: outcome.RefusedRate, Code: mqttparse.ConnectionRateExceeded}, false
	}
	return opening.Refusal{}, true
}
