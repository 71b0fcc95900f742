package main

import (
	"context"
	"time"

	"mqttlb/balancer/dns"
	"mqttlb/config"
)

// firstAnswers is how long the start waits for the addresses of nodes with host names, so that their first
// clients need not wait. A resolver that works answers sooner. If it does not, clients of other nodes have
// theirs at once.
const firstAnswers = 250 * time.Millisecond

// laterAnswers is how long a change that is no reload waits for the addresses of new nodes. A name that no cache has takes
// a second at most.
const laterAnswers = time.Second

// resolve looks up the host names of the nodes at the start. What it has no answer for, the workers look up.
func (p *plan) resolve(ctx context.Context) {
	limited, cancel := context.WithTimeout(ctx, firstAnswers)
	defer cancel()
	p.names.Resolve(limited)
}

// resolveNew looks up the host names of new nodes before they are in force. A set that changes, or a weight, does not wait
// for a server that is silent, and so no operator waits behind it: the workers look up what has no answer by then.
func (p *plan) resolveNew(ctx context.Context) {
	if p.again {
		limited, cancel := context.WithTimeout(ctx, laterAnswers)
		defer cancel()
		ctx = limited
	}
	p.names.ResolveNew(ctx, p.nodes())
}

// applyNames puts the settings of the resolver and the nodes in force. Other servers are asked at once.
func (p *plan) applyNames() {
	r := &p.config.Resolver
	p.names.SetEmptyGrace(r.EmptyGrace)
	other := p.stub.Set(resolverOf(r))
	p.names.Apply(p.nodes())
	p.sets.Apply(watchesOf(p.config))
	if other {
		p.names.LookUpAgain()
		p.sets.LookUpAgain()
	}
}

// resolverOf returns the run-time form of the settings of the resolver.
func resolverOf(r *config.Resolver) dns.Settings {
	return dns.Settings{Servers: r.Servers, Timeout: r.Timeout}
}
