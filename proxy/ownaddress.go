package proxy

import (
	"fmt"
	"net"
	"net/netip"
	"sync/atomic"
	"time"

	"mqttlb/balancer"
	"mqttlb/proxy/snapshot"
)

// A node at the address of a listener of ours would lead its clients back to us, again and again. Such a
// node is not dialled. The check of the configuration finds the nodes whose addresses are written in it;
// others are found here, when their host names are resolved.

// ownAddress is an address at which a listener of this process accepts clients.
type ownAddress struct {
	listener string
	at       netip.AddrPort
}

// hostAddresses are the addresses of this host's interfaces. Those of loopback need no list.
type hostAddresses struct {
	list   atomic.Pointer[map[netip.Addr]bool]
	readAt time.Time // only read uses it
}

// read reads the addresses, at most once in hostInterval. No other read may run at the same time.
func (h *hostAddresses) read() {
	if time.Since(h.readAt) < hostInterval {
		return
	}
	h.readAt = time.Now()
	interfaces, err := net.InterfaceAddrs()
	if err != nil {
		return // those that were read last hold
	}
	list := map[netip.Addr]bool{}
	for _, a := range interfaces {
		if p, err := netip.ParsePrefix(a.String()); err == nil {
			list[p.Addr().Unmap()] = true
		}
	}
	h.list.Store(&list)
}

// hostInterval is how often the addresses of the interfaces are read. They change seldom, and reading them
// takes some 0.1 ms.
const hostInterval = 10 * time.Second

func (h *hostAddresses) has(a netip.Addr) bool {
	list := h.list.Load()
	return a.IsLoopback() || list != nil && (*list)[a.WithZone("")]
}

// ownAddressesOf returns the addresses of listeners, by port.
func ownAddressesOf(listeners []*snapshot.Listener, ports []*port) map[uint16][]ownAddress {
	own := map[uint16][]ownAddress{}
	for i, p := range ports {
		if a, ok := p.bound.(*net.TCPAddr); ok {
			at := a.AddrPort()
			at = netip.AddrPortFrom(at.Addr().Unmap(), at.Port())
			own[at.Port()] = append(own[at.Port()], ownAddress{listeners[i].Name, at})
		}
	}
	return own
}

// listenerAt returns the name of the listener that accepts connections to an address, or an empty one if
// there is none.
func (g *generation) listenerAt(to netip.AddrPort, host *hostAddresses) string {
	for _, own := range g.own[to.Port()] {
		ip := own.at.Addr()
		if ip == to.Addr() || ip.IsUnspecified() && (ip.Is6() || to.Addr().Is4()) && host.has(to.Addr()) {
			return own.listener
		}
	}
	return ""
}

// loopError is the error of an attempt on a node that is a listener of this process.
type loopError struct{ listener string }

func (e *loopError) Error() string {
	return fmt.Sprintf("its address is that of listener %q of this process, see pools[].nodes[].address", e.listener)
}

// mayDial returns a loopError if an address of a node is that of a listener.
func (g *generation) mayDial(to netip.AddrPort, host *hostAddresses) error {
	if name := g.listenerAt(to, host); name != "" {
		return &loopError{name}
	}
	return nil
}

// mayDial is that of the generation in force.
func (srv *Server) mayDial(to netip.AddrPort) error { return srv.current.Load().mayDial(to, &srv.host) }

// findLoops notes which nodes of a pool are listeners, for the health checks, and logs a change.
func (srv *Server) findLoops(p *snapshot.Pool) {
	for _, n := range p.Nodes() {
		srv.findLoop(p.Name, n)
	}
}

func (srv *Server) findLoop(pool string, n *balancer.Node) {
	addrs := n.Addrs() // once, since discovery may change them at any time
	var loops balancer.AddrErrors
	for _, a := range addrs {
		if err := srv.mayDial(a); err != nil {
			loops = append(loops, balancer.AddrError{Addr: a, Err: err})
		}
	}
	switch {
	case len(loops) == 0 && n.HasUnusable():
		srv.log.Info("node is no listener of this process any more", "node", n.Name, "pool", pool, "address", n.Address)
	case len(loops) > 0 && len(loops) == len(addrs) && n.Unusable() == nil:
		srv.log.Warn("node is a listener of this process and gets no sessions: they would come back without end", "node", n.Name, "pool", pool,
			"address", n.Address, "resolved", loops[0].Addr, "listener", loops[0].Err.(*loopError).listener, "setting", "pools[].nodes[].address")
	case len(loops) < len(addrs):
		for _, a := range loops {
			if n.UnusableAt(a.Addr) == nil {
				srv.log.Warn("an address of a node is a listener of this process and is not dialled: sessions would come back without end", "node", n.Name, "pool", pool,
					"address", n.Address, "resolved", a.Addr, "listener", a.Err.(*loopError).listener, "setting", "pools[].nodes[].address")
			}
		}
	}
	n.SetUnusable(loops)
}
