//go:build linux

package proxy

import (
	"fmt"
	"io"
	"log/slog"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"mqttlb/balancer"
	"mqttlb/mqttparse"
	"mqttlb/proxy/outcome"
	"mqttlb/proxy/reactor"
	"mqttlb/proxy/snapshot"
	"mqttlb/proxy/websocket"
)

// model plays one session in the relay and checks its invariants. A script decides what happens next:
// the peers send and read in cuts of any size, end and close, time passes, mail arrives, and the loop
// takes a turn. There is no other goroutine, so a script always plays in the same way.
type model struct {
	t      testing.TB
	script []byte
	told   []string // the steps, for a failure

	l            *loop
	s            *session
	listener     *listener
	flow         *flow
	retry        *modelRetry // how the session came to its node; nil: its life begins there
	slot         uint32
	kind         modelKind
	single       bool // the client gets one packet in a frame; only if kind is modelTranslated
	version      mqttparse.Version
	client, node *modelPeer
	ours         [2]int32 // the session's descriptors
	inodes       [2]uint64

	lastKept [2]int          // bytes kept of a stream after its goodbye; -1: no goodbye yet
	passed   reactor.Tick    // time that has passed
	asked    outcome.Outcome // the outcome that mail last asked for
	asks     []outcome.Outcome
	calm     bool // only mail may have prevented a goodbye
}

// modelKind is the protocols of the two sides.
type modelKind uint8

const (
	modelBare       modelKind = iota // MQTT on both
	modelPasses                      // WebSocket on both
	modelTranslated                  // WebSocket, and MQTT to the node
	modelKinds
)

const (
	modelIdle       = 5 * time.Second
	modelHalfClosed = 3 * time.Second
	modelWrite      = 4 * time.Second
)

// playModel plays a script.
func playModel(t testing.TB, script []byte) {
	if len(script) < 2 {
		return
	}
	m := &model{t: t, script: script, lastKept: [2]int{-1, -1}, calm: true}
	defer m.close()
	m.begin(script[0], script[1])
	for at := 2; at+1 < len(script); at += 2 {
		m.step(script[at], int(script[at+1]))
		m.checkStep()
	}
	m.finish()
	m.checkEnd()
}

func (m *model) fail(format string, a ...any) {
	m.t.Helper()
	m.t.Fatalf("%s\nscript %#v\n%q", fmt.Sprintf(format, a...), m.script, m.told)
}

func (m *model) tell(format string, a ...any) { m.told = append(m.told, fmt.Sprintf(format, a...)) }

