package match

import (
	"math"
	"net/netip"

	"mqttlb/mqttparse"
	"mqttlb/proxy/hostname"
	"mqttlb/proxy/tlsterm"
)

// Facts are what is known of a client. A condition about something that is not known does not hold.
type Facts struct {
	Address    netip.Addr         // not valid: the client has none, on a Unix socket
	ServerName string             // that the client asks for in its TLS handshake; "": none, or no TLS
	TLS        *tlsterm.Info      // nil: no TLS of ours
	Connect    *mqttparse.Connect // nil: the client sends no CONNECT
}

// A Match is a set of conditions on a client. The zero Match has none and holds for every client. It is immutable, and any
// number of goroutines may use it.
type Match struct {
	Networks   *Networks // that the address is in one of; nil: any address
	ServerName string    // see [hostname.Match]; "": any, and none

	Certificate Certificate

	// The conditions below do not hold for a client without a CONNECT.

	ClientID    *Pattern // nil: any
	Username    *Pattern // of a user name that is present; nil: any
	HasUsername Flag
	Versions    Versions // none: all
	KeepAlive   KeepAlive
	Will        Flag
	CleanStart  Flag
}

// A Certificate is a set of conditions on the certificate that a client has shown. Of several alternative names of a kind one must
// match. A nil pattern is no condition.
type Certificate struct {
	Present                       Flag
	CommonName, Subject, IssuerCN *Pattern
	DNSNames, Emails, URIs        *Pattern
}

// A Flag is a condition on what is so or is not.
type Flag uint8

// The values of a flag.
const (
	Any Flag = iota
	Yes
	No
)

func (f Flag) holds(b bool) bool { return f == Any || b == (f == Yes) }

// Versions is a set of versions of MQTT.
type Versions uint8

// With returns the set with one more version.
func (s Versions) With(v mqttparse.Version) Versions { return s | 1<<v }

func (s Versions) holds(v mqttparse.Version) bool { return s == 0 || s&(1<<v) != 0 }

// KeepAlive are the bounds of a Keep Alive in seconds; 0: no bound. No Keep Alive counts as longer than any.
type KeepAlive struct{ Min, Max uint32 }

func (k KeepAlive) holds(keepAlive uint16) bool {
	seconds := uint32(keepAlive)
	if seconds == 0 {
		seconds = math.MaxUint32
	}
	return seconds >= k.Min && (k.Max == 0 || seconds <= k.Max)
}

// Holds reports whether all conditions hold. What costs the least is asked first.
func (m *Match) Holds(f *Facts) bool {
	return m.holdsConnect(f.Connect) && m.HoldsSoFar(f) &&
		(f.Connect == nil || m.ClientID.holds(f.Connect.ClientID) && (m.Username == nil || f.Connect.HasUsername && m.Username.holds(f.Connect.Username)))
}

// HoldsSoFar reports whether all conditions hold that are not about the CONNECT, which is still to come.
func (m *Match) HoldsSoFar(f *Facts) bool {
	return m.Networks.holds(f.Address) && m.Certificate.holds(f.TLS) && (m.ServerName == "" || f.ServerName != "" && hostname.Match(m.ServerName, f.ServerName))
}

// holdsConnect reports whether the conditions on the CONNECT hold, except for the patterns.
func (m *Match) holdsConnect(c *mqttparse.Connect) bool {
	if c == nil {
		return !m.NeedsConnect()
	}
	return m.Versions.holds(c.Version) && m.KeepAlive.holds(c.KeepAlive) && m.HasUsername.holds(c.HasUsername) &&
		m.Will.holds(c.Will) && m.CleanStart.holds(c.CleanStart)
}

// NeedsConnect reports whether a condition is about the CONNECT.
func (m *Match) NeedsConnect() bool {
	return m.ClientID != nil || m.Username != nil || m.HasUsername != Any || m.Versions != 0 || m.KeepAlive != KeepAlive{} ||
		m.Will != Any || m.CleanStart != Any
}

func (c *Certificate) holds(info *tlsterm.Info) bool {
	if *c == (Certificate{}) {
		return true
	}
	if info == nil || !info.Verified {
		return c.Present == No
	}
	return c.Present != No && c.CommonName.holdsText(info.CommonName) && c.Subject.holdsText(info.Subject) && c.IssuerCN.holdsText(info.IssuerCN) &&
		c.DNSNames.holdsAny(info.DNSNames) && c.Emails.holdsAny(info.Emails) && c.URIs.holdsAny(info.URIs)
}
