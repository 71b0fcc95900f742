package config

import (
	"fmt"
	"strings"
	"time"
)

// TLS configures how a listener terminates TLS. Paths are kept as written: relative ones
// begin at the working directory.
type TLS struct {
	// Certificates are chosen by SNI, exact names before wildcards. At least one; the
	// first is for all other names and for clients without SNI.
	Certificates []Certificate

	// StrictSNI refuses a name that no certificate has, with an alert. A client without
	// SNI still gets the first certificate.
	StrictSNI bool

	ClientCA   string     // PEM, one CA or more; empty: no client certificates
	ClientCRL  string     // PEM or DER, certificates that their CAs have revoked; empty: none. Needs ClientCA
	ClientAuth ClientAuth // ClientAuthNone if and only if ClientCA is empty

	AcceptExpired bool    // a client's certificate may have expired. Needs ClientCA
	Revoked       Revoked // sessions whose certificate a new ClientCRL revokes. Not in the section admin

	// RequireIdentity is the field of an MQTT client's CONNECT that must equal the CN or
	// one of the SANs of its certificate. A client without a certificate is refused.
	// Empty: no check.
	RequireIdentity Identity

	MinVersion, MaxVersion TLSVersion // MinVersion is at most MaxVersion

	// Ciphers are the suites of TLS 1.2 and below that may be agreed on. Empty: those with ECDHE and AEAD and,
	// if MinVersion is below 1.2, those of CBC with ECDHE. crypto/tls has an order of its own.
	Ciphers []Cipher

	Curves []Curve // the key exchanges that may be agreed on; empty: those of crypto/tls

	// ALPN are the protocols that may be agreed on, in order of preference (RFC 7301). A
	// client that only offers others is refused; a client that offers none is not. Empty:
	// no ALPN.
	ALPN []string

	// TicketKeys is a file of keys for session tickets, the same for all replicas; empty:
	// each process has its own.
	TicketKeys string

	HandshakeTimeout  time.Duration // from the accept to the end of the handshake, with the time in the queue; Timeouts.ConnectPacket comes after it
	MaxHandshakes     int           // handshakes that compute at once, at least 1
	MaxHandshakeQueue int           // handshakes that wait for MaxHandshakes and HandshakeRate; more are closed
	HandshakeRate     int           // handshakes that begin in a second; 0: no limit
}

// A Certificate is a chain and its key in PEM.
type Certificate struct {
	Cert string // unique in its listener
	Key  string // empty: Cert has it, too
}

// NodeTLS configures TLS to nodes, for sessions and probes. Paths are kept as written:
// relative ones begin at the working directory.
type NodeTLS struct {
	CA string // PEM, one CA or more; empty: the system's. Not valid with VerifyFalse

	// ServerName is sent to nodes as SNI, and with VerifyTrue their certificates must have it. It is in lower
	// case without a last dot and with A-labels, or an IP address, which is not sent (RFC 6066, 3).
	// Empty: the host of each node's Address.
	ServerName string

	Cert string // PEM, our certificate chain for the nodes; empty: none
	Key  string // PEM; empty: Cert has it, too

	// As in TLS. Without Ciphers, those of CBC with ECDHE may be agreed on, too.
	MinVersion, MaxVersion TLSVersion
	Ciphers                []Cipher
	Curves                 []Curve
	Verify                 Verify
}

// Values of TLS: names of protocols and servers.

// parseProtocolName parses the name of a protocol in ALPN. Names are bytes (RFC 7301,
// 3.1); registered names are printable.
func parseProtocolName(s string) (string, error) {
	return s, checkLine(s, maxProtocolName, "write the name of a protocol, as mqtt or http/1.1")
}

// parseServerName parses a NodeTLS.ServerName.
func parseServerName(s string) (string, error) {
	if ip, ok := parseIP(strings.TrimSuffix(strings.TrimPrefix(s, "["), "]")); ok && ip.Zone() == "" {
		return ip.String(), nil
	}
	name := strings.ToLower(strings.TrimSuffix(toALabels(s), "."))
	if strings.HasSuffix(name, ".") || !isHostName(name) {
		return "", fmt.Errorf("%s is not the name of a server; write one name or IP address without a port, as broker.example.com", quote(s))
	}
	return name, nil
}