// begin makes a session whose node has just answered. It may have been turned away by another node before.
func (m *model) begin(kind, seed byte) {
	pool := must(balancer.NewPool(balancer.PoolSpec{Name: "p", Nodes: []balancer.NodeSpec{{Name: "n", Address: refusing}}}))
	ln := &snapshot.Listener{Name: "l", Pool: &snapshot.Pool{Pool: pool}}
	snap := &snapshot.Snapshot{Listeners: []*snapshot.Listener{ln}, Timeouts: snapshot.Timeouts{HalfClosed: modelHalfClosed, Write: modelWrite}}
	srv := &Server{waits: usualWaits, epoch: time.Now(), journal: newJournal(slog.New(slog.NewTextHandler(io.Discard, nil)))} //nolint:sloglint // the discarding one has no level that takes lines
	srv.journal.records, srv.openingMemory = make(chan record, 2), newOpeningMemory()
	m.l = must(newLoop(srv))
	srv.engine = &engine{server: srv, loops: []*loop{m.l}}
	m.l.current = newGeneration(snap, []*port{{}}, nil)
	m.l.current.setPlaces(1, refusalHeadroom)
	srv.current.Store(m.l.current)
	m.l.Timers.Advance(100, m.l.Due) // 10 s of real time, which do not count
	m.kind, m.version = modelKind(kind)%modelKinds, pick(kind&0x80 == 0, mqttparse.V5, mqttparse.V311)
	m.client = newModelPeer(m, "client", uint64(seed), m.kind != modelBare, true)
	m.node = newModelPeer(m, "node", uint64(seed)+1000, m.kind == modelPasses, false)

	s := m.l.newSession()
	m.s, m.slot = s, s.slot
	s.listener, s.step = m.l.counters.listener(ln, m.l.current.ports[0]), stepRelay
	s.place, _ = srv.takePlace(s.listener.port, &pending{generation: m.l.current, listener: ln})
	s.version = m.version
	s.listener.Open++
	m.listener = s.listener
	s.idle, s.active, s.byKeepAlive = reactor.Ticks(modelIdle), m.l.Timers.Now(), kind&0x40 != 0
	s.client = m.l.newStream(m.client.open())
	m.ours[0], m.inodes[0] = s.client.fd, inodeOf(s.client.fd)
	switch m.kind {
	case modelPasses:
		s.frames = new([2]websocket.Follower)
	case modelTranslated:
		m.single = kind&0x10 != 0
		s.client.layers = &layers{ws: &framing{reader: websocket.Reader{FromClient: true}, single: m.single}}
	case modelBare, modelKinds:
	}
	m.tell("kind %d, version %d", m.kind, m.version)
	if kind&0x20 != 0 && m.kind != modelPasses { // the second node would have to answer an upgrade
		m.beginAtFirst(seed)
		m.retry.play()
		return
	}
	s.flow, s.connacked = m.l.counters.flow("l", "p", pool.Nodes()[0]), true
	s.flow.Open++
	m.flow = s.flow
	pool.Nodes()[0].Acquire()
	s.server = m.l.newStream(m.node.open())
	m.ours[1], m.inodes[1] = s.server.fd, inodeOf(s.server.fd)
	m.l.advance(s)
}

func (m *model) alive() bool {
	return m.s.listener != nil && m.s.slot == m.slot && m.l.sessions.Len() == 1
}

// turn lets the loop handle what has happened.
func (m *model) turn() {
	m.l.Do(func() {})
	m.l.Turn()
}

// pass lets time pass.
func (m *model) pass(ticks reactor.Tick) {
	m.tell("%d ticks", ticks)
	m.passed += ticks
	m.calm = m.calm && (m.asked == outcome.None || !m.alive())
	m.l.Timers.Advance(m.l.Timers.Now()+ticks, m.l.Due)
}

// streams returns the open streams of the session.
func (m *model) streams() []*stream {
	if !m.alive() {
		return nil
	}
	return []*stream{&m.s.client, &m.s.server}
}

// checkStep checks the invariants after every step.
func (m *model) checkStep() {
	for i, h := range m.streams() {
		kept := 0
		if h.kept != nil {
			kept = len(h.kept.bytes)
		}
		if most := scratchSize + 256 + int(m.kind/modelTranslated)*4*scratchSize; kept > most { // pongs, and a header for each packet
			m.fail("%d bytes are kept for stream %d, more than %d", kept, i, most)
		}
		if m.lastKept[i] >= 0 && kept > m.lastKept[i] {
			m.fail("stream %d was given %d bytes after its goodbye", i, kept-m.lastKept[i])
		}
		if h.output != outputOpen {
			m.lastKept[i] = kept
		}
	}
	if !m.alive() {
		return
	}
	s, now := m.s, m.l.Timers.Now()
	switch {
	case s.timer == 0:
		m.fail("the session has limits and no timer")
	case s.deadline == 0 && (s.client.ended || s.server.ended || s.step >= stepLeave):
		m.fail("step %d of a session that ends has no limit", s.step)
	case s.step == stepRelay && stuckFor(s, now) > reactor.Ticks(modelWrite+modelWrite/checksPerLimit)+2:
		m.fail("a side takes nothing for %d ticks", stuckFor(s, now))
	case s.step == stepLeave && s.deadline > now+reactor.Ticks(usualWaits.boundary)+1:
		m.fail("it waits for a boundary until %d, now is %d", s.deadline, now)
	case s.step == stepLinger && s.deadline > now+reactor.Ticks(usualWaits.linger)+1:
		m.fail("it lingers until %d, now is %d", s.deadline, now)
	}
}

