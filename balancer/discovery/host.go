package discovery

import (
	"log/slog"
	"net/netip"
	"slices"
	"time"

	"mqttlb/balancer"
)

// host is a host name and its nodes. The Discovery's mutex guards all fields except name
// and log.
type host struct {
	name  string
	log   *slog.Logger
	nodes []*balancer.Node

	last   []netip.Addr // the last good answer, sorted; nil if there was none, or if it is given up
	goodAt time.Time    // of last
	err    string       // error of the last look-up; empty if it succeeded

	badSince   time.Time // the first look-up without a good answer, of those in a row; zero if the last one has one
	bad        int       // how many look-ups in a row had no good answer
	emptySince time.Time // the first answer that was empty, since the last good one; zero if there was none

	due       time.Time // when to look it up again
	lookingUp bool      // by Run
	again     bool      // look it up once more: the present look-up may have asked servers that are replaced
}

// seed gives new nodes the last answer. A host that is itself new takes the answer from
// its nodes, where ResolveNew has left it.
func (h *host) seed(now time.Time) {
	if h.last == nil && h.err == "" {
		for i := 0; i < len(h.nodes) && h.last == nil; i++ {
			for _, a := range h.nodes[i].Addrs() {
				h.last = append(h.last, a.Addr())
			}
		}
		if h.last != nil { // its TTL is not known here
			h.goodAt, h.due = now, now.Add(firstRetry)
		}
	}
	if h.last != nil || h.err != "" {
		setAddrs(h.nodes, h.last)
	}
}

// failed keeps the last good addresses: a resolver that fails must not cost the balancer
// its known brokers.
func (h *host) failed(err error, now time.Time) {
	h.notGood(err, now)
	h.due = now.Add(jittered(retryAfter(h.bad)))
	if h.last == nil {
		setAddrs(h.nodes, nil) // clients do not wait for an answer any more
	}
}

// empty keeps the last good addresses for a while: a name loses all of its addresses when a zone is loaded late or edited
// wrongly, or when no pod is ready.
func (h *host) empty(err error, ttl time.Duration, now time.Time, grace time.Duration) {
	h.notGood(err, now)
	h.due = now.Add(jittered(max(ttl, retryAfter(h.bad))))
	if h.emptySince.IsZero() {
		h.emptySince = now
	}
	if end := h.emptySince.Add(grace); h.last != nil && now.Before(end) {
		h.due = earlier(h.due, end)
		return
	}
	if h.last != nil {
		h.log.Warn("host name has no addresses any more", "before", h.last, "after", now.Sub(h.emptySince), "nodes", h.nodeNames())
		h.last = nil
	}
	setAddrs(h.nodes, nil)
}

// notGood notes a look-up without a good answer.
func (h *host) notGood(err error, now time.Time) {
	if h.bad++; h.bad == 1 {
		h.badSince = now
	}
	// Log an error once, not every few seconds.
	if text := err.Error(); text != h.err {
		h.err = text
		h.log.Warn("host name does not resolve", "error", err, "kept", len(h.last), "nodes", h.nodeNames())
	}
}

// answered stores an answer and sets the addresses of the nodes if it differs from the
// last one.
func (h *host) answered(addrs []netip.Addr, ttl time.Duration, now time.Time) {
	if h.err != "" {
		h.log.Info("host name resolves again", "addresses", addrs, "nodes", h.nodeNames())
	}
	h.err, h.bad, h.badSince, h.emptySince = "", 0, time.Time{}, time.Time{}
	h.goodAt, h.due = now, now.Add(jittered(max(ttl, leastInterval)))
	if slices.Equal(addrs, h.last) {
		return
	}
	if h.last != nil {
		h.log.Info("host name has other addresses", "addresses", addrs, "before", h.last, "nodes", h.nodeNames())
	}
	if len(addrs) > balancer.MaxAddrs {
		h.log.Warn("host name has more addresses than a node uses", "addresses", len(addrs), "used", balancer.MaxAddrs, "nodes", h.nodeNames())
	}
	h.last = addrs
	setAddrs(h.nodes, addrs)
}

// nodeNames returns the names of the host's nodes, each once.
func (h *host) nodeNames() []string {
	var names []string
	for _, n := range h.nodes {
		if !slices.Contains(names, n.Name) { // a node may be in several pools
			names = append(names, n.Name)
		}
	}
	return names
}

// setAddrs sets the addresses of nodes that have the same host.
func setAddrs(nodes []*balancer.Node, addrs []netip.Addr) {
	for _, n := range nodes {
		ports := make([]netip.AddrPort, len(addrs))
		for i, a := range addrs {
			ports[i] = netip.AddrPortFrom(a, n.Port)
		}
		n.SetAddrs(ports)
	}
}
