package discovery

import (
	"log/slog"
	"net/netip"
	"slices"

	"mqttlb/balancer"
)

// host is a name and the nodes that are reached by it. The Discovery's mutex guards it,
// but for name and log.
type host struct {
	name  string
	log   *slog.Logger
	nodes []*balancer.Node
	last  []netip.Addr // of the last good answer, in order; nil: there was none
	err   string       // of the last look-up; empty: it went well
}

// begin gives nodes that are new the last answer. A host that is new itself takes it
// from the nodes: ResolveNew has left it there.
func (h *host) begin() {
	for i := 0; i < len(h.nodes) && h.last == nil; i++ {
		for _, a := range h.nodes[i].Addrs() {
			h.last = append(h.last, a.Addr())
		}
	}
	if h.last != nil {
		setAddrs(h.nodes, h.last)
	}
}

// failed leaves the nodes the last good addresses: a resolver that is away is no
// reason to lose the brokers that it knew.
func (h *host) failed(err error) {
	// The same error every ten seconds is one line.
	if text := err.Error(); text != h.err {
		h.err = text
		h.log.Warn("host name does not resolve", "error", err, "kept", len(h.last))
	}
}

// answered tells the nodes of a change.
func (h *host) answered(addrs []netip.Addr) {
	if h.err != "" {
		h.err = ""
		h.log.Info("host name resolves again", "addresses", addrs)
	}
	if slices.Equal(addrs, h.last) {
		return
	}
	if h.last != nil {
		h.log.Info("host name has other addresses", "addresses", addrs, "before", h.last)
	}
	h.last = addrs
	setAddrs(h.nodes, addrs)
}

// setAddrs gives nodes of one host their addresses.
func setAddrs(nodes []*balancer.Node, addrs []netip.Addr) {
	for _, n := range nodes {
		ports := make([]netip.AddrPort, len(addrs))
		for i, a := range addrs {
			ports[i] = netip.AddrPortFrom(a, n.Port)
		}
		n.SetAddrs(ports)
	}
}
