// Package source chooses the local addresses of connections to nodes.
//
// A connection needs a local port, and the kernel has some 28,000 of them for each pair of a local address and
// the address of a node. A pool whose nodes carry more has several local addresses: its [Set]. Each connection
// begins at the one that has the fewest connections to that address of a node; a [Book] counts them for the
// whole process:
//
//	use, err := pool.Source.Connect(to, source.Session, func(from netip.Addr) error {
//		// bind a socket to from, with IP_BIND_ADDRESS_NO_PORT, then connect it
//	})
//	...
//	use.Release(source.Session) // after the socket is closed
//
// An address that has no port left, or that is not an address of this host (any more), is passed over. Neither
// says anything about the node: the error is a [balancer.SourceError].
//
// The package makes no decision about nodes, and opens no socket but for [Set.Dial].
package source
