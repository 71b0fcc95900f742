package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"syscall"

	"mqttlb/config"
)

// endpoint is a listening address for operators, with its server. The address can
// change while the server runs. Start, move and close are called one at a time.
type endpoint struct {
	setting string // the configuration key of the address
	bind    func(config.Address) (net.Listener, error)
	serve   func(ctx context.Context, ln net.Listener) error // until ctx is done
	log     *slog.Logger

	awaited  config.Address // a predecessor has this address, and it is bound when that has ended; the zero Address: none
	address  config.Address // the zero Address: the endpoint is off
	listener net.Listener   // nil: the endpoint is off
	stop     context.CancelFunc
	running  sync.WaitGroup // counts calls of serve
}

// listen binds the first address. Connections wait in the accept queue until start.
func (e *endpoint) listen(a config.Address) error {
	if a.IsZero() {
		return nil
	}
	ln, err := e.bind(a)
	if err != nil {
		return fmt.Errorf("%s: %s: %w", e.setting, a, err)
	}
	if ln != nil {
		e.address, e.listener = a, onceListener{ln, sync.OnceValue(ln.Close)}
		e.log.Info("admin", "setting", e.setting, "address", ln.Addr().String())
	}
	return nil
}

// onceListener has one Close, and each caller waits for its end. That of package net returns at once while the server is in
// its own, and the address is not free yet.
type onceListener struct {
	net.Listener
	close func() error
}

func (l onceListener) Close() error { return l.close() }

// start begins to serve connections.
func (e *endpoint) start(ctx context.Context) {
	if e.listener == nil {
		return
	}
	// The server goes on while the process stops: /healthz still answers, and operators follow the stop.
	serving, stop := context.WithCancel(context.WithoutCancel(ctx))
	ln := e.listener
	e.stop = stop
	e.running.Go(func() {
		if err := e.serve(serving, ln); err != nil && serving.Err() == nil {
			e.log.Error("an admin server has ended", "setting", e.setting, "error", err)
		}
	})
}

// release frees the address. Requests in progress are still answered.
func (e *endpoint) release() {
	if e.stop != nil {
		e.stop()
	}
	if e.listener != nil {
		_ = e.listener.Close()
	}
	e.address, e.awaited, e.listener, e.stop = config.Address{}, config.Address{}, nil, nil
}

// close frees the address and waits for the last request.
func (e *endpoint) close() {
	e.release()
	e.running.Wait()
}

// move prepares a change of the address. The caller must call either commit, which
// serves at the new address, or undo, which stays at the old one. After an error
// nothing has changed.
func (e *endpoint) move(ctx context.Context, to config.Address) (commit, undo func(), err error) {
	nothing := func() {}
	if to == e.address || !to.IsZero() && to == e.awaited {
		return nothing, nothing, nil
	}
	next := &endpoint{setting: e.setting, bind: e.bind, log: e.log}
	take := func() {
		e.address, e.listener = next.address, next.listener
		e.start(ctx)
	}
	err = next.listen(to)
	if errors.Is(err, syscall.EADDRINUSE) && e.address.Network == "tcp" && to.Port == e.address.Port {
		// One of the two is the wildcard address, so both cannot be bound at once.
		from := e.address
		e.release()
		back := func() {
			if err := e.listen(from); err != nil {
				e.log.Error("an admin server has lost its address", "setting", e.setting, "address", from.String(), "error", err)
			}
			e.start(ctx)
		}
		if err = next.listen(to); err != nil {
			back()
			return nil, nil, err
		}
		return take, func() { next.release(); back() }, nil
	}
	if err != nil {
		return nil, nil, err
	}
	return func() { e.release(); take() }, next.release, nil
}
