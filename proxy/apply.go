package proxy

import (
	"errors"
	"fmt"
	"slices"
	"syscall"
	"time"

	"mqttlb/proxy/snapshot"
)

// ErrStopping is returned by Apply when the server was told to stop.
var ErrStopping = errors.New("mqttlb is stopping: nothing can be changed any more")

// Apply replaces the server's snapshot. It binds new addresses first; after an error nothing has
// changed. Listeners whose address stays keep their sockets and the clients that wait in them.
// Sessions keep their node and their limits, and those of removed nodes leave at the RemovedNodesRate
// of their pool. A removed listener still accepts the clients whose TCP handshake had begun. When
// Apply returns, every loop uses the snapshot. Call Revoked then. It may be called from any goroutine.
func (srv *Server) Apply(snap *snapshot.Snapshot) error {
	srv.applying.Lock()
	defer srv.applying.Unlock()
	select {
	case <-srv.stopping:
		return ErrStopping
	default:
	}
	before := srv.current.Load()
	ports, opened, err := srv.bind(snap)
	if err != nil {
		return err
	}
	g := newGeneration(snap, ports, before)
	g.setPlaces(srv.fitDescriptors(g))
	for _, p := range opened {
		srv.ports[p.key] = p
	}
	srv.rate.Set(snap.ConnectRate)
	srv.openingMemory.setLimit(snap.OpeningMemory)
	srv.journal.sampler.set(snap.LogRate)
	srv.applyBans(&snap.Bans)
	srv.http.apply(g)
	present := g.nodeNames()
	srv.continueDrains(g, present)
	srv.current.Store(g)
	srv.engine.eachLoop(func(l *loop) { l.apply(g, opened) })
	if before != nil && before.Timeouts.Write != g.Timeouts.Write {
		srv.checkBacklogs()
	}
	srv.releasePorts(g)
	srv.drainNodes(before, g, present)
	srv.applyRebalances(g)
	srv.followCRLs(g)
	return nil
}

// bind returns the ports of a snapshot's listeners and binds those that are new. After an error none
// of them stays bound.
func (srv *Server) bind(snap *snapshot.Snapshot) (ports, opened []*port, err error) {
	wanted := map[portKey]bool{}
	for _, ln := range snap.Listeners {
		key := srv.portKeyOf(ln)
		if wanted[key] {
			return nil, nil, errListen(ln, fmt.Errorf("another listener has it: %w", syscall.EADDRINUSE))
		}
		wanted[key] = true
	}
	for _, ln := range snap.Listeners {
		p := srv.ports[srv.portKeyOf(ln)]
		if p == nil {
			if p, err = srv.bindPort(ln, wanted, snap.SocketBuffer); err != nil {
				for _, p := range opened {
					p.closeSocks()
				}
				return nil, nil, errListen(ln, err)
			}
			opened = append(opened, p)
		}
		ports = append(ports, p)
	}
	return ports, opened, nil
}

// bindPort binds the port of a listener. An unwanted port may have the same address in another
// spelling, such as 0.0.0.0 in place of no host. Then both have it for a moment.
func (srv *Server) bindPort(ln *snapshot.Listener, wanted map[portKey]bool, buffer int) (*port, error) {
	key := srv.portKeyOf(ln)
	p, err := listen(ln, key, len(srv.engine.loops), false, buffer)
	if !errors.Is(err, syscall.EADDRINUSE) || ln.Network == "unix" {
		return p, err
	}
	for before, other := range srv.ports {
		if !wanted[before] && other.tcpPort() != 0 && other.tcpPort() == tcpPortOf(ln.Address) {
			return listen(ln, key, len(srv.engine.loops), true, buffer)
		}
	}
	return nil, err
}

// apply makes a generation the loop's current one and accepts clients on the ports that were opened
// for it.
func (l *loop) apply(g *generation, opened []*port) {
	l.current = g
	l.counters.retain(g)
	for i := range l.sockets {
		if d := &l.sockets[i]; d.port != nil && g.listeners[d.port] != nil {
			d.generation, d.listener = g, g.listeners[d.port]
		}
	}
	at := slices.Index(l.server.engine.loops, l)
	for _, p := range opened {
		d := listenSocket{p, g, g.listeners[p]}
		if number := l.Listen(p.socks[at]); number == len(l.sockets) {
			l.sockets = append(l.sockets, d)
		} else {
			l.sockets[number] = d
		}
	}
}

// releasePorts begins to release the ports that a generation does not have, and keeps those that it
// has again.
func (srv *Server) releasePorts(g *generation) {
	for p, ln := range g.listeners {
		if p.kept != nil {
			close(p.kept)
			p.kept = nil
			p.acceptSYN()
		}
		if first := clientFirst(ln); p.key.network != "unix" && p.clientFirst != first {
			p.clientFirst = first
			p.setClientFirst()
		}
		if p.key.network != "unix" && p.buffer != g.SocketBuffer {
			p.buffer = g.SocketBuffer
			p.setBuffers()
		}
	}
	for _, p := range srv.ports {
		if g.listeners[p] == nil && p.kept == nil {
			kept := make(chan struct{})
			p.kept = kept
			p.refuseSYN()
			if p.key.network == "unix" && p.key.inherited == nil {
				delete(srv.ports, p.key) // its path is gone: a new listener there gets a new port
			}
			srv.working.Go(func() { srv.releasePort(p, kept) }) // ends after waits.portRelease, or at the stop
		}
	}
}

// releasePort closes a port after waits.portRelease, in which it still accepts the clients whose
// connection was being made, unless a generation has the port again.
func (srv *Server) releasePort(p *port, kept <-chan struct{}) {
	running, over := srv.running, (<-chan time.Time)(nil) // before the server runs, no loop accepts the clients
	for given := false; !given; {
		select {
		case <-running:
			running, over = nil, time.After(srv.waits.portRelease)
		case <-over:
			given = true
		case <-kept:
			return
		case <-srv.stopping:
			return // the stop closes the port
		}
	}
	srv.applying.Lock()
	defer srv.applying.Unlock()
	select {
	case <-kept:
		return
	case <-srv.stopping:
		return
	default:
	}
	if srv.ports[p.key] == p {
		delete(srv.ports, p.key)
	}
	srv.engine.eachLoop(func(l *loop) { l.closePort(p) })
}

// closePort accepts the clients that still wait in the loop's socket of a port, and closes the socket.
func (l *loop) closePort(p *port) {
	for number := range l.sockets {
		if l.sockets[number].port == p {
			l.StopListening(number)
			l.sockets[number] = listenSocket{}
		}
	}
}

// closePorts ends HTTP after the last session.
func (srv *Server) closePorts() {
	srv.http.close()
	srv.removePaths()
}

// removePaths removes the files of Unix sockets. At the stop that is before the sockets are closed: a
// successor may then have files of its own there.
func (srv *Server) removePaths() {
	for _, p := range srv.ports {
		p.removePath()
	}
}
