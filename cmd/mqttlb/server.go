package main

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"mqttlb/config"
	"mqttlb/proxy"
	"mqttlb/proxy/admin"
	"mqttlb/proxy/admin/api"
	"mqttlb/proxy/snapshot"
)

// server is a complete mqttlb, bound to the addresses of its configuration.
type server struct {
	*proxy.Server
	plan   atomic.Pointer[plan] // in force
	status *endpoint            // admin.address
	log    *slog.Logger

	started time.Time
	state   *processState
	admin   *admin.Server // set by run

	linesDropped func() admin.Lines // those that the log has dropped; nil: it drops none

	inherited   *proxy.Inherited // sockets from the service manager
	notify      *notifier        // tells the service manager the state
	predecessor *predecessor     // may have the addresses at the start

	background background

	// The fields below are unset where the configuration cannot change, as in the demo.
	manager          *manager
	events           *admin.Events
	socket           *endpoint // the admin socket
	socketConfigured bool      // the configuration sets admin.socket
	yielded          bool      // a successor has the admin addresses; only the manager uses it
}

// newServer makes a server and binds its addresses, see listen.
func newServer(first *revision, log *slog.Logger) (*server, error) {
	s := &server{log: log, started: time.Now(), state: newProcessState()}
	return s, s.listen(context.Background(), first)
}

// listen binds the addresses. Clients wait in the accept queue until run. ctx ends the wait for an
// address that a predecessor has.
func (s *server) listen(ctx context.Context, first *revision) error {
	log := s.log
	if err := first.plan.checkTransparent(); err != nil {
		return err
	}
	s.plan.Store(first.plan)
	first.plan.logWarnings(log)
	s.status = &endpoint{setting: addressSetting, log: log, bind: func(a config.Address) (net.Listener, error) {
		return bind(a, addressSetting, s.inherited, false)
	}}
	if err := s.listenStatus(ctx, first.config.Admin.Address); err != nil {
		return err
	}
	first.plan.operators.setWords(first.plan.nodes())
	err := s.predecessor.makeWay(ctx, func() (err error) {
		s.Server, err = proxy.NewInheriting(&first.plan.snapshot, s.inherited, log)
		return err
	})
	if err != nil {
		s.status.close()
		return err
	}
	for _, step := range first.plan.afterApply {
		_ = step() // cannot fail here: a first plan does not reload files
	}
	for _, ln := range first.config.Listeners {
		log.Info("listening", "listener", ln.Name, "address", s.Addr(ln.Name).String(), "protocol", string(ln.Protocol), "pool", ln.Pool)
	}
	return nil
}

// listenStatus binds admin.address.
func (s *server) listenStatus(ctx context.Context, a config.Address) error {
	err := s.predecessor.makeWay(ctx, func() error { return s.status.listen(a) })
	if s.predecessor != nil && errors.Is(err, syscall.EADDRINUSE) && stopsAt(ctx, a) {
		// Without its admin socket it cannot be asked.
		s.log.Warn("a mqttlb that stops has the admin address: this one serves without it until the other has ended", "address", a.String())
		s.status.awaited = a
		return nil
	}
	return err
}

// attachManager lets m change the server, and binds the admin socket. After an error
// the server is closed.
func (s *server) attachManager(ctx context.Context, m *manager) error {
	m.apply, m.notify = s.apply, s.notify
	m.drainer, m.plan = s.Server, s.plan.Load
	s.manager, s.events = m, m.events
	s.followDrains()
	s.followBans()
	s.socket = &endpoint{
		setting: socketSetting, log: s.log,
		bind: func(a config.Address) (net.Listener, error) {
			return bindSocket(a, s.inherited, s.socketConfigured, s.log)
		},
	}
	err := m.resumeDrains()
	if err == nil {
		err = s.listenSocket(ctx, m.running.config.Admin)
	}
	if err != nil {
		s.status.close()
		s.Close()
	}
	return err
}

// run serves until ctx is done, or a request asks for the stop, and the sessions have ended. It may be called
// once.
func (s *server) run(ctx context.Context) {
	// Health checks, DNS look-ups and the admin server stop after the last session.
	managerCtx, stopManager := context.WithCancel(context.WithoutCancel(ctx))
	serving, stopServing := context.WithCancel(context.WithoutCancel(ctx))
	var running sync.WaitGroup
	defer s.closeEndpoints()  // after the manager has ended: it moves them
	defer s.background.stop() // after the manager has ended: it starts workers
	defer running.Wait()
	defer stopManager()

	first := s.plan.Load()
	first.resolve(ctx)
	s.followNodes(first)
	s.background.setWorkers(ctx, first.workers)
	s.admin = admin.New(s.sources(), s.log)
	s.admin.SetAccess(&first.admin.access)
	m := s.manager
	if m != nil {
		s.socket.serve = func(ctx context.Context, ln net.Listener) error { return s.admin.Serve(ctx, ln, admin.BySocket) }
		s.socket.start(ctx) // requests wait for the manager
	}
	// Start admin.address last, so that the first answers are true.
	s.status.serve = func(ctx context.Context, ln net.Listener) error { return s.admin.Serve(ctx, ln, admin.ByAddress) }
	s.status.start(ctx)
	running.Go(func() { s.awaitStop(ctx, stopServing) }) // ends when the process is asked to stop
	if m != nil {                                        // from here on only the manager uses the endpoints
		running.Go(func() { m.run(managerCtx, serving) })
		if m.watching {
			running.Go(func() { m.watch(serving) })
		}
		running.Go(func() { s.takeAwaited(managerCtx, serving) })
		running.Go(func() { s.tellServiceManager(managerCtx, serving) })
		s.startWatchdog(managerCtx, &running)
	}
	s.Run(serving)
}

// sources returns what the admin server shows and controls.
func (s *server) sources() admin.Sources {
	from := admin.Sources{
		Server: s.Server, Pools: func() []*snapshot.Pool { return s.plan.Load().pools },
		Discovery: s.discovery, NotReady: s.notReady, LinesDropped: s.linesDropped, Health: s.probes, Names: s.names, Version: buildVersion(),
	}
	if m := s.manager; m != nil {
		from.Control, from.Events = &control{server: s, manager: m}, m.events
		from.Reloads = func() admin.Reloads { return *m.reloads.Load() }
		from.Nodes = func() []api.Node { return m.nodes().Nodes }
	}
	return from
}

func (s *server) closeEndpoints() {
	s.status.close()
	if s.socket != nil {
		s.socket.close()
	}
}