// stuckFor returns for how many ticks a side of the session has taken nothing of its backlog.
func stuckFor(s *session, now reactor.Tick) (longest reactor.Tick) {
	for _, h := range []*stream{&s.client, &s.server} {
		if h.kept != nil {
			longest = max(longest, now-h.kept.lastTake)
		}
	}
	return longest
}

// settle has the peers read and the loop turn until nothing more arrives.
func (m *model) settle() {
	for quiet := 0; quiet < 3; {
		before := len(m.client.got) + len(m.node.got)
		m.client.read(1 << 20)
		m.node.read(1 << 20)
		m.turn()
		m.checkStep()
		quiet = pick(len(m.client.got)+len(m.node.got) == before, quiet+1, 0)
	}
}

// finish ends the session that the script has left open.
func (m *model) finish() {
	m.tell("settle")
	m.settle()
	if m.alive() && m.s.step == stepRelay {
		m.checkWhole(m.client, m.node)
		m.checkWhole(m.node, m.client)
	}
	if got, _ := m.gotBy(m.client); m.alive() && m.s.step == stepLeave && m.calm && m.version == mqttparse.V5 &&
		reachable(m.node.ends, common(m.node.sent, got), len(m.node.sent)) {
		m.fail("the session waits for the end of a packet that has come")
	}
	m.client.end()
	m.node.end()
	m.settle()
	if m.alive() && !m.client.closed && !m.node.closed {
		m.fail("both have ended, have read all, and the session stays: step %d, outcome %v", m.s.step, m.s.outcome)
	}
	for i := 0; i < 4 && m.alive(); i++ {
		m.pass(100)
		m.settle()
	}
	if m.alive() {
		m.fail("the session stays: step %d, outcome %v", m.s.step, m.s.outcome)
	}
}

// close frees the peers and the loop.
func (m *model) close() {
	for _, p := range []*modelPeer{m.client, m.node} {
		if p != nil && p.fd >= 0 {
			_ = unix.Close(p.fd)
		}
	}
	if m.retry != nil {
		m.retry.close()
	}
	if m.alive() {
		m.l.finish(m.s, outcome.ClientGone)
	}
	m.l.Close()
}

// inodeOf returns the inode of a descriptor, or 0 if it is not open.
func inodeOf(fd int32) uint64 {
	var stat unix.Stat_t
	if unix.Fstat(int(fd), &stat) != nil {
		return 0
	}
	return stat.Ino
}

// checkEnd checks the counters after the end of a session, and the bytes that its peers got.
func (m *model) checkEnd() {
	c, node := m.listener, m.flow.node
	var ended []outcome.Outcome
	for o, n := range c.Outcomes {
		for range n {
			ended = append(ended, outcome.Outcome(o))
		}
	}
	if len(ended) != 1 || len(m.l.server.journal.records) != 1 {
		m.fail("outcomes %v, %d lines", ended, len(m.l.server.journal.records))
	}
	line := <-m.l.server.journal.records
	if o := m.allowed(); line.outcome != ended[0] || !slices.Contains(o, ended[0]) {
		m.fail("outcome %v, of the line %v, want one of %v", ended[0], line.outcome, o)
	}
	if c.Open != 0 || m.flow.Open != 0 || node.Open() != 0 || m.l.server.open() != 0 {
		m.fail("open: listener %d, flow %d, node %d, server %d", c.Open, m.flow.Open, node.Open(), m.l.server.open())
	}
	if at, left := m.l.Timers.Next(); left {
		m.fail("a timer is left, for tick %d", at)
	}
	for i, fd := range m.ours {
		if m.inodes[i] == inodeOf(fd) { // otherwise fd is another descriptor by now
			m.fail("descriptor %d is open", fd)
		}
	}
	if m.retry != nil {
		m.retry.check()
	}
	m.checkNode()
	m.checkCounts(ToNode, m.client, m.node)
	m.checkCounts(ToClient, m.node, m.client)
	m.checkGoodbye(ended[0])
	m.checkClient(ended[0])
	if o := ended[0]; (o == outcome.ClientClosed || o == outcome.ServerClosed) && !m.client.closed && !m.node.closed {
		m.checkWhole(m.client, m.node)
		m.checkWhole(m.node, m.client)
	}
}
