// Package web is a reverse proxy for what a cluster serves over HTTP: its
// dashboard and its management API (EMQX: 18083 and 8081).
//
//	h := web.NewHandler(web.Options{Log: log, ...})
//	defer h.Close()
//	h.Apply(web.Settings{Pools: []*snapshot.Pool{pool}, ...}) // and again, with each configuration
//	h.Serve(w, r, pool) // in the handler of an http.Server, for each request
//
// Each request is one [exchange]: it goes to the first candidate of its pool that
// can be reached, keeps its client on that node by a cookie or by the client's
// address, and says in X-Forwarded headers of ours who the client is. Begin with
// handler.go, then exchange.go.
//
// The package opens no listener: the limits of a request's header in bytes
// and time, TLS, and PROXY headers from clients are the http.Server's that it runs
// in. So is the route of a request, which chooses its pool and is no access control.
// It stores nothing, compresses nothing, and follows no redirect.
package web
