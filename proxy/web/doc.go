// Package web is a reverse proxy for the HTTP services of a cluster: its dashboard and its
// management API (EMQX: 18083 and 8081).
//
//	h := web.NewHandler(web.Options{Log: log, ...})
//	defer h.Close()
//	h.Apply(web.Settings{Pools: []*snapshot.Pool{pool}, ...}) // and again, with each configuration
//	h.Serve(w, r, pool) // in the handler of an http.Server, for each request
//
// Each request is one [exchange]. It goes to the first reachable candidate of its pool. A cookie
// or the client's address keeps the client on that node. X-Forwarded headers of ours tell the node
// the client's address. Begin with handler.go, then exchange.go.
//
// The package opens no listener. The http.Server around it limits a request's header in bytes and
// time, terminates TLS, and reads PROXY headers from clients. It also routes a request, which
// chooses its pool and is no access control. The package stores nothing, compresses nothing, and
// follows no redirect.
package web
