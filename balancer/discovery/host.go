package discovery

import (
	"log/slog"
	"net/netip"
	"slices"

	"mqttlb/balancer"
)

// host is a host name and its nodes. The Discovery's mutex guards all fields except name
// and log.
type host struct {
	name  string
	log   *slog.Logger
	nodes []*balancer.Node
	last  []netip.Addr // the last good answer, sorted; nil if there was none
	err   string       // error of the last look-up; empty if it succeeded
}

// seed gives new nodes the last answer. A host that is itself new takes the answer from
// its nodes, where ResolveNew has left it.
func (h *host) seed() {
	for i := 0; i < len(h.nodes) && h.last == nil; i++ {
		for _, a := range h.nodes[i].Addrs() {
			h.last = append(h.last, a.Addr())
		}
	}
	if h.last != nil || h.err != "" {
		setAddrs(h.nodes, h.last)
	}
}

// failed keeps the last good addresses: a resolver that fails must not cost the balancer
// its known brokers.
func (h *host) failed(err error) {
	// Log an error once, not every ten seconds.
	if text := err.Error(); text != h.err {
		h.err = text
		h.log.Warn("host name does not resolve", "error", err, "kept", len(h.last), "nodes", h.nodeNames())
	}
	if h.last == nil {
		setAddrs(h.nodes, nil) // clients do not wait for an answer any more
	}
}

// answered stores an answer and sets the addresses of the nodes if it differs from the
// last one.
func (h *host) answered(addrs []netip.Addr) {
	if h.err != "" {
		h.err = ""
		h.log.Info("host name resolves again", "addresses", addrs, "nodes", h.nodeNames())
	}
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
