package web

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"time"

	"mqttlb/balancer"
	"mqttlb/proxy/walk"
)

// A node may have several addresses, which all lead to the same server. They are tried as those of a session are (see
// package proxy): the next one at once when a connection fails, and beside the others when none is made within
// walk.BesideAfter (RFC 8305).

// made is a connection to an address of a node, or the reason why there is none.
type made struct {
	net.Conn
	at  netip.AddrPort
	err error
}

// race is the search for an address at which a node can be reached.
type race struct {
	dial    func(context.Context, netip.AddrPort) (net.Conn, error)
	left    []netip.AddrPort // not tried yet
	others  []contender      // those that are being tried; the oldest first
	results chan made
	failed  balancer.AddrErrors

	overtaken int // connections that were given up, since another one was made
}

// contender is a connection that is being made.
type contender struct {
	at     netip.AddrPort
	cancel context.CancelFunc
}

// run returns the first connection that is made, or one without a Conn if there is none. Every goroutine that it has started
// has ended then.
func (r *race) run(ctx context.Context) made {
	if len(r.left) == 1 {
		return r.runAlone(ctx)
	}
	r.results = make(chan made)
	defer r.cancelOthers()
	beside := time.NewTimer(r.pause(ctx))
	defer beside.Stop()
	for r.next(ctx); len(r.others) > 0; {
		select {
		case m := <-r.results:
			r.forget(m.at)
			if m.err == nil {
				return m
			}
			r.failed = append(r.failed, balancer.AddrError{Addr: m.at, Err: m.err})
			r.next(ctx)
		case <-beside.C:
			r.next(ctx)
		}
		beside.Reset(r.pause(ctx))
	}
	return made{}
}

// runAlone is run for one address.
func (r *race) runAlone(ctx context.Context) made {
	to := r.left[0]
	r.left = nil
	conn, err := r.dial(ctx, to)
	if err != nil {
		r.failed = append(r.failed, balancer.AddrError{Addr: to, Err: err})
		return made{}
	}
	return made{conn, to, nil}
}

// pause returns the time until the next address is tried beside the others.
func (r *race) pause(ctx context.Context) time.Duration {
	if end, ok := ctx.Deadline(); ok {
		return min(walk.BesideAfter, max(time.Until(end), 0)/time.Duration(len(r.left)+1))
	}
	return walk.BesideAfter
}

// next begins a connection to the next address, if there is one.
func (r *race) next(ctx context.Context) {
	if len(r.left) == 0 || ctx.Err() != nil {
		return
	}
	if len(r.others) == walk.MostAbreast {
		r.others[0].cancel() // its result still comes
	}
	to := r.left[0]
	r.left = r.left[1:]
	limited, cancel := context.WithCancel(ctx)
	r.others = append(r.others, contender{to, cancel})
	go func() { // ends with the connection or with limited; run waits for its result
		conn, err := r.dial(limited, to)
		if err != nil && limited.Err() != nil && ctx.Err() == nil {
			err = fmt.Errorf("no connection while %d other addresses were tried: %w", walk.MostAbreast-1, context.DeadlineExceeded)
		}
		r.results <- made{conn, to, err}
	}()
}

func (r *race) forget(at netip.AddrPort) {
	for i, c := range r.others {
		if c.at == at {
			c.cancel()
			r.others = append(r.others[:i:i], r.others[i+1:]...)
			return
		}
	}
}

// cancelOthers ends the other connections. Their addresses are left.
func (r *race) cancelOthers() {
	r.left = r.left[:len(r.left):len(r.left)]
	for _, c := range r.others {
		c.cancel()
		r.left = append(r.left, c.at)
	}
	for range r.others {
		r.overtaken++
		if m := <-r.results; m.Conn != nil {
			_ = m.Close()
		}
	}
	r.others = nil
}

// reach connects to a node at one of its addresses, sends the PROXY header and makes the TLS handshake, as the pool
// wants. It goes on with the next address if a connection breaks before that is done.
func (h *Handler) reach(ctx context.Context, a *attempt) (net.Conn, error) {
	r := &race{left: a.addrs, dial: func(ctx context.Context, to netip.AddrPort) (net.Conn, error) { return h.connect(ctx, a, to) }}
	for {
		first := r.run(ctx)
		if first.Conn == nil {
			return nil, &dialError{r.err(a)}
		}
		conn, err := h.prepare(ctx, a, first.Conn)
		if err == nil {
			h.passedOver(a, r)
			return conn, nil
		}
		_ = first.Close()
		if len(r.left) == 0 && len(r.failed) == 0 || !walk.Broke(err) {
			return nil, err
		}
		r.failed = append(r.failed, balancer.AddrError{Addr: first.at, Err: err})
		if len(r.left) == 0 {
			return nil, &dialError{r.failed}
		}
	}
}

// err returns why no address was reached. An error of the only address of a node does not name it.
func (r *race) err(a *attempt) error {
	if len(a.addrs) == 1 && len(r.failed) == 1 {
		return r.failed[0].Err
	}
	if len(r.failed) == 0 {
		return context.DeadlineExceeded
	}
	return r.failed
}

// passedOver has a node probed soon that was not reached at the first of its addresses.
func (h *Handler) passedOver(a *attempt, r *race) {
	if len(r.failed)+r.overtaken == 0 || balancer.ShortageOf(r.failed) != balancer.NoShortage {
		return
	}
	h.options.Log.Debug("node not reached at its first address", "pool", a.pool.Name, "node", a.node.Name, "address", a.node.Address, "error", r.failed)
	if a.pool.DialFailed != nil {
		a.pool.DialFailed(a.node)
	}
}

// connectionsOf names the addresses of a node, as the host of a URL, for the transport: it gives a request a connection that
// it has to the same ones. It is no host to dial if there are several.
func connectionsOf(addrs []netip.AddrPort) string {
	if len(addrs) == 1 {
		return addrs[0].String()
	}
	all := make([]string, len(addrs))
	for i, a := range addrs {
		all[i] = a.String()
	}
	return strings.Join(all, ",")
}

// mayDial returns the addresses that may be dialled, and the error of one that may not if there is none.
func (h *Handler) mayDial(addrs []netip.AddrPort) (may []netip.AddrPort, err error) {
	if h.options.MayDial == nil {
		return addrs, nil
	}
	for i, a := range addrs {
		if fault := h.options.MayDial(a); fault != nil {
			if err == nil {
				may = append(may, addrs[:i]...)
			}
			err = fault
		} else if err != nil {
			may = append(may, a)
		}
	}
	switch {
	case err == nil:
		return addrs, nil
	case len(may) > 0:
		return may, nil
	}
	return nil, err
}
