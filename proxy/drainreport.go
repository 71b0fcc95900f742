package proxy

import (
	"context"
	"log/slog"
)

// DrainReport tells what the sessions of a node do from now on: they leave, stay, or have all left. Or it
// tells that sessions of a pool return to their first node.
type DrainReport struct {
	Node  string // empty: of all nodes of the pool
	Pool  string // empty: in all pools
	Text  string
	Attrs []slog.Attr // the cause and the counts
}

// FollowDrains sets the function that gets the reports of all drains. It must not block, and must not
// call the server. It may be set once, before the first drain.
func (srv *Server) FollowDrains(f func(DrainReport)) {
	srv.drains.mu.Lock()
	defer srv.drains.mu.Unlock()
	srv.drains.follow = f
}

// report tells what a drain does. It must be called with drains.mu held.
func (srv *Server) report(d *drain, level slog.Level, text string, counts ...slog.Attr) {
	attrs := append([]slog.Attr{slog.String("cause", d.cause.String())}, counts...)
	srv.tell(level, DrainReport{Node: d.name.node, Pool: d.name.pool, Text: text, Attrs: attrs})
}

// tell logs a report and passes it on. It must be called with drains.mu held.
func (srv *Server) tell(level slog.Level, r DrainReport) {
	var line []slog.Attr
	if r.Node != "" {
		line = append(line, slog.String("node", r.Node))
	}
	if r.Pool != "" {
		line = append(line, slog.String("pool", r.Pool))
	}
	srv.log.LogAttrs(context.Background(), level, r.Text, append(line, r.Attrs...)...) //nolint:sloglint // the callers' messages are constants
	if srv.drains.follow != nil {
		srv.drains.follow(r)
	}
}
