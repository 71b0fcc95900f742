// Package proxy carries sessions: it accepts clients, reads their CONNECT, connects to a node and then
// moves bytes between the two.
//
//	srv, err := proxy.New(&snapshot, log)
//	srv.Run(ctx) // until ctx is done and the sessions have ended
//
// Start reading at life.go: it lists the steps of a session in order, and says what events and timers
// do. Package opening decides what to do with the first bytes of a client. opening.go carries its
// verdicts out, with handshake.go and httpserver.go for the goroutines that borrow the connection
// (borrow.go). walk.go and attempt.go reach a node, answer.go reads its CONNACK, relay.go moves bytes,
// leave.go says goodbye and finish.go ends the session. Each side of a session is a stream: stream.go,
// with TLS and WebSocket inside it in layers.go and framing.go. docs/design.md follows one byte
// through all of this on one page.
//
// Operators list sessions (list.go), kick them (kick.go) and drain nodes (drains.go, drain.go). All of
// these pass the sessions of the loops with the cursors of table.go, a few in each turn. stats.go adds up
// the counters of the loops, and check.go compares them with the sessions.
//
// Sessions are carried on Linux. Elsewhere [New] returns [reactor.ErrUnsupported].
//
// Package proxy does not read configuration files, probe nodes or resolve names. Its caller hands it a
// [snapshot.Snapshot] and keeps the pools in it up to date.
package proxy
