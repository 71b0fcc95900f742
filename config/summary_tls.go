package config

import (
	"fmt"
	"strconv"
)

// tls describes the listener's TLS in a few words.
func (l *Listener) tls() string {
	if l.Protocol == Passthrough {
		return "passed on"
	}
	if l.TLS == nil {
		return "-"
	}
	return l.TLS.String()
}

// String describes TLS with clients in a few words.
func (t *TLS) String() string {
	s := t.chosen().versions() + fmt.Sprintf(", %d certificate", len(t.Certificates))
	if len(t.Certificates) != 1 {
		s += "s"
	}
	s += t.chosen().lists()
	if t.ClientAuth != ClientAuthNone {
		s += ", client certificates: " + string(t.ClientAuth)
		if t.ClientCRL != "" {
			s += ", with CRL"
			if t.Revoked == KeepRevoked {
				s += " for new sessions"
			}
		}
		if t.AcceptExpired {
			s += ", expired ones, too"
		}
		if t.RequireIdentity != "" {
			s += ", CN or SAN is the " + string(t.RequireIdentity)
		}
	}
	return s
}

// versions describes the versions that are spoken.
func (t chosenTLS) versions() string {
	if t.least == t.most {
		return string(t.most)
	}
	return string(t.least) + "-" + string(t.most)
}

// lists describes the suites and curves that are chosen, with a comma; empty if none are.
func (t chosenTLS) lists() (s string) {
	if len(t.ciphers) > 0 {
		s = ", suites " + joinWords(t.ciphers)
	}
	if len(t.curves) > 0 {
		s += ", curves " + joinWords(t.curves)
	}
	return s
}

// handshakes returns the table of the listeners' handshakes.
func (c *Config) handshakes() [][]string {
	table := [][]string{{"HANDSHAKES WITH", "OTHER NAMES", "ALPN", "AT ONCE", "WAITING", "A SECOND", "TIMEOUT", "TICKET KEYS"}}
	for _, l := range c.Listeners {
		t := l.TLS
		if t == nil {
			continue
		}
		others, alpn, keys := "first certificate", "-", "its own"
		if t.StrictSNI {
			others = "refused"
		}
		if len(t.ALPN) > 0 {
			alpn = joinWords(t.ALPN)
		}
		if t.TicketKeys != "" {
			keys = "from " + t.TicketKeys
		}
		table = append(table, []string{l.Name, others, alpn, strconv.Itoa(t.MaxHandshakes), strconv.Itoa(t.MaxHandshakeQueue),
			limit(t.HandshakeRate), formatDuration(t.HandshakeTimeout), keys})
	}
	return table
}

// String describes TLS to the nodes in a few words, "-" for nil.
func (t *NodeTLS) String() string {
	if t == nil {
		return "-"
	}
	s := "NOT VERIFIED"
	if t.Verify != VerifyFalse {
		s = "verified"
		if t.CA != "" {
			s += " by " + t.CA
		}
		if t.Verify == VerifyCA {
			s += " WITHOUT THE NAME"
		}
	}
	if t.ServerName != "" {
		s += ", as " + t.ServerName
	}
	if t.Cert != "" {
		s += ", with " + t.Cert
	}
	if t.MinVersion != defaultNodeTLS.MinVersion || t.MaxVersion != defaultNodeTLS.MaxVersion {
		s += ", TLS " + t.chosen().versions()
	}
	return s + t.chosen().lists()
}
