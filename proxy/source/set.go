package source

import (
	"errors"
	"log/slog"
	"maps"
	"net/netip"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"mqttlb/balancer"
)

// A source that has failed is passed over for a moment, so that a storm of clients does not have the kernel look
// at all ports, or at all addresses, for each of them. The first ends early with the end of any of its connections.
const (
	fullFor    = 100 * time.Millisecond
	missingFor = time.Second
)

// mostTries limits how often one connection asks the kernel for a port: with none left it looks at every port of
// the range, for a millisecond or more.
const mostTries = 3

// mostCompared limits the sources that are compared for one connection, which takes some 0.3 µs. The next connection
// begins at the next source, so that all have nearly as many.
const mostCompared = 32

// mostRoutes limits the node addresses whose uses a set keeps although there may be no connection to them.
const mostRoutes = 4096

// Set is the source addresses of a pool. It is immutable but for what it has seen. A nil *Set lets the kernel
// choose.
type Set struct {
	book        *Book
	addresses   []*address
	transparent bool
	pool        string
	log         *slog.Logger

	mu     sync.Mutex // held to replace routes
	routes atomic.Pointer[map[netip.AddrPort]*route]
}

// route is the uses of a set for one address of a node.
type route struct {
	uses []*Use // of the family of that address; empty: the kernel chooses
	next atomic.Uint32
}

// New returns the set of a pool's source addresses, each of which is there once and without a zone.
func (b *Book) New(pool string, addresses []netip.Addr, log *slog.Logger) *Set {
	s := &Set{book: b, pool: pool, log: log}
	for _, a := range addresses {
		s.addresses = append(s.addresses, b.addressOf(a))
	}
	s.routes.Store(&map[netip.AddrPort]*route{})
	return s
}

// Transparent returns the set of a pool whose nodes see the addresses of the clients. It counts nothing.
func Transparent() *Set { return &Set{transparent: true} }

// IsTransparent reports whether the source is the address of the client.
func (s *Set) IsTransparent() bool { return s != nil && s.transparent }

// Book returns the book that counts the connections of the set; nil: none does.
func (s *Set) Book() *Book {
	if s == nil {
		return nil
	}
	return s.book
}

// Addresses returns the addresses in their order; nil if the kernel or the client decides.
func (s *Set) Addresses() []netip.Addr {
	if s == nil {
		return nil
	}
	var all []netip.Addr
	for _, a := range s.addresses {
		all = append(all, a.Addr)
	}
	return all
}

// Has reports whether connections to an address of a node begin at an address of the set.
func (s *Set) Has(to netip.AddrPort) bool {
	return s != nil && !s.transparent && len(s.routeTo(to).uses) > 0
}

// Uses returns the uses for an address of a node, in the order of the addresses.
func (s *Set) Uses(to netip.AddrPort) []*Use { return s.routeTo(to).uses }

// Client returns the address from which a connection to a node begins if the pool is transparent: that of the
// client, unless it is of another family, of one link or of this host alone, and not valid then.
func Client(client netip.Addr, to netip.AddrPort) netip.Addr {
	switch node := to.Addr(); {
	case !client.IsValid(), client.Is4() != node.Unmap().Is4(), client.Zone() != "",
		client.IsUnspecified(), client.IsMulticast(), client.IsLinkLocalUnicast(),
		client.IsLoopback() && !node.IsLoopback():
		return netip.Addr{}
	}
	return client
}

// Connect begins a connection to an address of a node. It calls connect with the source of the fewest connections,
// and again with others if that one has no port left or is no address of this host: at most mostTries times for a
// port. The address is not valid where the kernel chooses. connect returns nil if the connection is made or being
// made. Otherwise it has closed its socket, and an error of the bind is a [balancer.SourceError] with Bind. Release
// the use after the connection is closed; it is nil where the kernel chooses.
func (s *Set) Connect(to netip.AddrPort, k Kind, connect func(from netip.Addr) error) (*Use, error) {
	r := s.routeTo(to)
	if len(r.uses) == 0 {
		return nil, connect(netip.Addr{})
	}
	for tries := 0; ; {
		u := r.least()
		if u == nil {
			return nil, r.failure()
		}
		u.count(k).Add(1)
		err := connect(u.source)
		if err == nil {
			s.found(u.address)
			return u, nil
		}
		u.count(k).Add(-1)
		switch kindOf(err) {
		case ofBind:
			s.lost(u.address, err)
		case ofPorts:
			s.found(u.address)
			u.fail(err)
			if tries++; tries == mostTries {
				return nil, u.failure()
			}
		case ofWay:
			u.fail(err)
		case ofNode:
			return nil, err
		}
	}
}

// least returns the use that has the fewest connections of those that have not failed just now; nil: all have.
// Equals take turns.
func (r *route) least() *Use {
	var best *Use
	var fewest, t int64
	n, first := len(r.uses), int(r.next.Add(1))
	for i := range n {
		if i >= mostCompared && best != nil {
			break
		}
		u := r.uses[(first+i)%n]
		if u.failed.Load()|u.address.missing.Load() != 0 {
			if t == 0 {
				t = now()
			}
			if u.isPassedOver(t) {
				continue
			}
		}
		if open := u.Open(); best == nil || open < fewest {
			best, fewest = u, open
		}
	}
	return best
}

func (u *Use) isPassedOver(t int64) bool {
	failed, missing := u.failed.Load(), u.address.missing.Load()
	return failed != 0 && t-failed < int64(fullFor) || missing != 0 && t-missing < int64(missingFor)
}

// fail marks a use for which the kernel has no port or no way.
func (u *Use) fail(err error) {
	errno, _ := errors.AsType[syscall.Errno](err)
	u.errno.Store(uint32(errno))
	u.failed.Store(now())
}

// failure returns the error of a use that fails.
func (u *Use) failure() error {
	if u.address.missing.Load() != 0 {
		return &balancer.SourceError{Source: u.source, To: u.to, Bind: true, Err: syscall.Errno(u.address.errno.Load())}
	}
	return &balancer.SourceError{Source: u.source, To: u.to, Err: syscall.Errno(u.errno.Load())}
}

// failure returns the error of a connection all of whose sources fail: that of one that has no port, if there is
// one, since the others are for the operator to see already.
func (r *route) failure() error {
	var last error
	for _, u := range r.uses {
		if last = u.failure(); balancer.ShortageOf(last) == balancer.Ports {
			break
		}
	}
	return last
}

// routeTo returns the uses for an address of a node.
func (s *Set) routeTo(to netip.AddrPort) *route {
	if s == nil || s.transparent {
		return &route{}
	}
	if r := (*s.routes.Load())[to]; r != nil {
		return r
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	routes := *s.routes.Load()
	if r := routes[to]; r != nil {
		return r
	}
	r := &route{}
	for _, a := range s.addresses {
		if a.Is4() == to.Addr().Unmap().Is4() {
			r.uses = append(r.uses, s.book.use(a.Addr, to))
		}
	}
	more := maps.Clone(routes)
	if len(more) >= mostRoutes { // of nodes whose addresses change: those in use are found again
		clear(more)
	}
	more[to] = r
	s.routes.Store(&more)
	return r
}
