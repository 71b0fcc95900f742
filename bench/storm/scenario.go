//go:build linux

package storm

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// scenario is a night, told to the nodes and clients of a stage.
type scenario struct {
	name    string
	title   string
	about   string  // for the page
	nodes   int     // of the cluster
	share   float64 // clients, as a share of Options.Clients
	publish bool    // clients publish with QoS 1 now and then

	// connectRate is whether the nodes have a rate, so that the balancer's limit of it is
	// worth having.
	connectRate bool

	play func(ctx context.Context, s *stage) error
}

var scenarios = []scenario{
	{
		name: "boot", title: "all clients at once", nodes: 2, share: 1, connectRate: true, play: playBoot,
		about: "All clients connect at once, and each of 2 nodes accepts {rate} a second; the others wait in the kernel's queue of 1,024.",
	}, {
		name: "evacuate", title: "a node is evacuated", nodes: 3, share: 0.2, play: playEvacuate,
		about: "One of 3 nodes evicts its clients at {evict} a second (MQTT 5: DISCONNECT 0x9C) and refuses new ones (0x9C, or 3). " +
			"Its availability check says 503 from the same moment on, its /status 200.",
	}, {
		name: "rolling", title: "a rolling restart", nodes: 3, share: 0.6, publish: true, connectRate: true, play: playRolling,
		about: "3 nodes, one after the other, are killed, refuse connections for 5 s and come back, with 10 s until the next. " +
			"Each accepts {rate} a second. Clients publish with QoS 1 every 5 s.",
	}, {
		name: "kill", title: "kill -9 of a node", nodes: 2, share: 0.2, play: playKill,
		about: "One of 2 nodes is killed and stays away. The other one accepts at any rate.",
	}, {
		name: "refuse", title: "a node at its connection limit", nodes: 3, share: 0.2, play: playRefuse,
		about: "All clients connect at once, and one of 3 nodes closes connections right after accept, once it has half of its share. " +
			"Neither balancer knows the limit: other clients may use the broker, too.",
	}, {
		name: "flap", title: "a node that goes up and down", nodes: 3, share: 0.2, play: playFlap,
		about: "One of 3 nodes is killed every 4 s and comes back after 2 s, five times; then it stays. Half of the clients are in before, " +
			"the others come evenly meanwhile.",
	},
}

// Names returns the names of the scenarios.
func Names() []string {
	var names []string
	for _, s := range scenarios {
		names = append(names, s.name)
	}
	return names
}

// selectScenarios returns those with the given names, or all.
func selectScenarios(names []string) ([]scenario, error) {
	if len(names) == 0 {
		return scenarios, nil
	}
	var selected []scenario
	for _, name := range names {
		i := slices.IndexFunc(scenarios, func(s scenario) bool { return s.name == name })
		if i < 0 {
			return nil, fmt.Errorf("no scenario %q; there are %s", name, strings.Join(Names(), ", "))
		}
		selected = append(selected, scenarios[i])
	}
	return selected, nil
}
