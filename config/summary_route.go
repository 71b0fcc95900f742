package config

import "slices"

// connections returns the table of listeners that choose the pool of a connection by its client.
func (c *Config) connections() [][]string {
	table := [][]string{{"CONNECTIONS TO", "CLIENTS", "POOL"}}
	for i := range c.Listeners {
		l := &c.Listeners[i]
		if l.Protocol != Passthrough && (l.Protocol == WS || l.Protocol == HTTP || len(l.Routes) == 0) {
			continue
		}
		for j := range l.Routes {
			r := &l.Routes[j]
			table = append(table, []string{l.Name, joinNonEmpty(r.Host, r.takes()), r.Pool})
		}
		table = append(table, []string{l.Name, others(l.Routes), l.Pool})
	}
	return table
}

// others describes the clients that no route takes.
func others(routes []Route) string {
	if len(routes) == 0 {
		return "all"
	}
	return "all others"
}

// requestsByClient reports whether any listener chooses the pool of a request by its client.
func (c *Config) requestsByClient() bool {
	return slices.ContainsFunc(c.Listeners, func(l Listener) bool {
		return slices.ContainsFunc(l.requests(), func(r routeSummary) bool { return r.takes() != "" })
	})
}

// takes describes the clients that the route takes, where that has a column of its own; empty: all.
func (r *Route) takes() string {
	fallback := ""
	if r.Fallback {
		fallback = "while a node is up"
	}
	return joinNonEmpty(r.clients(), fallback)
}

// Clients describes the conditions of the route on clients, as they are written.
func (r *Route) Clients() string {
	host := ""
	if r.Protocol == Passthrough && r.Host != "" {
		host = "host: " + r.Host
	}
	return joinNonEmpty(host, r.clients())
}
