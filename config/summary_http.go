package config

import (
	"fmt"
	"slices"
)

// speaksHTTP reports whether any listener gets HTTP requests.
func (c *Config) speaksHTTP() bool {
	for _, l := range c.Listeners {
		if l.Protocol == WS || l.Protocol == HTTP {
			return true
		}
	}
	return false
}

// routeSummary is a Route that may have several hosts.
type routeSummary struct {
	Route
	hosts string
}

// requests lists the requests that the listener takes, in order; none if it takes no
// requests.
func (l *Listener) requests() []routeSummary {
	switch l.Protocol {
	case WS:
		var all []routeSummary
		for _, r := range append(slices.Clone(l.Routes), Route{Pool: l.Pool, Share: NoShare}) {
			own := Route{Match: r.Match, Share: r.Share, Fallback: r.Fallback, Path: l.Path, Paths: l.Paths, Protocol: WS, Subprotocol: l.Subprotocol, Pool: r.Pool, AllowedOrigins: l.AllowedOrigins}
			all = append(all, routeSummary{own, orAny(l.AllowedHosts)})
		}
		return all
	case HTTP:
		var all []routeSummary
		for _, r := range l.Routes {
			host := orAny(l.AllowedHosts)
			if r.Host != "" {
				host = r.Host
			}
			all = append(all, routeSummary{r, host})
		}
		return append(all, routeSummary{Route{Path: "/", Protocol: HTTP, Pool: l.Pool, Share: NoShare}, orAny(l.AllowedHosts)})
	case MQTT, TCP, Passthrough:
	}
	return nil
}

// protocol is the protocol of a route, and what clients may leave out.
func (r *Route) protocol() string {
	if r.Protocol == WS && r.Subprotocol == SubprotocolOptional {
		return string(r.Protocol) + ", subprotocol optional"
	}
	return string(r.Protocol)
}

// protocol is the protocol of a pool, and the path that its nodes get if that is not the client's.
func (p *Pool) protocol() string {
	if p.Protocol == WS && p.Path != PathKeep {
		return string(p.Protocol) + " at " + p.Path
	}
	return string(p.Protocol)
}

func (r *Route) origins() string {
	if r.Protocol != WS {
		return "-"
	}
	return orAny(r.AllowedOrigins)
}

// orAny formats a list; an empty list allows everything.
func orAny(words []string) string {
	if len(words) == 0 {
		return "any"
	}
	return joinWords(words)
}

// bodyRate describes the time for a body in addition to timeouts.request_body.
func (l *Limits) bodyRate() string {
	if l.MinBodyRate == 0 {
		return ""
	}
	return fmt.Sprintf(" and 1s more for each %s", formatSize(l.MinBodyRate))
}

func (t *Timeouts) tunnel() string {
	if t.Tunnel == 0 {
		return "without a limit"
	}
	return formatDuration(t.Tunnel)
}
