package config

import (
	"fmt"
	"net/netip"
	"time"

	"go.yaml.in/yaml/v4"
)

// A Match is a set of conditions on a client. It matches a client if all conditions hold that are set; the zero Match has
// none and matches every client. A condition about what the listener does not see never holds: checkMatch finds those.
type Match struct {
	// CIDR are masked prefixes; the client's address is in one of them. It is the address in the PROXY header or in
	// X-Forwarded-For if the listener accepts one. Empty: any.
	CIDR []netip.Prefix

	// SNI is matched with the name that the client asks for in its TLS handshake, as Host of a Route is. Empty: any, and none.
	SNI string

	Certificate CertificateMatch

	// The conditions below are about the CONNECT.

	ClientID Pattern // also of an empty identifier, where the node chooses one

	// Username does not match a CONNECT without a user name.
	Username        Pattern
	UsernamePresent Flag

	Version    []MQTTVersion // one of them; empty: any
	KeepAlive  KeepAliveRange
	Will       Flag
	CleanStart Flag // Clean Session in 3.x
}

// A CertificateMatch is a set of conditions on the certificate that a client has shown and the listener has verified.
// A client without one matches only Present: false. Names of which a certificate may have several match if one of them does.
type CertificateMatch struct {
	Present  Flag
	CN       Pattern // the Common Name of the subject
	Subject  Pattern // the distinguished name, as in RFC 2253: CN=device-1,O=Example
	IssuerCN Pattern // the Common Name of the CA that has signed it
	DNS      Pattern // the alternative names (SANs) of each kind
	Email    Pattern
	URI      Pattern
}

// A KeepAliveRange is a condition on Keep Alive, in whole seconds; 0: no bound. A client without Keep Alive has the longest
// one: it is above every Min and every Max.
type KeepAliveRange struct {
	Min, Max time.Duration
}

// A Flag is a condition on what is so or is not. The zero value is none.
type Flag string

// The values of a flag.
const (
	FlagTrue  Flag = "true"
	FlagFalse Flag = "false"
)

var flags = []Flag{FlagTrue, FlagFalse}

// IsZero reports whether there is no condition.
func (c *CertificateMatch) IsZero() bool {
	return c.Present == "" && c.CN.IsZero() && c.Subject.IsZero() && c.IssuerCN.IsZero() && c.DNS.IsZero() && c.Email.IsZero() && c.URI.IsZero()
}

// IsZero reports whether there is no bound.
func (r *KeepAliveRange) IsZero() bool { return *r == KeepAliveRange{} }

// matchFields are the keys of the conditions, for the mapping of which they are a part.
func matchFields(m *Match) []field {
	return []field{
		oneOrMore("cidr", &m.CIDR, text(parsePrefix)),
		scalar("sni", &m.SNI, text(parseHostPattern)),
		compact("certificate", &m.Certificate, certificateMatchFields, "{cn: {prefix: device-}}"),
		compact("client_id", &m.ClientID, patternFields, patternExample),
		compact("username", &m.Username, patternFields, patternExample),
		scalar("username_present", &m.UsernamePresent, oneOf(flags)),
		oneOrMore("version", &m.Version, oneOf(clientVersions)),
		compact("keep_alive", &m.KeepAlive, keepAliveFields, "{min: 10s, max: 5m}"),
		scalar("will", &m.Will, oneOf(flags)),
		scalar("clean_start", &m.CleanStart, oneOf(flags)),
	}
}

func certificateMatchFields(c *CertificateMatch) []field {
	return []field{
		scalar("present", &c.Present, oneOf(flags)),
		compact("cn", &c.CN, patternFields, patternExample),
		compact("subject", &c.Subject, patternFields, patternExample),
		compact("issuer_cn", &c.IssuerCN, patternFields, patternExample),
		compact("dns", &c.DNS, patternFields, patternExample),
		compact("email", &c.Email, patternFields, patternExample),
		compact("uri", &c.URI, patternFields, patternExample),
	}
}

func keepAliveFields(r *KeepAliveRange) []field {
	return []field{
		scalar("min", &r.Min, keepAlive),
		scalar("max", &r.Max, keepAlive),
	}
}

// keepAlive parses a bound of Keep Alive.
func keepAlive(n *yaml.Node) (time.Duration, error) {
	d, err := duration(minKeepAlive, maxKeepAlive, zeroForbidden)(n)
	if err == nil && d%time.Second != 0 {
		return 0, fmt.Errorf("%s is no whole number of seconds, in which a client has its Keep Alive", formatDuration(d))
	}
	return d, err
}

// patterns returns the patterns of all conditions.
func (m *Match) patterns() []*Pattern {
	c := &m.Certificate
	return []*Pattern{&m.ClientID, &m.Username, &c.CN, &c.Subject, &c.IssuerCN, &c.DNS, &c.Email, &c.URI}
}

// String returns the conditions as they are written in a file, in one line; "" if there are none.
func (m *Match) String() string {
	s := flow(matchFields(m), matchFields(new(Match)))
	return s[1 : len(s)-1]
}
