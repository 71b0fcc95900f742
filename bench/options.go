//go:build linux

package bench

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// Options configure the clients of a Fleet. The clients use Targets and Sources in turn.
type Options struct {
	Targets []netip.AddrPort // at least one
	Sources []netip.Addr     // local addresses; empty: the kernel chooses

	// WebSocket carries MQTT in the binary frames of a WebSocket, with the subprotocol mqtt.
	WebSocket bool
	Path      string // of the WebSocket; empty: /mqtt
	// TLS is the clients' TLS configuration, also below a WebSocket; nil: no TLS. Without a
	// ServerName the name in Hosts is used. With a ClientSessionCache connections can resume.
	TLS   *tls.Config
	Hosts []string // the clients' name for each of Targets, as host:port, in TLS and HTTP; nil: Targets

	Clients     int     // connections to hold
	First       int     // number of the first client, which is part of its identifier
	ConnectRate float64 // connections begun in a second; 0: no limit
	Handshakes  int     // most connections without a CONNACK; 0: 128
	Churn       bool    // reset each connection at its CONNACK and open another

	Version    byte   // 3, 4 or 5; 0: 4
	Prefix     string // of the client identifier; the client's number follows
	Username   string // %i and %c as in Topic; empty: none
	Password   string // sent only with Username
	KeepAlive  uint16 // seconds, with a PINGREQ after three quarters of it; 0: off
	CleanStart bool
}

const (
	defaultHandshakes = 128
	defaultPath       = "/mqtt" // as in EMQX and emqtt_bench

	// churnNumbers is how many identifiers a churning fleet uses. So a balancer with a
	// table of identifiers sees a population like a real one, and not new identifiers
	// forever.
	churnNumbers = 10000
)

func (o *Options) setDefaults() error {
	if o.Version == 0 {
		o.Version = 4
	}
	if o.Handshakes == 0 {
		o.Handshakes = defaultHandshakes
	}
	if o.Path == "" {
		o.Path = defaultPath
	}
	switch {
	case len(o.Targets) == 0:
		return errors.New("no target")
	case o.Hosts != nil && len(o.Hosts) != len(o.Targets):
		return fmt.Errorf("%d hosts for %d targets", len(o.Hosts), len(o.Targets))
	case o.Path[0] != '/' || !isField(o.Path):
		return fmt.Errorf("path %.80q: it begins with / and has up to 2,000 letters, digits and signs of ASCII", o.Path)
	case slices.ContainsFunc(o.Hosts, func(h string) bool { return !isField(h) }):
		return fmt.Errorf("hosts %.200q: they have up to 2,000 letters, digits and signs of ASCII", o.Hosts)
	case o.Version < 3 || o.Version > 5:
		return fmt.Errorf("MQTT version %d: 3 (for 3.1), 4 (for 3.1.1) and 5 exist", o.Version)
	case o.Clients < 1:
		return fmt.Errorf("%d clients: at least 1 is needed", o.Clients)
	case o.ConnectRate < 0 || o.Handshakes < 0:
		return errors.New("a connect rate cannot be negative")
	case len(o.Prefix) > 65000 || len(o.Username) > 65000 || len(o.Password) > 65535:
		return errors.New("a string of MQTT holds 65,535 bytes at most")
	}
	return nil
}

// isField reports whether s fits between two spaces of an HTTP request.
func isField(s string) bool {
	return s != "" && len(s) <= 2000 && !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' })
}

// Publishing configures what every client of a Fleet publishes.
type Publishing struct {
	Topic    string // %i is the client's number, %c its identifier, %u its user name
	QoS      byte
	Retain   bool
	Size     int           // payload, bytes
	Interval time.Duration // between two messages of a client; 0: publish when the last message is acknowledged
	Inflight int           // most unacknowledged messages of a client; 0: 1
	Limit    int           // messages of all clients together; 0: no limit
	Stamp    bool          // the payload begins with the time it was due, for the latency at the subscriber
}

func (p *Publishing) setDefaults() error {
	if p.Inflight == 0 {
		p.Inflight = 1
	}
	switch {
	case p.Topic == "":
		return errors.New("no topic to publish to")
	case len(p.Topic) > 60000:
		return errors.New("the topic is longer than 60,000 bytes")
	case p.QoS > 2:
		return fmt.Errorf("QoS %d: 0, 1 and 2 exist", p.QoS)
	case p.Size < 0 || p.Size > maxPayload:
		return fmt.Errorf("payload of %d bytes: 0 to %d are possible", p.Size, maxPayload)
	case p.Inflight < 1 || p.Inflight > 65535:
		return fmt.Errorf("%d messages in flight: 1 to 65,535 are possible", p.Inflight)
	case p.Interval < 0:
		return errors.New("a publish interval cannot be negative")
	case p.Interval == 0 && p.QoS == 0:
		return errors.New("QoS 0 has no acknowledgement to wait for: give an interval")
	case p.Stamp && p.Size < stampSize:
		return fmt.Errorf("a time needs a payload of %d bytes at least", stampSize)
	case p.Limit < 0:
		return errors.New("a limit of messages cannot be negative")
	}
	return nil
}

// maxPayload leaves room for the longest topic in a Remaining Length of four bytes.
const maxPayload = 268_435_455 - 65_600
