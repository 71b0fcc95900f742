package proxy

import (
	"encoding/binary"
	"net/netip"
	"slices"
	"time"

	"mqttlb/mqttparse"
	"mqttlb/proxy/tlsterm"
)

// TLS says how a listener ends the TLS of its clients.
type TLS struct {
	Terminator *tlsterm.Terminator
	Gate       *tlsterm.Gate
	Timeout    time.Duration // for a handshake, its wait at the gate included

	// Identity is what of a CONNECT the client's certificate must name.
	Identity Identity
}

// Identity is a field of the CONNECT that a client's certificate must name.
type Identity uint8

// The fields.
const (
	AnyIdentity Identity = iota
	ClientIDIdentity
	UsernameIdentity
)

// allows reports whether a certificate names what the CONNECT says: its Common Name
// or one of its alternative names is equal to the field. An address has one spelling
// (RFC 5952): to a broker another one is another client.
func (i Identity) allows(info *tlsterm.Info, c *mqttparse.Connect) bool {
	var want string
	switch i {
	case ClientIDIdentity:
		want = string(c.ClientID)
	case UsernameIdentity:
		want = string(c.Username)
	default:
		return true
	}
	return want != "" && info != nil && info.Verified && (info.CommonName == want ||
		slices.Contains(info.DNSNames, want) || slices.Contains(info.Emails, want) || slices.Contains(info.URIs, want) ||
		slices.ContainsFunc(info.IPs, func(a netip.Addr) bool { return a.String() == want }))
}

// withTLS is a PROXY v2 header that also tells of the client's TLS.
func withTLS(header []byte, info *tlsterm.Info) []byte {
	const fixed = 16 // signature, version and command, family, length
	header = tlsterm.AppendTLVs(header, info, len(header))
	binary.BigEndian.PutUint16(header[fixed-2:], uint16(len(header)-fixed))
	return header
}
