package config

import (
	"cmp"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
)

// Summary writes the configuration with its defaults, in aligned lines for people. The
// error is that of w.
func (c *Config) Summary(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	row := func(cells ...string) { fmt.Fprintln(t, strings.Join(cells, "\t")) } // in memory, until the table ends
	var err error
	endTable := func() { err = cmp.Or(err, t.Flush()) }

	row("LISTENER", "ADDRESS", "PROTOCOL", "TLS", "PROXY IN", "LIMIT", "POOL")
	for _, l := range c.Listeners {
		row(l.Name, l.Address.String(), string(l.Protocol), l.tls(), l.proxy(), limit(l.MaxConnections), l.Pool)
	}
	endTable()
	if c.speaksHTTP() {
		row()
		row("REQUESTS TO", "HOST", "PATH", "PROTOCOL", "ORIGINS", "POOL")
		for _, l := range c.Listeners {
			for _, r := range l.requests() {
				row(l.Name, r.hosts, r.Path, string(r.Protocol), r.origins(), r.Pool)
			}
		}
		endTable()
	}
	for _, table := range [][][]string{c.passedOn(), c.handshakes()} {
		if len(table) > 1 { // more than the table's head
			row()
			for _, cells := range table {
				row(cells...)
			}
			endTable()
		}
	}
	for _, p := range c.Pools {
		row()
		row("POOL", "PROTOCOL", "ALGORITHM", "TLS", "PROXY OUT", "HEALTH")
		row(p.Name, string(p.Protocol), p.algorithm(), p.TLS.String(), string(p.ProxyProtocol), p.health())
		endTable()
		row("  NODE", "ADDRESS", "WEIGHT", "LIMIT")
		for _, n := range p.Nodes {
			row("  "+n.Name, n.Address.String(), strconv.Itoa(n.Weight), limit(n.MaxConnections))
		}
		endTable()
	}
	row()
	rate := "any number"
	if c.Limits.ConnectRate > 0 {
		rate = strconv.Itoa(c.Limits.ConnectRate)
	}
	openings := "any memory"
	if c.Limits.OpeningMemory > 0 {
		openings = formatSize(c.Limits.OpeningMemory)
	}
	row("LIMITS", fmt.Sprintf("%d sessions, %s new a second, CONNECT up to %s, %s for openings",
		c.Limits.MaxConnections, rate, formatSize(c.Limits.MaxConnectSize), openings))
	if own := c.Limits.perAddress(); len(own) > 0 {
		row("", "of one address "+joinWords(own))
	}
	if c.speaksHTTP() {
		body := "of any size"
		if c.Limits.MaxRequestSize > 0 {
			body = "up to " + formatSize(c.Limits.MaxRequestSize)
		}
		row("HTTP", fmt.Sprintf("header up to %s, body %s within %s%s, response %s, keep alive %s, tunnel %s",
			formatSize(c.Limits.MaxHeaderSize), body, formatDuration(c.Timeouts.RequestBody), c.Limits.bodyRate(),
			formatDuration(c.Timeouts.Response), formatDuration(c.Timeouts.KeepAlive), c.Timeouts.tunnel()))
	}
	idle := formatDuration(c.Timeouts.Idle)
	if c.Timeouts.Idle == 0 {
		idle = "by keep alive"
	}
	write := formatDuration(c.Timeouts.Write)
	if c.Timeouts.Write == 0 {
		write = "without a limit"
	}
	row("TIMEOUTS", fmt.Sprintf("CONNECT %s, dial %s, connect node %s, idle %s, write %s, half closed %s, %sshutdown %s",
		formatDuration(c.Timeouts.ConnectPacket), formatDuration(c.Timeouts.Dial), formatDuration(c.Timeouts.ConnectNode), idle,
		write, formatDuration(c.Timeouts.HalfClosed), c.Timeouts.lameDuck(), formatDuration(c.Timeouts.Shutdown)))
	row("ADMIN", c.Admin.String())
	row("LOG", c.Log.String())
	if len(c.Files) > 1 {
		row("FILES", c.Files[0])
		for _, file := range c.Files[1:] {
			row("", file)
		}
	}
	endTable()
	return err
}

// String lists how the process is reached and where it keeps its state, without defaults.
func (a Admin) String() string {
	s := a.Address.String()
	if a.TLS != nil {
		s += " with TLS " + a.TLS.String()
	}
	if a.TokenFile != "" {
		s += ", token in " + a.TokenFile
	}
	if a.Public != PublicOff {
		s += ", " + string(a.Public) + " for all"
	}
	if len(a.Hosts) > 0 {
		s += ", also as " + joinWords(a.Hosts)
	}
	if a.Socket != "" {
		s += ", socket " + a.Socket
	}
	if a.StateDir != "" {
		s += ", state in " + a.StateDir
	}
	if a.StateFile != "" {
		s += ", settings of operators in " + a.StateFile
	}
	return s
}

// lameDuck describes the time before the stop, with a comma; empty if there is none.
func (t *Timeouts) lameDuck() string {
	if t.LameDuck == 0 {
		return ""
	}
	return "lame duck " + formatDuration(t.LameDuck) + ", "
}

// perAddress lists the limits of one client address.
func (l *Limits) perAddress() []string {
	var set []string
	if l.MaxConnectionsPerAddress > 0 {
		set = append(set, fmt.Sprintf("%d connections", l.MaxConnectionsPerAddress))
	}
	if l.ConnectRatePerAddress > 0 {
		set = append(set, fmt.Sprintf("%d new a second", l.ConnectRatePerAddress))
	}
	return set
}

// limit formats a limit; 0 means that it is off.
func limit(n int) string {
	if n == 0 {
		return "no limit"
	}
	return strconv.Itoa(n)
}

func (l *Listener) proxy() string {
	if len(l.TrustedProxies) == 0 {
		return string(l.ProxyProtocol)
	}
	from := make([]string, len(l.TrustedProxies))
	for i, p := range l.TrustedProxies {
		from[i] = p.String()
	}
	return string(l.ProxyProtocol) + " from " + joinWords(from)
}

func (p *Pool) algorithm() string {
	if p.HashKey == "" {
		return string(p.Algorithm)
	}
	s := string(p.Algorithm) + " of " + string(p.HashKey)
	if p.Cookie != "" {
		s += " " + p.Cookie
	}
	return s
}

// health describes the probes, and what happens to the sessions of a node that is down, or up again.
func (p *Pool) health() string {
	text := p.Health.String()
	if p.WhenDown == CloseDown {
		text += fmt.Sprintf(", then %d sessions leave a second", p.DrainRate)
	}
	if p.Rebalance > 0 {
		text += fmt.Sprintf(", %d sessions return a second", p.Rebalance)
	}
	return text
}

// String describes the probes in a few words.
func (h Health) String() string {
	if h.Probe == ProbeNone {
		return "no probe"
	}
	what := string(h.Probe)
	if h.Probe == ProbeHTTP {
		what += " " + h.Method + " "
		if h.Port != 0 {
			what += ":" + strconv.Itoa(h.Port)
		}
		what += h.Path
	}
	return fmt.Sprintf("%s every %s, timeout %s, rise %d, fall %d",
		what, formatDuration(h.Interval), formatDuration(h.Timeout), h.Rise, h.Fall)
}
