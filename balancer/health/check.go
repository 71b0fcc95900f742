package health

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"mqttlb/balancer"
)

// Probe is how a node is asked whether it is alive.
type Probe uint8

// The probes.
const (
	None Probe = iota // not at all: the node is always up
	TCP               // it accepts a connection
	MQTT              // it answers a CONNECT
	HTTP              // it answers a request with the right status
)

var probeWords = []string{None: "none", TCP: "tcp", MQTT: "mqtt", HTTP: "http"}

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

// Check says how the nodes of a pool are probed. There are no defaults here: the
// configuration has them. Unless Probe is None, Interval and Timeout are more than
// 0 and Rise and Fall at least 1.
type Check struct {
	Probe    Probe
	Interval time.Duration // from the start of a probe to the start of the next, give or take a fifth
	Timeout  time.Duration // for connecting, TLS and the answer together
	Rise     int           // good results in a row that bring a node up
	Fall     int           // bad results in a row that take it down

	// ProxyProtocol is the version of the PROXY header that the nodes expect, 1 or
	// 2; 0 for none. The header of a probe holds the balancer's own addresses:
	// LOCAL, which is meant for probes, makes EMQX swallow the CONNECT behind it.
	ProxyProtocol uint8

	// Secure makes the TLS handshake with n on conn, which is open and has carried
	// the PROXY header, if there is one. What it returns has CloseWrite, and closes
	// conn when it is closed; after an error conn is still the caller's. It ends
	// when ctx is done. Nil: nodes are spoken to in the clear.
	Secure func(ctx context.Context, conn net.Conn, n *balancer.Node) (net.Conn, error)

	// Of the request. Valid only if Probe is HTTP.
	Method string // GET or HEAD
	Path   string // begins with /, and may have a query
	Host   string // of the Host header; empty: the node's, with the port that is asked
	Status int    // that the response must have; 0: any of 2xx. A redirect is not followed

	// Port is asked instead of the node's own; 0: the node's own. Another port is
	// another listener: it gets no PROXY header and no TLS. Valid only if Probe is HTTP.
	Port uint16
}
