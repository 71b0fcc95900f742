package config

import (
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
)

// A Protocol is the protocol of a listener's clients or of a pool's nodes.
type Protocol string

// The protocols.
const (
	MQTT Protocol = "mqtt" // MQTT over TCP, or over TLS if the listener has it
	WS   Protocol = "ws"   // MQTT over WebSocket
	HTTP Protocol = "http" // HTTP requests that are not MQTT: a broker's API and dashboard
	TCP  Protocol = "tcp"  // bytes that the balancer does not read

	// Passthrough is only for listeners. A node terminates the TLS; the balancer reads
	// the SNI.
	Passthrough Protocol = "tls"
)

var (
	listenerProtocols = []Protocol{MQTT, WS, HTTP, TCP, Passthrough}
	nodeProtocols     = []Protocol{MQTT, WS, HTTP, TCP}
)

// hasConnect reports whether the balancer reads the clients' CONNECT. That of a pool says so of its
// nodes.
func (p Protocol) hasConnect() bool { return p == MQTT || p == WS }

// hasOneKindOfRoute reports whether the routes of a listener have its protocol. Those of HTTP
// have two kinds of routes.
func (p Protocol) hasOneKindOfRoute() bool {
	return p == MQTT || p == WS || p == TCP || p == Passthrough
}

// poolProtocols lists, by the protocol of a listener, the protocols that its pool may
// have. A listener that does not read its clients' bytes allows any.
var poolProtocols = map[Protocol][]Protocol{
	MQTT: {MQTT},
	WS:   {WS, MQTT},
	HTTP: {HTTP},
	TCP:  {TCP, MQTT, WS, HTTP},

	Passthrough: {TCP}, // a node that speaks mqtt without TLS cannot read TLS
}

// routeProtocols are the protocols that one listener of protocol http can tell apart.
var routeProtocols = []Protocol{HTTP, WS}

// withTLS are the names that other programs have for our protocols inside TLS.
var withTLS = map[string]Protocol{
	"mqtts": MQTT, "ssl": MQTT, "mqtt+ssl": MQTT, "mqtt+tls": MQTT, "wss": WS, "https": HTTP, "tcps": TCP,
}

// inClear are the other names of our protocols.
var inClear = map[string]Protocol{"websocket": WS, "websockets": WS, "ws+mqtt": WS, "sni": Passthrough}

// protocolOf parses one of these protocols. tls is how to write what a listener, pool or route of a protocol
// inside TLS has beside the protocol.
func protocolOf(protocols []Protocol, tls string) func(*yaml.Node) (Protocol, error) {
	parse := oneOf(protocols)
	return func(n *yaml.Node) (Protocol, error) {
		p, err := parse(n)
		if err == nil {
			return p, nil
		}
		var hint string
		name := strings.ToLower(n.Value)
		switch ours, inside := inClear[name], withTLS[name]; {
		case slices.Contains(protocols, inside):
			hint = fmt.Sprintf("%s, %s", inside, tls)
		case slices.Contains(protocols, ours):
			hint = string(ours)
		case name == string(Passthrough):
			hint = "mqtt, " + tls + ", or tcp if a listener of protocol tls passes it on"
		default:
			return "", err
		}
		return "", fmt.Errorf("%s; for %s write %s", notOneOf(n, protocols), name, hint)
	}
}
