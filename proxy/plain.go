//go:build !linux || plain

package proxy

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"
)

// engine carries the sessions of a server with goroutines and package net, for
// development on systems without epoll (or anywhere with the build tag plain).
// A session comes to the same outcome as in a loop, at a higher price: it has a
// goroutine until its node is reached and then one with a buffer for each
// direction, and all of them share one lock.
type engine struct {
	server  *Server
	sockets []net.Listener // by listener
	stopped chan struct{}
	running sync.WaitGroup // a goroutine for each listener and session

	mu       sync.Mutex // guards the fields below, and those that session names
	sessions map[*session]struct{}
	counters counters
	ending   bool
}

// errNoEpoll: a fallback for development is no place for all of it.
var errNoEpoll = errors.New("WebSocket, HTTP and TLS are served on Linux only")

// newEngine binds the listeners.
func newEngine(srv *Server) (*engine, error) {
	srv.maxConnections = srv.fitDescriptors(1)
	e := &engine{
		server:   srv,
		stopped:  make(chan struct{}),
		sessions: map[*session]struct{}{},
		counters: newCounters(srv.listeners),
	}
	for _, ln := range srv.listeners {
		if ln.Protocol == WS || ln.Protocol == HTTP || ln.Protocol == Passthrough || ln.TLS != nil || ln.Pool.TLS != nil {
			e.stop()
			return nil, srv.errListen(ln.Listener, errNoEpoll)
		}
		socket, err := ln.listen()
		if err != nil {
			e.stop()
			return nil, srv.errListen(ln.Listener, err)
		}
		ln.bound = socket.Addr()
		e.sockets = append(e.sockets, socket)
	}
	return e, nil
}

func (ln *listener) listen() (net.Listener, error) {
	if ln.Network == "unix" {
		if err := ClearPath(ln.Address); err != nil {
			return nil, err
		}
	}
	config := net.ListenConfig{KeepAliveConfig: net.KeepAliveConfig{
		Enable:   true,
		Idle:     keepAliveIdle * time.Second,
		Interval: keepAliveInterval * time.Second,
		Count:    keepAliveCount,
	}}
	return config.Listen(context.Background(), ln.Network, ln.Address)
}

// run carries sessions. It returns once it has been told to stop and the last
// session has ended.
func (e *engine) run() {
	for i, socket := range e.sockets {
		e.running.Go(func() { e.accept(e.server.listeners[i], socket) })
	}
	e.running.Wait()
}

// stop ends accepting. Unlike a loop, it forgets the connections that wait in
// the kernel's queue.
func (e *engine) stop() {
	close(e.stopped)
	for _, socket := range e.sockets {
		_ = socket.Close()
	}
}

// endAll ends every session.
func (e *engine) endAll() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.ending = true
	for s := range e.sessions {
		s.cutLocked(Shutdown)
	}
}

// count adds what was counted.
func (e *engine) count(stats *Stats) {
	e.mu.Lock()
	defer e.mu.Unlock()
	stats.add(&e.counters)
}

// accept begins the sessions of a listener, until stop.
func (e *engine) accept(ln *listener, socket net.Listener) {
	var pause time.Duration
	for {
		c, err := socket.Accept()
		switch {
		case err == nil:
			pause = 0
			e.begin(ln, c)
		case errors.Is(err, net.ErrClosed):
			return
		default:
			// Descriptors or memory have run out; only time helps.
			e.mu.Lock()
			e.counters.AcceptErrors++
			e.mu.Unlock()
			pause = min(max(pause*2, acceptBackoffMin), acceptBackoffMax)
			select {
			case <-e.stopped:
			case <-time.After(pause):
			}
		}
	}
}

// begin makes the session of a connection that was accepted.
func (e *engine) begin(ln *listener, c net.Conn) {
	s := &session{
		engine:   e,
		listener: ln,
		client:   side{Conn: c, closed: ClientClosed, reset: ClientReset},
		server:   side{closed: ServerClosed, reset: ServerReset},
		source:   addressOf(c.RemoteAddr()),
		begun:    e.server.now(),
	}
	s.place = e.server.enter(ln)
	s.excess = pick(s.place == placeTaken, outcomeNone, RefusedConnections)

	e.mu.Lock()
	e.counters.listeners[ln.index].Accepted++
	e.counters.listeners[ln.index].Open++
	e.sessions[s] = struct{}{}
	s.armLocked(e.server.snapshot.Timeouts.ConnectPacket, ConnectTimeout)
	ending := e.ending
	e.mu.Unlock()
	switch {
	case s.place == placeNone:
		s.finish(RefusedConnections)
	case ending:
		s.finish(Shutdown)
	default:
		e.running.Go(s.live)
	}
}
