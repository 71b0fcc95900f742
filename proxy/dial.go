package proxy

import (
	"errors"

	"mqttlb/mqttparse"
)

var (
	errUnresolved  = errors.New("its name has no address yet")
	errDialTimeout = errors.New("no connection within timeouts.dial")
)

// noCandidate is the refusal when no candidate is left.
func noCandidate(reason Outcome) refusal {
	if reason == NodesFull {
		return refusal{reason, mqttparse.ServerBusy}
	}
	return refusal{reason, mqttparse.ServerUnavailable}
}
