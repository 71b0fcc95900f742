package config

import (
	"cmp"
	"fmt"
	"io"
	"slices"
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
		row(l.Name, l.Address.String(), l.protocol(), l.tls(), l.proxy(), l.limit(), l.Pool)
	}
	endTable()
	if c.speaksHTTP() {
		row()
		chosen := c.requestsByClient() // otherwise nobody asked for the column
		row(slices.Concat([]string{"REQUESTS TO"}, pick(chosen, "CLIENTS"), []string{"HOST", "PATH", "PROTOCOL", "ORIGINS", "POOL"})...)
		for _, l := range c.Listeners {
			for _, r := range l.requests() {
				row(slices.Concat([]string{l.Name}, pick(chosen, cmp.Or(r.takes(), "all")), []string{r.hosts, joinWords(r.RequestPaths()), r.protocol(), r.origins(), r.Pool})...)
			}
		}
		endTable()
	}
	for _, table := range [][][]string{c.rules(), c.connections(), c.handshakes()} {
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
		row(p.Name, p.protocol(), p.algorithm(), p.TLS.String(), p.proxy(), p.health())
		endTable()
		rated, tiered := p.hasRate(), len(p.tiers()) > 1 || p.Discover != nil // otherwise nobody asked for the column
		if len(p.Nodes) > 0 {
			row(slices.Concat([]string{"  NODE", "ADDRESS", "WEIGHT", "LIMIT"}, pick(tiered, "USE"), pick(rated, "NEW SESSIONS"))...)
		}
		for _, n := range p.Nodes {
			row(slices.Concat([]string{"  " + n.Name, n.reached(), strconv.Itoa(n.Weight), limit(n.MaxConnections)},
				pick(tiered, n.use()), pick(rated, p.ConnectRateOf(&n).String()))...)
		}
		endTable()
		if p.Discover != nil {
			row("  nodes by " + p.Discover.summary())
			endTable()
		}
		for _, line := range []string{p.paces(), p.sources()} {
			if line != "" {
				row("  " + line)
				endTable()
			}
		}
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
	row("LIMITS", fmt.Sprintf("%d sessions, %s new a second, CONNECT up to %s, %s for openings, socket buffers %s",
		c.Limits.MaxConnections, rate, formatSize(c.Limits.MaxConnectSize), openings, c.Limits.SocketBuffer))
	if own := c.Limits.perAddress(); len(own) > 0 {
		row("", "of one address "+joinWords(own))
	}
	if c.Limits.ConnectRatePerClientID.Events > 0 {
		row("", fmt.Sprintf("of one client %s sessions, or it is held off for %s", c.Limits.ConnectRatePerClientID, formatDuration(c.Limits.ClientIDHold)))
	}
	if c.Bans != nil {
		row("BANS", c.Bans.summary())
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
	row("TIMEOUTS", fmt.Sprintf("CONNECT %s, dial %s, connect node %s, CONNACK %s, idle %s, write %s, half closed %s, %sshutdown %s",
		formatDuration(c.Timeouts.ConnectPacket), formatDuration(c.Timeouts.Dial), formatDuration(c.Timeouts.ConnectNode), formatDuration(c.Timeouts.Connack), idle,
		write, formatDuration(c.Timeouts.HalfClosed), c.Timeouts.lameDuck(), formatDuration(c.Timeouts.Shutdown)))
	if c.resolves() || len(c.Resolver.Servers) > 0 { // otherwise nobody is asked
		row("RESOLVER", c.Resolver.String())
	}
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

// protocol is the protocol of a listener, and how it is spoken if that is not the default.
func (l *Listener) protocol() string {
	s := string(l.Protocol)
	if l.Validity == Tolerant {
		s += ", tolerant"
	}
	if l.WebSocketPackets == MultiplePackets {
		s += ", several packets in a frame"
	}
	return s
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

// limit describes the places that the listener can take, and the reserve if it is not the default.
func (l *Listener) limit() string {
	s := limit(l.MaxConnections)
	if l.Reserve != defaultListener.Reserve {
		s += ", reserve " + l.Reserve.String()
	}
	return s
}

func (l *Listener) proxy() string {
	in := string(l.ProxyProtocol)
	if l.ClientAddress == FromForwardedFor {
		in = string(FromForwardedFor)
		if l.ProxyProtocol != ProxyOff {
			in = joinWords([]string{string(l.ProxyProtocol), string(FromForwardedFor)})
		}
	}
	if len(l.TrustedProxies) == 0 {
		return in
	}
	from := make([]string, len(l.TrustedProxies))
	for i, p := range l.TrustedProxies {
		from[i] = p.String()
	}
	return in + " from " + joinWords(from)
}

func (p *Pool) proxy() string {
	if len(p.ForwardTLVs) == 0 {
		return string(p.ProxyProtocol)
	}
	return string(p.ProxyProtocol) + " with " + joinWords(p.ForwardTLVs) + " of the proxy in front"
}

// pick returns the cell of a column that is there only sometimes.
func pick(there bool, cell string) []string {
	if !there {
		return nil
	}
	return []string{cell}
}

// paces describes how sessions come to the nodes; empty: as they like.
func (p *Pool) paces() string {
	var all []string
	if p.hasRate() {
		all = append(all, fmt.Sprintf("up to %d sessions wait for a node, up to %s", p.Queue.Size, formatDuration(p.Queue.Time)))
	}
	if p.SlowStart > 0 {
		all = append(all, "a node that comes up again has a slow start of "+formatDuration(p.SlowStart))
	}
	return strings.Join(all, "; ")
}

func (p *Pool) algorithm() string {
	s := string(p.Algorithm)
	if p.HashKey != "" {
		s += " of " + string(p.HashKey)
	}
	if p.Cookie != "" {
		s += " " + p.Cookie
	}
	if p.MaxLoad != 0 {
		s += ", max load " + p.MaxLoad.String()
	}
	if p.Outliers == Off {
		s += ", no outliers"
	}
	return s
}
