package web

import (
	"context"
	"net"

	"mqttlb/balancer"
)

// Pool is a balancer's pool and how requests reach its nodes.
type Pool struct {
	*balancer.Pool

	// Cookie is the name of the cookie that keeps a client on its node; "": the
	// client's address does. A pool whose algorithm looks at no key has no
	// affinity and sets no cookie.
	Cookie string

	// SendProxy is the version of the PROXY header that opens each connection
	// to a node: 1, 2, or 0 for none. Since it names one client, a connection that
	// opens with it carries one request.
	SendProxy int

	// Secure makes the TLS handshake with n on conn, which is open and has carried
	// the PROXY header, if there is one. What it returns has CloseWrite, and closes
	// conn when it is closed; after an error conn is still the caller's. It ends
	// when ctx is done, and may agree on no protocol but http/1.1. Nil: nodes speak
	// plain HTTP.
	Secure func(ctx context.Context, conn net.Conn, n *balancer.Node) (net.Conn, error)

	// DialFailed is told of each connection to a node that could not be made, TLS
	// included.
	// It must not block. Nil: nobody is told.
	DialFailed func(*balancer.Node)
}

// Route sends the requests for a host and a path to a pool.
type Route struct {
	Host string // see [snapshot.MatchHost]
	Path string // see [snapshot.MatchPath]
	Pool *Pool  // never nil
}
