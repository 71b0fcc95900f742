// Package outcome has the words for how a session ends.
package outcome

// Outcome says how a session ended. Every accepted connection has exactly one.
type Outcome uint8

// The outcomes of sessions that reached a node, by what ended them.
const (
	None Outcome = iota // the session goes on

	ClientClosed      // the client closed first
	ServerClosed      // the node closed first
	ClientReset       // the client's connection broke
	ServerReset       // the node's connection broke
	IdleTimeout       // nothing was heard for longer than the keep alive, or timeouts.idle, allows
	ConnackTimeout    // the node had not answered the CONNECT after a minute
	HalfClosedTimeout // one side closed and the other did not within timeouts.half_closed
	WriteTimeout      // one side took nothing of what is kept for it within timeouts.write
	Shutdown          // mqttlb stopped
	Kicked            // an operator has ended the session
	Drained           // the node is drained, and the client is to use another one
	Moved             // the client was moved to another node
	FrameError        // a WebSocket client broke the rules of frames
	HTTPServed        // a connection of HTTP requests, not of MQTT, that has ended
	RequestTimeout    // the same, when a request's header, body or response, or its tunnel, came to its limit of time

	// The outcomes of sessions that did not.

	ClientGone          // the client closed or broke before a node had its CONNECT
	ConnectTimeout      // no whole CONNECT within timeouts.connect_packet
	HandshakeFailed     // no TLS session came of the handshake
	RefusedHandshake    // too many TLS handshakes wait already
	RefusedOpening      // limits.opening_memory, of which the client's address held the most
	IdentityMismatch    // the client's certificate does not name what its CONNECT says
	BadUpgrade          // no upgrade to WebSocket that is served here
	NotMQTT             // the first packet is no CONNECT
	MalformedConnect    // the CONNECT breaks the specification
	UnsupportedVersion  // a protocol level that is not served
	IdentifierRejected  // an empty identifier where none may be
	ConnectTooLarge     // longer than limits.max_connect_size
	BadProxyHeader      // no, or no valid, PROXY header from a trusted proxy
	UntrustedProxy      // a PROXY header from a peer outside trusted_proxies
	RefusedConnections  // limits.max_connections or the listener's
	RefusedRate         // limits.connect_rate
	RefusedAddress      // limits.max_connections_per_address
	RefusedAddressRate  // limits.connect_rate_per_address
	NodesFull           // every node that may take the session is at its max_connections
	NoNode              // the operator has taken every node out
	UpgradeRefused      // no node that could be reached took the upgrade to WebSocket
	DialFailed          // no node could be reached: of those that are up, or where none is, of those that are down
	DescriptorsExceeded // no descriptor, or memory, was left for the node's connection
	PortsExceeded       // no ephemeral port was left for it

	Count // how many outcomes there are
)

var names = [Count]string{
	None:                "none",
	ClientClosed:        "client_closed",
	ServerClosed:        "server_closed",
	ClientReset:         "client_reset",
	ServerReset:         "server_reset",
	IdleTimeout:         "idle_timeout",
	ConnackTimeout:      "connack_timeout",
	HalfClosedTimeout:   "half_closed_timeout",
	WriteTimeout:        "write_timeout",
	Shutdown:            "shutdown",
	Kicked:              "kicked",
	Drained:             "drained",
	Moved:               "moved",
	FrameError:          "frame_error",
	HTTPServed:          "http_served",
	RequestTimeout:      "request_timeout",
	ClientGone:          "client_gone",
	ConnectTimeout:      "connect_timeout",
	HandshakeFailed:     "handshake_failed",
	RefusedHandshake:    "handshake_limit",
	RefusedOpening:      "opening_memory",
	IdentityMismatch:    "identity_mismatch",
	BadUpgrade:          "bad_upgrade",
	NotMQTT:             "not_mqtt",
	MalformedConnect:    "malformed_connect",
	UnsupportedVersion:  "unsupported_version",
	IdentifierRejected:  "identifier_rejected",
	ConnectTooLarge:     "connect_too_large",
	BadProxyHeader:      "bad_proxy_header",
	UntrustedProxy:      "untrusted_proxy",
	RefusedConnections:  "max_connections",
	RefusedRate:         "connect_rate",
	RefusedAddress:      "address_connections",
	RefusedAddressRate:  "address_rate",
	NodesFull:           "nodes_full",
	NoNode:              "no_node",
	UpgradeRefused:      "upgrade_refused",
	DialFailed:          "dial_failed",
	DescriptorsExceeded: "no_descriptors",
	PortsExceeded:       "no_ports",
}

// String is the outcome's word in logs and metrics.
func (o Outcome) String() string { return names[o] }

// Refused reports whether the session ended because mqttlb did not take it, as
// opposed to what the client, a node or time did.
func (o Outcome) Refused() bool { return o >= HandshakeFailed }

// OfAddress reports whether the outcome is a limit of the client's address.
func (o Outcome) OfAddress() bool { return o == RefusedAddress || o == RefusedAddressRate }
