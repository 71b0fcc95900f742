package health

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Probe is how a node is asked whether it is alive.
type Probe uint8

// The probes.
const (
	None Probe = iota // not at all: the node is always up
	TCP               // it accepts a connection
	MQTT              // it answers a CONNECT
)

var probeWords = []string{None: "none", TCP: "tcp", MQTT: "mqtt"}

// String returns the word of the configuration file.
func (p Probe) String() string {
	if int(p) < len(probeWords) {
		return probeWords[p]
	}
	return "unknown"
}

// ParseProbe reads the word of the configuration file.
func ParseProbe(s string) (Probe, error) {
	if i := slices.Index(probeWords, s); i >= 0 {
		return Probe(i), nil
	}
	return None, fmt.Errorf("probe %q is unknown; it is one of %s", s, strings.Join(probeWords, ", "))
}

// Check says how the nodes of a pool are probed. In every number zero means the
// default.
type Check struct {
	Probe    Probe
	Interval time.Duration // from the start of a probe to the start of the next, give or take a fifth; 5 s
	Timeout  time.Duration // for connecting and the answer together; 2 s
	Rise     int           // good results in a row that bring a node up; 2
	Fall     int           // bad results in a row that take it down; 3

	// ProxyProtocol is the version of the PROXY header that the nodes expect, 1 or
	// 2; 0 for none. The header of a probe holds the balancer's own addresses:
	// LOCAL, which is meant for probes, makes EMQX swallow the CONNECT behind it.
	ProxyProtocol uint8
}

func (c Check) withDefaults() Check {
	c.Interval = cmp.Or(max(c.Interval, 0), defaultInterval)
	c.Timeout = cmp.Or(max(c.Timeout, 0), defaultTimeout)
	c.Rise = cmp.Or(max(c.Rise, 0), defaultRise)
	c.Fall = cmp.Or(max(c.Fall, 0), defaultFall)
	return c
}
