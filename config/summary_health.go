package config

import (
	"fmt"
	"strconv"
	"strings"
)

// health describes the probes, and what happens to the sessions of a node that is down, or up again.
func (p *Pool) health() string {
	text := p.Health.String()
	if p.WhenDown == CloseDown {
		text += fmt.Sprintf(", then %d sessions leave a second", p.DrainRate)
	}
	if p.Takeover == TakeoverLocal {
		text += ", a client that comes back takes its session over from another node"
	}
	if p.Rebalance > 0 {
		text += fmt.Sprintf(", %d sessions return a second", p.Rebalance)
	}
	return text
}

// String describes the probes in a few words.
func (h Health) String() string {
	if h.Uses(ProbeNone) {
		return "no probe"
	}
	var all []string
	for _, p := range h.Probe {
		all = append(all, h.describe(p))
	}
	what := strings.Join(all, ", and ")
	return fmt.Sprintf("%s every %s, timeout %s, rise %d, fall %d",
		what, formatDuration(h.Interval), formatDuration(h.Timeout), h.Rise, h.Fall)
}

// describe describes one of the probes.
func (h *Health) describe(p Probe) string {
	what := string(p)
	switch p {
	case ProbeHTTP:
		what += " " + h.Method + " "
		if h.Port != 0 {
			what += ":" + strconv.Itoa(h.Port)
		}
		what += h.Path + h.withTLS()
	case ProbeEMQX:
		what += " :" + strconv.Itoa(h.Port) + h.withTLS()
		if h.CredentialsFile != "" {
			what += ", key in " + h.CredentialsFile
		}
	case ProbeMQTT:
		if h.Version == MQTT5 {
			what += " 5"
		}
		if h.Username != "" {
			what += " as " + h.Username
		}
	case ProbeNone, ProbeTCP:
	}
	return what
}

// reached describes the address of a node, and the port for its probes if it has one of its own.
func (n *Node) reached() string {
	if n.HealthPort == 0 {
		return n.Address.String()
	}
	return fmt.Sprintf("%s, probes to :%d", n.Address, n.HealthPort)
}

// withTLS describes the TLS of another port than the node's own.
func (h *Health) withTLS() string {
	switch {
	case h.TLS == nil:
		return ""
	case h.TLS.Verify == VerifyFalse:
		return " with TLS, NOT VERIFIED"
	case h.TLS.Verify == VerifyCA:
		return " with TLS, verified WITHOUT THE NAME"
	}
	return " with TLS"
}
