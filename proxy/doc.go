// Package proxy carries sessions: it accepts clients, reads their CONNECT,
// opens a connection to a node and from then on moves bytes.
//
//	srv, err := proxy.New(&snapshot, log)
//	srv.Run(ctx) // until ctx is done and the sessions have ended
//
// Start reading at life.go: it lists the steps of a session in order. What becomes of a
// client up to the route is decided by package opening, which is pure; opening.go does
// the I/O that its verdicts ask for. The steps after it are in walk.go, attempt.go,
// relay.go and finish.go. The loop that calls the steps is loop.go, on top of package
// reactor.
//
// What would block runs in a goroutine that has borrowed a connection of the session
// (borrow.go): a TLS handshake (handshake.go), and HTTP (httpserver.go), but for an
// upgrade to WebSocket, which package opening answers. WebSocket that ends here is in
// framing.go.
//
// Sessions are carried on Linux. Elsewhere [New] returns [reactor.ErrUnsupported].
//
// Package proxy does not read configuration files, probe nodes or resolve
// names: it is handed a [snapshot.Snapshot] whose pools are kept up to date by others.
package proxy
