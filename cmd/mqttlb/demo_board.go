package main

import (
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	// maxEvents is how many events a board remembers.
	maxEvents = 1000
	// forgetAfter is how long a client that has gone may take to come back
	// before it counts as having left: longer than a device's longest retry.
	forgetAfter = 6 * time.Second
)

// board knows which client sits on which node, from what brokers and balancer
// tell it. It may be used from any goroutine.
type board struct {
	home  func(client string) string // the node that the balancer prefers for it
	names []string                   // of the nodes, in order

	mu      sync.Mutex // guards the fields below
	nodes   map[string]*nodeState
	clients map[string]*clientState
	outage  time.Time // when there last was no node to come back to
	events  []event
	dropped int           // events that were there before events[0]
	grown   chan struct{} // closed, and replaced, when an event is added
}

// nodeState is what is known of a node.
type nodeState struct {
	alive    bool // the broker runs
	up       bool // the balancer sends clients
	messages uint64
}

// clientState is what is known of a client: where it is or, if it is not
// online, where it was.
type clientState struct {
	node, home string // home is empty for a client without an identifier of its own
	addr       string // of the client itself, as the node has learned it
	online     bool
	moved      time.Time // zero: never
	gone       time.Time // valid only if not online
}

// newBoard is a board of nodes that have not been started.
func newBoard(nodes []string, home func(client string) string) *board {
	b := &board{
		home:    home,
		names:   nodes,
		nodes:   make(map[string]*nodeState),
		clients: make(map[string]*clientState),
		grown:   make(chan struct{}),
	}
	for _, name := range nodes {
		b.nodes[name] = &nodeState{up: true}
	}
	return b
}

// clientConnected notes that a client has its CONNACK. keyed is false for a client
// that left it to the broker to name it: it has no home.
func (b *board) clientConnected(node, client, addr string, keyed bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	c := b.clients[client]
	if c == nil {
		c = &clientState{node: node}
		if keyed {
			c.home = b.home(client)
		}
		b.clients[client] = c
		b.addLocked(event{kind: joined, client: client, node: node, addr: addr})
	} else if c.node != node {
		kind := moved
		if node == c.home {
			kind = cameHome
		}
		b.addLocked(event{kind: kind, client: client, from: c.node, node: node, fromKilled: !b.nodes[c.node].alive})
		c.moved = time.Now()
	}
	c.node, c.addr, c.online = node, addr, true
}

// clientDisconnected notes the end of a connection. It is no news if the client is
// connected again by then.
func (b *board) clientDisconnected(node, client, addr string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if c := b.clients[client]; c != nil && c.online && c.node == node && c.addr == addr {
		c.online, c.gone = false, time.Now()
	}
}

// forget lets go of clients that have not come back. They get their time again
// once there is a node to come back to.
func (b *board) forget() {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	if !slices.ContainsFunc(b.names, func(name string) bool { return b.nodes[name].alive && b.nodes[name].up }) {
		b.outage = now
	}
	for id, c := range b.clients {
		if !c.online && now.Sub(c.gone) > forgetAfter && now.Sub(b.outage) > forgetAfter {
			b.addLocked(event{kind: left, client: id, node: c.node})
			delete(b.clients, id)
		}
	}
}

// messagePublished counts a message that a client of the node has published.
func (b *board) messagePublished(node string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.nodes[node].messages++
}

// brokerStarted notes that a broker runs.
func (b *board) brokerStarted(node string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.nodes[node].alive = true
	b.addLocked(event{kind: started, node: node})
}

// brokerKilled notes that a broker runs no more.
func (b *board) brokerKilled(node string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.nodes[node].alive = false
	b.addLocked(event{kind: killed, node: node})
}

// brokerFailed notes that a broker could not be started.
func (b *board) brokerFailed(node string, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.addLocked(event{kind: failed, node: node, err: err})
}

// setHealth notes what the balancer thinks of a node.
func (b *board) setHealth(node string, up bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := b.nodes[node]
	if n.up == up {
		return
	}
	n.up = up
	kind := nodeDown
	if up {
		kind = nodeUp
	}
	b.addLocked(event{kind: kind, node: node})
}

func (b *board) addLocked(e event) {
	e.at = time.Now()
	b.events = append(b.events, e)
	if extra := len(b.events) - maxEvents; extra > 0 {
		b.events = slices.Delete(b.events, 0, extra)
		b.dropped += extra
	}
	close(b.grown)
	b.grown = make(chan struct{})
}

// since returns the events after the first n that there have been, how many
// there have been now, and a channel that is closed when there are more.
func (b *board) since(n int) (events []event, now int, more <-chan struct{}) {
	b.mu.Lock()
	defer b.mu.Unlock()
	first := min(max(n-b.dropped, 0), len(b.events))
	return slices.Clone(b.events[first:]), b.dropped + len(b.events), b.grown
}

// view is a board at one moment.
type view struct {
	nodes  []nodeView
	events []event // oldest first
}

type nodeView struct {
	name      string
	alive, up bool // see nodeState
	messages  uint64
	clients   []clientView // by identifier
}

// online is how many of the node's clients are connected.
func (n *nodeView) online() (count int) {
	for _, c := range n.clients {
		if c.online {
			count++
		}
	}
	return count
}

type clientView struct {
	id string
	clientState
}

// view returns what the board knows now, with the last few events.
func (b *board) view(lastEvents int) view {
	b.mu.Lock()
	defer b.mu.Unlock()
	var v view
	for _, name := range b.names {
		n := b.nodes[name]
		nv := nodeView{name: name, alive: n.alive, up: n.up, messages: n.messages}
		for id, c := range b.clients {
			if c.node == name {
				nv.clients = append(nv.clients, clientView{id, *c})
			}
		}
		slices.SortFunc(nv.clients, func(x, y clientView) int { return strings.Compare(x.id, y.id) })
		v.nodes = append(v.nodes, nv)
	}
	v.events = slices.Clone(b.events[max(0, len(b.events)-lastEvents):])
	return v
}
