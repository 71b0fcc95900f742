package config

import (
	"cmp"
	"slices"
)

// check checks rules between settings that are each valid. It skips settings that could
// not be read, whose errors are reported already.
func check(c *Config, s *source) {
	pools := map[string]int{} // by name
	names := unique{s: s, what: "name"}
	for i := range c.Pools {
		p, at := &c.Pools[i], item("pools", i)
		names.take(child(at, "name"), p.Name, p.Name)
		if _, ok := pools[p.Name]; !ok {
			pools[p.Name] = i
		}
		checkPool(p, s, at)
	}
	checkProbeClients(c, s)

	names = unique{s: s, what: "name"}
	addresses := sockets{s: s}
	addresses.take("admin.address", c.Admin.Address, "admin.address") // first, because it may be a default
	if c.Admin.Socket != SocketOff && c.Admin.Socket != "" {
		addresses.take("admin.socket", Address{Network: "unix", Path: c.Admin.Socket}, "admin.socket")
	}
	checkAdmin(&c.Admin, s)
	for i := range c.Listeners {
		l, at := &c.Listeners[i], item("listeners", i)
		names.take(child(at, "name"), l.Name, l.Name)
		addresses.take(child(at, "address"), l.Address, "listener "+cmp.Or(l.Name, "without a name"))
		checkListener(l, s, at)
		checkRoutes(l, s, child(at, "routes"))
		checkReference(user{"listener", at, l.Protocol, l.Pool, l.TLS, child(at, "tls")}, c.Pools, pools, s)
		for i, r := range l.Routes {
			if s.valid(child(at, "protocol")) { // otherwise that of its routes is open
				checkReference(user{"route", item(child(at, "routes"), i), r.Protocol, r.Pool, l.TLS, child(at, "tls")}, c.Pools, pools, s)
			}
		}
	}
	checkRules(c, s)
	for i := range c.Pools {
		checkConfirm(c, i, s)
		checkForwardTLVs(c, i, s)
	}
	checkReserves(c, s)
	checkLoops(c, s)
	checkTimeouts(&c.Timeouts, s)
	checkResolver(c, s)
	checkEffects(c, s)
	checkLog(&c.Log, s)
	checkLogFile(c, s)
}

func checkTimeouts(t *Timeouts, s *source) {
	const dial, all = "timeouts.dial", "timeouts.connect_node"
	if t.ConnectNode < t.Dial && s.written(all) && s.valid(dial, all) {
		s.errorf(all, "%s is for all attempts together, and timeouts.dial gives one of them %s; write %s or more",
			formatDuration(t.ConnectNode), formatDuration(t.Dial), formatDuration(t.Dial))
	}
}

// A user of a pool is a listener or a route.
type user struct {
	what     string // a listener or a route
	at       string
	protocol Protocol
	pool     string
	tls      *TLS // of the listener
	tlsAt    string
}

// checkReference checks that a user's pool exists and speaks the user's protocol. byName
// holds indexes into pools.
func checkReference(u user, pools []Pool, byName map[string]int, s *source) {
	reference := child(u.at, "pool")
	i, ok := byName[u.pool]
	_, nameless := byName[""] // a pool whose name could not be read may be the one meant
	switch {
	case u.pool == "" || !s.valid(reference): // its error is reported
	case !ok && (nameless || len(pools) == 0):
	case !ok:
		names := make([]string, len(pools))
		for i := range pools {
			names[i] = pools[i].Name
		}
		s.errorf(reference, "%s is not defined; the pools are %s", quote(u.pool), abbreviate(joinWords(names)))
	case !s.valid(child(u.at, "protocol"), child(item("pools", i), "protocol")):
	case !slices.Contains(poolProtocols[u.protocol], pools[i].Protocol):
		s.errorf(reference, "the nodes of %s speak %s; a %s of protocol %s needs nodes that speak %s",
			quote(u.pool), pools[i].Protocol, u.what, u.protocol, joinWords(poolProtocols[u.protocol]))
	default:
		checkTLSReference(u, &pools[i], s, item("pools", i))
	}
}

// unique finds values that are used twice.
type unique struct {
	s     *source
	what  string // the kind of value
	taken map[string]taker
}

// A taker is the first user of a value.
type taker struct{ path, owner string }

// take records that owner uses the value at path. Many may use the empty value.
func (u *unique) take(path, value, owner string) {
	if value == "" || !u.s.valid(path) {
		return
	}
	if first, ok := u.taken[value]; ok {
		by := ""
		if first.owner != value {
			by = " by " + first.owner
		}
		u.s.errorf(path, "the %s %s is taken already%s%s", u.what, quote(value), by, u.s.whereElse(first.path, path))
		return
	}
	if u.taken == nil {
		u.taken = map[string]taker{}
	}
	u.taken[value] = taker{path, owner}
}

// checkOnce checks that no value occurs twice in the list at path.
func checkOnce[T any](values []T, text func(T) string, what string, s *source, path string) {
	once := unique{s: s, what: what}
	for i, v := range values {
		once.take(item(path, i), text(v), text(v))
	}
}

// identity returns s, for values that are text.
func identity(s string) string { return s }
