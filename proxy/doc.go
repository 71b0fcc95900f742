// Package proxy carries sessions: it accepts clients, reads their CONNECT,
// opens a connection to a node and from then on moves bytes.
//
//	srv, err := proxy.New(&snapshot, log)
//	srv.Run(ctx) // until ctx is done and the sessions have ended
//
// Start reading at life.go: it lists the steps of a session in order, and what events and
// timers do. What the client sends first is decided by package opening; opening.go carries
// its verdicts out, with handshake.go and httpserver.go for what a goroutine does that has
// borrowed the connection (borrow.go). walk.go and attempt.go reach a node, answer.go reads its CONNACK, relay.go
// moves bytes, leave.go says goodbye and finish.go ends the session. Each side of a session
// is a stream: stream.go, with TLS and WebSocket inside it in layers.go and framing.go.
// docs/design.md has the way of a byte on one page.
//
// Sessions are carried on Linux. Elsewhere [New] returns [reactor.ErrUnsupported].
//
// Package proxy does not read configuration files, probe nodes or resolve
// names: it is handed a [snapshot.Snapshot] whose pools are kept up to date by others.
package proxy
