package snapshot

// Protocol is the protocol of a listener's clients.
type Protocol uint8

const (
	// MQTT listeners read the CONNECT of each client.
	MQTT Protocol = iota
	// TCP listeners relay bytes without reading them.
	TCP
	// WS listeners answer the upgrade to WebSocket and read the CONNECT of each
	// client inside its frames.
	WS
	// HTTP listeners serve requests by their routes; some requests may be upgrades as in
	// WS.
	HTTP
	// Passthrough listeners read the server name in a client's ClientHello and pass its
	// TLS through unchanged.
	Passthrough
)

var protocolNames = [...]string{MQTT: "mqtt", TCP: "tcp", WS: "ws", HTTP: "http", Passthrough: "tls"}

// String returns the protocol's name in the configuration.
func (p Protocol) String() string { return protocolNames[p] }

// Opaque reports whether listeners of the protocol relay bytes without reading a CONNECT.
func (p Protocol) Opaque() bool { return p == TCP || p == Passthrough }
