package source

import (
	"cmp"
	"net/netip"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"
	"weak"
)

// Book counts the connections from each source address to each address of a node. There is one for the process,
// and it outlives reloads: a source that is removed and added again finds its connections. The zero value is
// ready for use. Several goroutines may use a Book at once.
type Book struct {
	mu        sync.Mutex // guards the fields below
	addresses map[netip.Addr]*address
	uses      map[pair]weak.Pointer[Use] // a Use lives as long as a connection or a set has it
}

// pair is a source address and the address of a node.
type pair struct {
	source netip.Addr
	to     netip.AddrPort
}

// address is a source address, whatever the nodes.
type address struct {
	netip.Addr
	missing atomic.Int64  // when it could not be bound last, in the time of now; 0: it can be bound
	errno   atomic.Uint32 // why
}

// Use is the use of a source address for the address of a node.
type Use struct {
	pair
	address  *address
	sessions atomic.Int64
	others   atomic.Int64  // connections for HTTP and for health checks
	failed   atomic.Int64  // when the kernel had no port or no way last, in the time of now; 0: it has, as far as is known
	errno    atomic.Uint32 // why
}

// Kind is what a connection is for.
type Kind uint8

// The kinds.
const (
	Session Kind = iota // of the event loops, whose own count [proxy.Server.Check] compares
	Other               // HTTP requests and health checks
)

// Source returns the source address.
func (u *Use) Source() netip.Addr { return u.source }

// To returns the address of the node.
func (u *Use) To() netip.AddrPort { return u.to }

// Open returns the number of connections.
func (u *Use) Open() int64 { return u.sessions.Load() + u.others.Load() }

// Sessions returns how many of them are of kind Session.
func (u *Use) Sessions() int64 { return u.sessions.Load() }

func (u *Use) count(k Kind) *atomic.Int64 {
	if k == Session {
		return &u.sessions
	}
	return &u.others
}

// Release says that a connection was closed. Its port may be free again.
func (u *Use) Release(k Kind) {
	u.count(k).Add(-1)
	if u.failed.Load() != 0 {
		u.failed.Store(0)
	}
}

// use returns the Use of a pair.
func (b *Book) use(source netip.Addr, to netip.AddrPort) *Use {
	b.mu.Lock()
	defer b.mu.Unlock()
	key := pair{source, to}
	if u := b.uses[key].Value(); u != nil {
		return u
	}
	u := &Use{pair: key, address: b.addressLocked(source)}
	if b.uses == nil {
		b.uses = map[pair]weak.Pointer[Use]{}
	}
	p := weak.Make(u)
	b.uses[key] = p
	runtime.AddCleanup(u, b.forget, entry{key, p})
	return u
}

type entry struct {
	key pair
	use weak.Pointer[Use]
}

// forget removes a Use that was collected, unless its pair has a new one.
func (b *Book) forget(e entry) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.uses[e.key] == e.use {
		delete(b.uses, e.key)
	}
}

// addressOf returns the state of a source address.
func (b *Book) addressOf(a netip.Addr) *address {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.addressLocked(a)
}

func (b *Book) addressLocked(a netip.Addr) *address {
	known := b.addresses[a]
	if known == nil {
		known = &address{Addr: a}
		if b.addresses == nil {
			b.addresses = map[netip.Addr]*address{}
		}
		b.addresses[a] = known
	}
	return known
}

// Uses lists the uses that have connections, those of removed pools too, in the order of nodes and sources.
func (b *Book) Uses() []*Use {
	if b == nil {
		return nil
	}
	b.mu.Lock()
	var all []*Use
	for _, p := range b.uses {
		if u := p.Value(); u != nil && u.Open() > 0 {
			all = append(all, u)
		}
	}
	b.mu.Unlock()
	slices.SortFunc(all, func(x, y *Use) int {
		return cmp.Or(x.to.Compare(y.to), x.source.Compare(y.source))
	})
	return all
}

var epoch = time.Now()

// now returns the time for marks, in ns; never 0.
func now() int64 { return int64(time.Since(epoch)) + 1 }
