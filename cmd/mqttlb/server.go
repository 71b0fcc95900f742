package main

import (
	"context"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"

	"mqttlb/config"
	"mqttlb/proxy"
	"mqttlb/proxy/admin"
	"mqttlb/proxy/snapshot"
)

// server is a complete mqttlb, bound to the addresses of its configuration.
type server struct {
	*proxy.Server
	plan   atomic.Pointer[plan] // in force
	status *endpoint            // serves /healthz and /metrics
	log    *slog.Logger

	linesDropped func() admin.Lines // those that the log has dropped; nil: it drops none

	background background

	// The fields below are unset where the configuration cannot change, as in the demo.
	manager          *manager
	socket           *endpoint // the admin socket
	socketConfigured bool      // the configuration sets admin.socket
}

// newServer binds the addresses. Clients wait in the accept queue until run.
func newServer(first *revision, log *slog.Logger) (*server, error) {
	s := &server{log: log}
	s.plan.Store(first.plan)
	for _, warning := range first.plan.warnings() {
		log.Warn("a file needs attention", "warning", warning)
	}
	s.status = &endpoint{setting: "admin.address", log: log, bind: func(a config.Address) (net.Listener, error) { return bind(a, false) }}
	if err := s.status.listen(first.config.Admin.Address); err != nil {
		return nil, err
	}
	var err error
	if s.Server, err = proxy.New(&first.plan.snapshot, log); err != nil {
		s.status.close()
		return nil, err
	}
	for _, step := range first.plan.afterApply {
		_ = step() // cannot fail here: a first plan does not reload files
	}
	for _, ln := range first.config.Listeners {
		log.Info("listening", "listener", ln.Name, "address", s.Addr(ln.Name).String(), "protocol", string(ln.Protocol), "pool", ln.Pool)
	}
	return s, nil
}

// attachManager lets m change the server, and binds the admin socket. After an error
// the server is closed.
func (s *server) attachManager(m *manager) error {
	m.apply = s.apply
	s.manager = m
	s.socket = &endpoint{
		setting: "admin.socket", log: s.log, serve: (&api{m, s.log}).serve,
		bind: func(a config.Address) (net.Listener, error) { return bindSocket(a, s.socketConfigured, s.log) },
	}
	err := s.listenSocket(m.running.config.Admin)
	if err != nil {
		s.status.close()
		s.Close()
	}
	return err
}

// run serves until ctx is done and the sessions have ended. It may be called once.
func (s *server) run(ctx context.Context) {
	// Health checks, DNS look-ups and the admin servers stop after the last session.
	managerCtx, stopManager := context.WithCancel(context.WithoutCancel(ctx))
	var running sync.WaitGroup
	defer s.closeEndpoints()  // after the manager has ended: it moves them
	defer s.background.stop() // after the manager has ended: it starts workers
	defer running.Wait()
	defer stopManager()

	first := s.plan.Load()
	first.names.Resolve(ctx) // before the first accept: without node addresses clients would be refused
	s.background.setWorkers(ctx, first.workers)
	sources := admin.Sources{Server: s.Server, Pools: func() []*snapshot.Pool { return s.plan.Load().pools }, Stopping: ctx.Done(), LinesDropped: s.linesDropped}
	if m := s.manager; m != nil {
		sources.Reloads = func() admin.Reloads { return *m.reloads.Load() }
		running.Go(func() { m.run(managerCtx, ctx) })
		if m.watching {
			running.Go(func() { m.watch(ctx) })
		}
		s.socket.start(ctx)
	}
	// Start /healthz and /metrics last, so that their first answers are true.
	s.status.serve = func(ctx context.Context, ln net.Listener) error { return admin.Serve(ctx, ln, sources, s.log) }
	s.status.start(ctx)
	s.Run(ctx)
}

func (s *server) closeEndpoints() {
	s.status.close()
	if s.socket != nil {
		s.socket.close()
	}
}
