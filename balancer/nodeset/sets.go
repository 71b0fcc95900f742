package nodeset

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"mqttlb/balancer/dns"
)

// Watch says how a source is watched.
type Watch struct {
	Source

	// EmptyGrace is how long an answer without nodes is ignored after one with nodes.
	EmptyGrace time.Duration

	// Parse parses the content of a file. An error means that the content changes nothing.
	Parse func(data []byte) ([]Node, error)
}

// Sets are the sets of the sources of the last Apply. The methods may be called from any goroutine.
type Sets struct {
	resolver dns.Resolver
	log      *slog.Logger
	changed  chan struct{}
	applied  chan struct{}

	mu      sync.Mutex // guards sources and the fields of each set
	sources []*watched // in the order of Apply
	ahead   []*watched // of the last Prepare
}

// New returns Sets without sources.
func New(resolver dns.Resolver, log *slog.Logger) *Sets {
	return &Sets{resolver: resolver, log: log, changed: make(chan struct{}, 1), applied: make(chan struct{}, 1)}
}

// Apply replaces the sources. Those that it had go on, with other settings perhaps.
func (s *Sets) Apply(watches []Watch) {
	s.mu.Lock()
	defer s.mu.Unlock()
	next := make([]*watched, len(watches))
	for i, w := range watches {
		if next[i] = s.find(w.Source); next[i] == nil {
			next[i] = newWatched(s, w.Source)
		}
		next[i].emptyGrace, next[i].parse, next[i].again = w.EmptyGrace, w.Parse, true
	}
	s.sources, s.ahead = next, nil
	select {
	case s.applied <- struct{}{}:
	default: // Run has a signal already
	}
}

// find returns the source that is watched already, or nil.
func (s *Sets) find(source Source) *watched {
	for _, w := range slices.Concat(s.sources, s.ahead) {
		if w.Source == source {
			return w
		}
	}
	return nil
}

// Prepare looks up the sets of new sources before they are passed to Apply, so that a pool does not lose its nodes until
// they are known. It returns after the last answer, within lookupTimeout.
func (s *Sets) Prepare(ctx context.Context, watches []Watch) {
	s.mu.Lock()
	s.ahead = nil
	for _, w := range watches {
		if s.find(w.Source) == nil {
			n := newWatched(s, w.Source)
			n.emptyGrace, n.parse = w.EmptyGrace, w.Parse
			s.ahead = append(s.ahead, n)
		}
	}
	ahead := s.ahead
	s.mu.Unlock()
	lookUpAll(ctx, ahead)
}

// Find returns the set of a source, which is not known before Apply has it.
func (s *Sets) Find(source Source) Set {
	s.mu.Lock()
	defer s.mu.Unlock()
	if w := s.find(source); w != nil {
		return w.set
	}
	return Set{}
}

// Changed receives a value after the set of a source has changed, or is known.
func (s *Sets) Changed() <-chan struct{} { return s.changed }

func (s *Sets) signal() {
	select {
	case s.changed <- struct{}{}:
	default: // one value stands for all changes
	}
}

// Resolve looks up each set that is not known, all at the same time. It returns after the last answer, or when ctx
// is done; Run then looks up the others.
func (s *Sets) Resolve(ctx context.Context) {
	s.mu.Lock()
	unknown := slices.DeleteFunc(slices.Clone(s.sources), func(w *watched) bool { return w.set.Known })
	s.mu.Unlock()
	lookUpAll(ctx, unknown)
}

func lookUpAll(ctx context.Context, sources []*watched) {
	var round sync.WaitGroup
	for _, w := range sources {
		round.Go(func() { w.lookUp(ctx) }) // ends with the look-up, or with ctx
	}
	round.Wait()
}

// Run keeps the sets up to date until ctx is done.
func (s *Sets) Run(ctx context.Context) {
	var running sync.WaitGroup
	ends := map[*watched]context.CancelFunc{}
	defer running.Wait()
	for {
		s.mu.Lock()
		sources := s.sources
		s.mu.Unlock()
		for w, end := range ends {
			if !slices.Contains(sources, w) {
				end()
				delete(ends, w)
			}
		}
		for _, w := range sources {
			if ends[w] == nil {
				own, end := context.WithCancel(ctx)
				ends[w] = end
				running.Go(func() { w.run(own) }) // ends when Apply removes the source, or with ctx
			}
		}
		select {
		case <-ctx.Done():
			for _, end := range ends {
				end()
			}
			return
		case <-s.applied:
		}
	}
}

// LookUpAgain has Run look up each set now: there are other servers, say.
func (s *Sets) LookUpAgain() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, w := range s.sources {
		select {
		case w.wake <- struct{}{}:
		default: // it has a signal already
		}
	}
}

// Status is the state of a source.
type Status struct {
	Source
	Set
	LastGood time.Time // of the last answer with nodes, or that was believed to have none; zero: there was none
	Changes  uint64    // of the set, since the source is watched
	Failures uint64    // look-ups without an answer, and files that could not be used
	Err      error     // of the last look-up; nil: it succeeded
	Since    time.Time // of the first look-up of those in a row that have failed; zero unless Err

	// Empty is when the first of the answers came that have no nodes; zero: the last one had some. Ignored says that
	// the set still has those of before.
	Empty   time.Time
	Ignored bool
}

// Status returns the state of each source.
func (s *Sets) Status() []Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]Status, len(s.sources))
	for i, w := range s.sources {
		all[i] = w.status()
	}
	return all
}
