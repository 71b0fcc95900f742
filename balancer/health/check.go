package health

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"strings"
	"time"

	"mqttlb/balancer"
)

// Probe is the kind of question that tells whether a node is alive, or EMQX and MQTT together.
type Probe uint8

// The probes.
const (
	None Probe = 0         // no probe: the node is always up
	TCP  Probe = 1 << iota // the node accepts a connection
	MQTT                   // the node answers a CONNECT
	HTTP                   // the node answers a request with the right status
	EMQX                   // the node's management API says whether it runs, and whether it wants new clients
)

var probeWords = []struct {
	probe Probe
	word  string
}{{None, "none"}, {TCP, "tcp"}, {MQTT, "mqtt"}, {HTTP, "http"}, {EMQX, "emqx"}}

// String returns the names of p in the configuration file.
func (p Probe) String() string {
	var words []string
	for _, w := range probeWords {
		if w.probe != None && p&w.probe != 0 || w.probe == p {
			words = append(words, w.word)
		}
	}
	return strings.Join(words, " and ")
}

// ParseProbe parses the name of a probe in the configuration file.
func ParseProbe(s string) (Probe, error) {
	var words []string
	for _, w := range probeWords {
		if w.word == s {
			return w.probe, nil
		}
		words = append(words, w.word)
	}
	return None, fmt.Errorf("probe %q is unknown; it is one of %s", s, strings.Join(words, ", "))
}

// Check says how to probe the nodes of a pool. It has no defaults; the configuration
// supplies them. Unless Probe is None, Interval and Timeout are more than 0 and Rise and
// Fall at least 1.
type Check struct {
	Probe    Probe
	Interval time.Duration // from the start of a probe to the start of the next, plus or minus 20 %
	Timeout  time.Duration // for connecting, TLS and the answer together
	Rise     int           // good results in a row that bring a node up
	Fall     int           // bad results in a row that take it down

	// ProxyProtocol is the version of the PROXY header that the nodes expect, 1 or 2; 0
	// means no header. The header of a probe holds the balancer's own addresses. LOCAL is
	// meant for probes, but makes EMQX swallow the CONNECT after it.
	ProxyProtocol uint8

	// Secure makes the TLS handshake with n on conn, an open connection on which the
	// PROXY header, if any, was already sent. The returned connection must have a
	// CloseWrite method and close conn when it is closed. After an error the caller still
	// owns conn. Secure returns when ctx is done. If Secure is nil, probes do not use
	// TLS.
	Secure func(ctx context.Context, conn net.Conn, n *balancer.Node) (net.Conn, error)

	// WebSocket says that the nodes speak MQTT inside WebSocket, which probes do not.
	WebSocket bool

	// The request. The fields are valid only if Probe is HTTP.
	Method string // GET or HEAD
	Path   string // begins with / and may have a query
	Host   string // the Host header; empty: the node's host, with the port of the probe
	Status int    // the expected status; 0: any 2xx. Redirects are not followed

	// Dial connects to an IP address and port over TCP; nil: from an address that the kernel chooses. The
	// connection must have a CloseWrite method.
	Dial func(ctx context.Context, d *net.Dialer, address string) (net.Conn, error)

	// Port is the port to probe, on nodes without a HealthPort; 0 means the node's own. Another port is another
	// listener, so it gets no PROXY header, and no TLS but that of PortSecure, which is as
	// Secure. Valid only if Probe is HTTP, and if it has EMQX, whose management port it is;
	// the MQTT probe uses the node's own port.
	Port       uint16
	PortSecure func(ctx context.Context, conn net.Conn, n *balancer.Node) (net.Conn, error)

	// APIKey and APISecret log in to the management API; empty: no login. Valid only if Probe
	// has EMQX.
	APIKey, APISecret string

	// The CONNECT. The fields are valid only if Probe has MQTT.
	MQTT5    bool   // its version is 5, otherwise 3.1.1
	ClientID string // a pattern, see newClientID; empty: the default one
	Username string // empty: none
	Password []byte // nil: none
}

// portOf returns the port of n to ask: 0 means its own. The MQTT probe does not use it.
func (c *Check) portOf(n *balancer.Node) uint16 { return cmp.Or(n.HealthPort, c.Port) }
