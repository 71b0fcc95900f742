package main

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"mqttlb/balancer"
	"mqttlb/balancer/health"
	"mqttlb/proxy"
	"mqttlb/proxy/admin/api"
)

// The kinds of events.
const (
	eventNode      = "node"
	eventNodes     = "nodes"
	eventDrain     = "drain"
	eventRebalance = "rebalance"
	eventBan       = "ban"
	eventReload    = "reload"
	eventOperator  = "operator"
	eventProcess   = "process"
)

// processState says what the process does with clients.
type processState struct {
	current atomic.Pointer[api.State] // nil: serving
	ends    atomic.Pointer[time.Time] // when the lame duck stops to accept; nil: it is none
	asked   chan struct{}             // closed when a request has asked for the stop
	once    sync.Once
}

func newProcessState() *processState { return &processState{asked: make(chan struct{})} }

// load returns the state.
func (p *processState) load() api.State {
	if s := p.current.Load(); s != nil {
		return *s
	}
	return api.Serving
}

// accepting returns for how long a lame duck goes on to accept clients.
func (p *processState) accepting() time.Duration {
	if ends := p.ends.Load(); ends != nil {
		return max(time.Until(*ends), 0)
	}
	return 0
}

// ask stops the process as SIGTERM does. It may be called more than once.
func (p *processState) ask() { p.once.Do(func() { close(p.asked) }) }

// awaitStop waits until ctx is done or a request asks for the stop. Then it has the process be a lame duck for
// timeouts.lame_duck: not ready, but serving. At the end it calls stop.
func (s *server) awaitStop(ctx context.Context, stop func()) {
	defer stop()
	select {
	case <-ctx.Done():
	case <-s.state.asked:
	}
	if lameDuck := s.plan.Load().lameDuck; lameDuck > 0 {
		ends := time.Now().Add(lameDuck)
		s.state.ends.Store(&ends)
		s.enter(api.LameDuck, fmt.Sprintf("not ready, and still accepting clients for %s", lameDuck))
		s.log.Info("not ready any more, and still accepting clients", "lame_duck", lameDuck)
		over := time.NewTimer(lameDuck)
		defer over.Stop()
		<-over.C
	}
	s.enter(api.Stopping, "no more clients are accepted")
}

// enter changes the state and tells those who follow it.
func (s *server) enter(state api.State, text string) {
	s.state.current.Store(&state)
	s.events.Publish(api.Event{Kind: eventProcess, Subject: string(state), Text: text})
}

// notReady returns why new clients should go elsewhere; none: they should not.
func (s *server) notReady() (reasons []string) {
	switch s.state.load() {
	case api.Serving:
	case api.LameDuck:
		reasons = append(reasons, "mqttlb is stopping after timeouts.lame_duck")
	case api.Stopping:
		reasons = append(reasons, "mqttlb is stopping")
	}
	for _, pool := range s.plan.Load().required {
		if pool.Up() == 0 {
			reasons = append(reasons, fmt.Sprintf("no node of pool %q is up", pool.Name))
		}
	}
	return reasons
}

// followNodes publishes the changes that the health checks of a plan find.
func (s *server) followNodes(p *plan) {
	for pool, checker := range p.checkers {
		checker.Notify(func(n health.Status) {
			text := n.State.String()
			if n.State != balancer.Up {
				text = fmt.Sprintf("%s: %v", text, n.Err)
			}
			s.events.Publish(api.Event{Kind: eventNode, Subject: pool + "/" + n.Node.Name, Text: text})
		})
	}
}

// followDrains publishes what the sessions of nodes do that are drained or down, or up again.
func (s *server) followDrains() {
	s.FollowDrains(func(r proxy.DrainReport) {
		subject, kind := r.Node, eventDrain
		switch {
		case r.Node == "":
			subject, kind = r.Pool, eventRebalance
		case r.Pool != "":
			subject = r.Pool + "/" + r.Node
		}
		s.events.Publish(api.Event{Kind: kind, Subject: subject, Text: r.Text + attrText(r.Attrs)})
	})
}
