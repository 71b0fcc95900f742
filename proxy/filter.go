package proxy

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"mqttlb/mqttparse"
)

// SessionFilter says which sessions are meant: those that fulfil every field that is set. The zero
// value means all.
type SessionFilter struct {
	ID                 SessionID
	ClientID, Username TextPattern
	Node               string
	Pool               string
	Listener           string
	Address            netip.Prefix // of the client; not valid: any
	Version            mqttparse.Version
	Older              time.Duration // open for at least so long; 0: any
	Silent             time.Duration // no byte for at least so long; 0: any
}

// TextPattern is a whole text or the prefix of one. The zero value fits every text.
type TextPattern struct {
	Text   string // at most 256 bytes, because the table keeps no more of an identifier
	Prefix bool   // texts that begin with Text, and are not empty
}

func (p *TextPattern) fits(s string) bool {
	if p.Prefix {
		return s != "" && strings.HasPrefix(s, p.Text)
	}
	return p.Text == "" || s == p.Text
}

// FilterSpec is a SessionFilter as text, with the fields of the API. An empty field is not set.
type FilterSpec struct {
	ID       string
	ClientID string // whole, or a prefix and *
	Username string // whole, or a prefix and *
	Node     string
	Pool     string
	Listener string
	Address  string // an IP address or a CIDR
	Version  string // 3.1, 3.1.1 or 5
	Older    string // a duration, as 1h
	Silent   string // a duration
}

// ParseFilter parses a filter. The error names every field that is wrong, and what is allowed.
func ParseFilter(spec FilterSpec) (*SessionFilter, error) {
	f := &SessionFilter{Node: spec.Node, Pool: spec.Pool, Listener: spec.Listener}
	var wrong []error
	parse := func(field, text string, into func(string) error) {
		if text == "" {
			return
		}
		if err := into(text); err != nil {
			wrong = append(wrong, fmt.Errorf("%s: %w", field, err))
		}
	}
	parse("id", spec.ID, func(s string) (err error) { f.ID, err = ParseSessionID(s); return err })
	parse("client_id", spec.ClientID, f.ClientID.parse)
	parse("username", spec.Username, f.Username.parse)
	parse("address", spec.Address, func(s string) (err error) { f.Address, err = parseAddress(s); return err })
	parse("version", spec.Version, func(s string) (err error) { f.Version, err = parseVersion(s); return err })
	parse("older", spec.Older, func(s string) (err error) { f.Older, err = parseAge(s); return err })
	parse("silent", spec.Silent, func(s string) (err error) { f.Silent, err = parseAge(s); return err })
	return f, errors.Join(wrong...)
}

// parse parses a whole text, or a prefix and an asterisk.
func (p *TextPattern) parse(s string) error {
	p.Text, p.Prefix = strings.CutSuffix(s, "*")
	if len(p.Text) > loggedID {
		return fmt.Errorf("%q has %d bytes, and only the first %d are known of each session: give a prefix of them, and *", s, len(p.Text), loggedID)
	}
	return nil
}

// parseAddress parses an IP address or a CIDR. IPv4 is not mapped into IPv6.
func parseAddress(s string) (netip.Prefix, error) {
	if a, err := netip.ParseAddr(s); err == nil && a.Zone() == "" {
		a = a.Unmap()
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	const mapped = 96 // bits before an IPv4 address that is mapped into IPv6
	p, err := netip.ParsePrefix(s)
	switch {
	case err != nil:
		return netip.Prefix{}, fmt.Errorf("%q is neither an IP address nor a CIDR, such as 192.0.2.7, 10.0.0.0/8 or 2001:db8::/32", s)
	case p.Addr().Is4In6() && p.Bits() >= mapped:
		return netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-mapped).Masked(), nil
	}
	return p.Masked(), nil
}

func parseVersion(s string) (mqttparse.Version, error) {
	for _, v := range []mqttparse.Version{mqttparse.V31, mqttparse.V311, mqttparse.V5} {
		if s == v.String() {
			return v, nil
		}
	}
	return 0, fmt.Errorf("%q is not a version of MQTT: it is one of 3.1, 3.1.1 and 5", s)
}

func parseAge(s string) (time.Duration, error) {
	d, err := time.ParseDuration(s)
	if err != nil || d <= 0 {
		return 0, fmt.Errorf("%q is not a duration above zero, such as 90s, 10m or 1h30m", s)
	}
	return d, nil
}

// matches reports whether a session of the cursor's loop fulfils the filter. Its age counts from the
// moment when the cursor was made.
func (f *SessionFilter) matches(c *cursor, s *session) bool {
	switch l := c.loop; {
	case f.ID != 0 && f.ID != l.sessionID(s):
	case f.Listener != "" && f.Listener != s.listener.Name:
	case f.Version != 0 && f.Version != s.version:
	case f.Older != 0 && c.made-s.begun < int64(f.Older):
	case !f.ClientID.fits(s.clientID()) || !f.Username.fits(s.username()):
	case !f.fitsNode(s):
	case f.Address.IsValid() && !f.Address.Contains(s.source.addrPort().Addr()):
	case f.Silent != 0 && l.silence(s) < f.Silent:
	default:
		return true
	}
	return false
}

func (f *SessionFilter) fitsNode(s *session) bool {
	if f.Node == "" && f.Pool == "" {
		return true
	}
	pool, node := s.poolAndNode()
	return (f.Node == "" || f.Node == node) && (f.Pool == "" || f.Pool == pool)
}
