// Package proxy carries sessions: it accepts clients, reads their CONNECT,
// opens a connection to a node and from then on moves bytes.
//
//	srv, err := proxy.New(&snapshot, log)
//	srv.Run(ctx) // until ctx is done and the sessions have ended
//
// Start reading at life.go: it lists the steps of a session in order. What a
// step decides (unwrap, peek, admit, route, announce, confirm) is a pure function
// of bytes and a [Snapshot] in the file of its name. The loop that calls the steps is
// loop.go, on top of package reactor. It does the I/O, in opening.go up to the route, then
// in walk.go, attempt.go, relay.go and finish.go. A TLS handshake (handshake.go) runs in a
// goroutine, to which the session lends its connection, and so does HTTP (visit.go,
// front.go), but for an upgrade to WebSocket that comes whole (inline.go). WebSocket
// that ends here is in framing.go.
//
// Sessions are carried on Linux. Elsewhere [New] returns [reactor.ErrUnsupported].
//
// Package proxy does not read configuration files, probe nodes or resolve
// names: it is handed a [Snapshot] whose pools are kept up to date by others.
package proxy
