// Package outcome names the ways in which a session ends.
package outcome

// Outcome is how a session ended. Every accepted connection has exactly one.
type Outcome uint8

// The outcomes of sessions that reached a node, by their cause.
const (
	None Outcome = iota // the session has not ended

	ClientDisconnected // the client said DISCONNECT, and then one of the two closed
	ClientClosed       // the client closed first
	ServerClosed       // the node closed first
	ClientReset        // the client's connection broke
	ServerReset        // the node's connection broke
	IdleTimeout        // silence for longer than the keep alive or timeouts.idle allows
	ConnackTimeout     // the node did not answer the CONNECT within timeouts.connack
	HalfClosedTimeout  // one side closed and the other did not within timeouts.half_closed
	WriteTimeout       // one side took nothing of the bytes kept for it within timeouts.write
	Shutdown           // mqttlb stopped
	Kicked             // an operator ended the session
	Drained            // the node is draining, and the client should use another one
	NodeDown           // the health checks have taken the node down, and pools[].when_down is close
	Moved              // the client was moved to another node
	TakenOver          // the client has connected again, and its new session is on another node
	CertificateRevoked // a CRL that was read after the handshake revokes the client's certificate
	FrameError         // a WebSocket client violated the rules for frames
	HTTPServed         // the connection carried HTTP requests, not MQTT, and has ended
	HTTPFailed         // like HTTPServed, but no node could answer its last request
	RequestTimeout     // like HTTPServed, but a request's header, body or response, or its tunnel, exceeded its time limit

	// The outcomes of sessions that did not reach a node.

	NoData              // the client closed or reset the connection and has sent nothing, as checks of load balancers do
	ClientGone          // the client closed or reset the connection before a node had its CONNECT
	ConnectTimeout      // no whole TLS handshake within tls.handshake_timeout, or no whole CONNECT within timeouts.connect_packet after it
	HandshakeFailed     // the TLS handshake failed
	RefusedHandshake    // too many TLS handshakes were waiting
	RefusedOpening      // limits.opening_memory was exceeded, and the client's address held the most
	Denied              // a rule of the listener refuses the client
	IdentityMismatch    // the client's certificate does not name the identity in its CONNECT
	BadRequest          // the header of an HTTP request is malformed, or open to doubt
	BadUpgrade          // the request is not an acceptable upgrade to WebSocket
	WrongProtocol       // the first bytes are of another protocol than the listener's
	NotMQTT             // the first packet is of the type of a CONNECT, and not MQTT's
	MalformedConnect    // the CONNECT violates the specification
	UnsupportedVersion  // an unsupported protocol level
	IdentifierRejected  // an empty client identifier where it is not allowed
	ConnectTooLarge     // longer than limits.max_connect_size
	BadProxyHeader      // no, or no valid, PROXY header from a trusted proxy
	UntrustedProxy      // a PROXY header that the listener does not expect: from a peer outside trusted_proxies, or a second one
	RefusedConnections  // limits.max_connections, or that of the listener
	RefusedReserve      // all places that are left of limits.max_connections are reserves of other listeners
	RefusedRate         // limits.connect_rate
	RefusedAddress      // limits.max_connections_per_address
	RefusedAddressRate  // limits.connect_rate_per_address
	RefusedClientIDRate // limits.connect_rate_per_client_id
	Banned              // the client's address is banned: see bans
	NodesFull           // every node that could take the session is at its max_connections
	NodeBusy            // the nodes that could take the session take no more a second, and the wait would be too long
	NoNode              // the operator has taken out every node
	UpgradeRefused      // no reachable node accepted the upgrade to WebSocket
	DialFailed          // no node could be reached: none of those that are up, or if none is up, of those that are down
	DescriptorsExceeded // no descriptor or memory was left for the connection to the node
	PortsExceeded       // no ephemeral port was left for the connection to the node
	NoSource            // no address of pools[].source could be used for the connection to the node

	Count // the number of outcomes
)

var names = [Count]string{
	None:                "none",
	ClientDisconnected:  "client_disconnected",
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
	NodeDown:            "node_down",
	Moved:               "moved",
	TakenOver:           "taken_over",
	CertificateRevoked:  "certificate_revoked",
	FrameError:          "frame_error",
	HTTPServed:          "http_served",
	HTTPFailed:          "http_failed",
	RequestTimeout:      "request_timeout",
	NoData:              "no_data",
	ClientGone:          "client_gone",
	ConnectTimeout:      "connect_timeout",
	HandshakeFailed:     "handshake_failed",
	RefusedHandshake:    "handshake_limit",
	RefusedOpening:      "opening_memory",
	Denied:              "denied",
	IdentityMismatch:    "identity_mismatch",
	BadRequest:          "bad_request",
	BadUpgrade:          "bad_upgrade",
	WrongProtocol:       "wrong_protocol",
	NotMQTT:             "not_mqtt",
	MalformedConnect:    "malformed_connect",
	UnsupportedVersion:  "unsupported_version",
	IdentifierRejected:  "identifier_rejected",
	ConnectTooLarge:     "connect_too_large",
	BadProxyHeader:      "bad_proxy_header",
	UntrustedProxy:      "untrusted_proxy",
	RefusedConnections:  "max_connections",
	RefusedReserve:      "reserve",
	RefusedRate:         "connect_rate",
	RefusedAddress:      "address_connections",
	RefusedAddressRate:  "address_rate",
	RefusedClientIDRate: "client_id_rate",
	Banned:              "banned",
	NodesFull:           "nodes_full",
	NodeBusy:            "node_busy",
	NoNode:              "no_node",
	UpgradeRefused:      "upgrade_refused",
	DialFailed:          "dial_failed",
	DescriptorsExceeded: "no_descriptors",
	PortsExceeded:       "no_ports",
	NoSource:            "no_source",
}

// String returns the outcome's name in logs and metrics.
func (o Outcome) String() string { return names[o] }

// Refused reports whether mqttlb refused the session, as opposed to an end caused by the
// client, a node or time.
func (o Outcome) Refused() bool { return o >= HandshakeFailed }

// EndedWell reports whether the outcome is the usual end of a session or of a connection with requests.
func (o Outcome) EndedWell() bool {
	return o == ClientDisconnected || o == ClientClosed || o == ServerClosed || o == HTTPServed
}

// OfAddress reports whether the outcome is a limit of the client's address, or its ban.
func (o Outcome) OfAddress() bool {
	return o == RefusedAddress || o == RefusedAddressRate || o == Banned
}
