// Package proxy carries sessions: it accepts clients, reads their CONNECT,
// opens a connection to a node and from then on moves bytes.
//
//	srv, err := proxy.New(&snapshot, log)
//	srv.Run(ctx) // until ctx is done and the sessions have ended
//
// Start reading at life_linux.go: it lists the steps of a session in order, and each
// step is in the file of its name. The steps that decide (unwrap, peek, admit,
// route, announce, confirm) are pure functions of bytes and a [Snapshot]; the
// event loop around them (loop_linux.go) does the I/O. On other systems goroutines
// do (plain.go): good enough to develop on, and not more.
//
// Package proxy does not read configuration files, probe nodes or resolve
// names: it is handed a [Snapshot] whose pools are kept up to date by others.
package proxy
