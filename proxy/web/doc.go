// Package web is a reverse proxy for what a cluster serves over HTTP: its
// dashboard and its management API (EMQX: 18083 and 8081).
//
//	h := web.NewHandler(web.Options{Routes: []web.Route{{Pool: pool}}, ...})
//	srv := &http.Server{Handler: h, BaseContext: base, ...}
//	defer h.Close()
//
// Each request is one [exchange]: it goes to the first candidate of its pool that
// can be reached, keeps its client on that node by a cookie or by the client's
// address, and says in X-Forwarded headers of ours who the client is. Begin with
// handler.go, then exchange.go.
//
// The package opens no listener: the limits of a request's header in bytes
// and time, TLS, and PROXY headers from clients are the http.Server's that it runs
// in. It stores nothing, compresses nothing, and follows no redirect. Routes
// choose a pool; they are no access control.
package web
