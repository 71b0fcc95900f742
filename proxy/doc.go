// Package proxy carries sessions: it accepts clients, reads their CONNECT,
// opens a connection to a node and from then on moves bytes.
//
//	srv, err := proxy.New(&snapshot, log)
//	srv.Run(ctx) // until ctx is done and the sessions have ended
//
// Start reading at life_linux.go: it lists the steps of a session in order. What a
// step decides (unwrap, peek, admit, route, announce, confirm) is a pure function
// of bytes and a [Snapshot] in the file of its name; the event loop around them
// (loop_linux.go) does the I/O, in opening_linux.go up to the route, then in
// walk_linux.go, dial_linux.go, relay_linux.go and finish_linux.go. A TLS handshake
// (secure_linux.go) runs in a goroutine, to which the session lends its connection, and
// so does HTTP (visit_linux.go, front.go), but for an upgrade to WebSocket that comes
// whole (upgrade_linux.go). Elsewhere than on Linux plain.go takes the loop's place.
//
// Package proxy does not read configuration files, probe nodes or resolve
// names: it is handed a [Snapshot] whose pools are kept up to date by others.
package proxy
