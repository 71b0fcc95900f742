package snapshot

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"mqttlb/mqttparse"
	"mqttlb/proxy/tlsterm"
)

// Identity is a field of the CONNECT that a client's certificate must name.
type Identity uint8

// The fields.
const (
	AnyIdentity Identity = iota
	ClientIDIdentity
	UsernameIdentity
)

// field returns the name of the field, as in the configuration, and its value in a CONNECT.
func (i Identity) field(c *mqttparse.Connect) (name, value string) {
	switch i {
	case ClientIDIdentity:
		return "client_id", string(c.ClientID)
	case UsernameIdentity:
		return "username", string(c.Username)
	default:
		return "", ""
	}
}

// Allows reports whether a certificate names the identity in a CONNECT: its Common Name
// or one of its alternative names equals the field. An address has one spelling (RFC
// 5952), because for a broker another spelling is another client.
func (i Identity) Allows(info *tlsterm.Info, c *mqttparse.Connect) bool {
	if i == AnyIdentity {
		return true
	}
	_, want := i.field(c)
	return want != "" && info != nil && info.Verified && (info.CommonName == want ||
		slices.Contains(info.DNSNames, want) || slices.Contains(info.Emails, want) || slices.Contains(info.URIs, want) ||
		slices.ContainsFunc(info.IPs, func(a netip.Addr) bool { return a.String() == want }))
}

// Mismatch says for the log why Allows is false: what the CONNECT has, and what the certificate names. The client has
// chosen both.
func (i Identity) Mismatch(info *tlsterm.Info, c *mqttparse.Connect) string {
	name, value := i.field(c)
	switch {
	case info == nil || !info.Verified:
		return fmt.Sprintf("require_identity: the client with %s %s has shown no certificate", name, quoted(value))
	case value == "":
		return fmt.Sprintf("require_identity: the CONNECT has no %s; the certificate names %s", name, namesIn(info))
	}
	return fmt.Sprintf("require_identity: %s %s is not in the certificate, which names %s", name, quoted(value), namesIn(info))
}

// The limits of what Mismatch shows.
const (
	shownNames    = 8
	shownNameSize = 64 // bytes: X.520 allows a Common Name so many characters
)

// namesIn lists the names of a certificate with their kinds.
func namesIn(info *tlsterm.Info) string {
	var all []string
	add := func(kind, name string) { all = append(all, kind+" "+quoted(name)) }
	if info.CommonName != "" {
		add("CN", info.CommonName)
	}
	for _, of := range []struct {
		kind  string
		names []string
	}{{"DNS", info.DNSNames}, {"email", info.Emails}, {"URI", info.URIs}} {
		for _, name := range of.names {
			add(of.kind, name)
		}
	}
	for _, a := range info.IPs {
		add("IP", a.String())
	}
	switch more := len(all) - shownNames; {
	case len(all) == 0:
		return "nothing"
	case more > 0:
		return fmt.Sprintf("%s and %d more", strings.Join(all[:shownNames], ", "), more)
	}
	return strings.Join(all, ", ")
}

// quoted quotes a name, up to what is shown of it.
func quoted(name string) string {
	if len(name) > shownNameSize {
		return fmt.Sprintf("%q...", name[:shownNameSize])
	}
	return fmt.Sprintf("%q", name)
}
