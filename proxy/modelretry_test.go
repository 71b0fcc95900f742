//go:build linux

package proxy

import (
	"math/rand/v2"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"mqttlb/balancer"
	"mqttlb/mqttparse"
	"mqttlb/proxy/reactor"
	"mqttlb/proxy/snapshot"
)

// modelRetry is the part of a model's life before its node has answered: the first node does not accept
// the client, which goes on to the second one.
type modelRetry struct {
	m        *model
	rng      *rand.Rand
	first    *modelPeer
	firstFor *flow // of the first node
	accepts  int   // the descriptor at which both nodes are dialled

	// other is the second node if it is full at first: then the client waits for the pause before the
	// next round. nil: it has room.
	other *balancer.Node
}

// beginAtFirst makes the model's session one whose first node has just got the CONNECT.
func (m *model) beginAtFirst(seed byte) {
	r := &modelRetry{m: m, rng: rand.New(rand.NewPCG(uint64(seed), 3)), accepts: -1}
	m.retry = r
	r.accepts = must(unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0))
	// One address has too few ports for a long run: they are not free for a minute.
	must(0, unix.Bind(r.accepts, &unix.SockaddrInet4{Addr: [4]byte{127, 9, byte(rand.IntN(256)), 1}}))
	must(0, unix.Listen(r.accepts, 2))
	at := must(reactor.ListeningAddr(int32(r.accepts)))
	pool := must(balancer.NewPool(balancer.PoolSpec{Name: "retry", Nodes: []balancer.NodeSpec{
		{Name: "n1", Address: at.String(), MaxConnections: 1}, {Name: "n2", Address: at.String(), MaxConnections: 1},
	}}))
	s, connect := m.s, pick(m.version == mqttparse.V5, connect5, connect311)
	m.client.sent = pick(m.kind == modelTranslated, clientFrame(finBinary, connect), connect)
	s.client.moved = uint64(len(m.client.sent))
	r.first = newModelPeer(m, "first node", uint64(seed)+2000, false, false)
	s.flow, s.server = nil, m.l.newStream(r.first.open())
	s.connacked = false
	s.pending = &pending{generation: m.l.current, listener: m.l.current.Listeners[0], attempt: attempt{
		bytes: slices.Clone(connect), owned: true, early: earlyBytes,
		pool: &snapshot.Pool{Pool: pool, Confirm: snapshot.Confirm{Attempts: 2, Time: time.Hour}},
	}}
	o := s.pending
	m.l.beginWalk(s, o.pool)
	o.node, _ = o.walk.Next(0)
	for _, n := range pool.Nodes() {
		if n != o.node && r.rng.IntN(2) == 0 && n.Acquire() {
			r.other = n
		}
	}
	s.step = m.l.reached(s)
	r.firstFor = s.flow
	m.l.advance(s)
}

// play has the first node turn the client away, and the second accept it. The client does not wait.
func (r *modelRetry) play() {
	m, s := r.m, r.m.s
	for range r.rng.IntN(8) {
		m.client.send(1 + r.rng.IntN(2000))
		if r.rng.IntN(2) == 0 {
			r.first.read(r.rng.IntN(3000))
		}
		m.turn()
	}
	refusal := pick(m.version == mqttparse.V5, []byte{0x20, 3, 0, byte(mqttparse.ServerBusy), 0}, []byte{0x20, 2, 0, 3})
	said := r.rng.IntN(len(refusal) + pick(r.other == nil, 1, 0)) // a whole one is for the client if no node is left
	r.first.add(refusal)
	r.first.send(said)
	if r.rng.IntN(2) == 0 {
		m.turn()
	}
	if said < len(refusal) {
		r.first.close()
	}
	fd := -1
	for begun := time.Now(); fd < 0; m.turn() {
		if time.Since(begun) > patience {
			m.fail("the second node is not dialled: step %d", s.step)
		}
		if r.other != nil && s.step == stepDial {
			r.pause()
		}
		fd, _, _ = unix.Accept4(r.accepts, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
	}
	r.first.close()
	if s.flow == nil || s.flow == r.firstFor || s.step != stepConfirm {
		m.fail("step %d at the second node", s.step)
	}
	r.hand(fd)
}

// pause ends the pause before the next round. Meanwhile the first node has got full, and the other one has
// room.
func (r *modelRetry) pause() {
	m, node := r.m, r.firstFor.node
	if m.s.pending.node != nil || m.s.flow != nil || !node.Acquire() {
		m.fail("in the pause the session is on a node: %v, %v", m.s.pending.node, m.s.flow)
	}
	r.other.Release()
	r.other = nil
	second := reactor.Ticks(time.Second)
	m.l.Timers.Advance(m.l.Timers.Now()+second, m.l.Due)
	m.passed += second
	node.Release()
}

// hand gives the model's node the session's connection to the second node, of which fd is the other end.
func (r *modelRetry) hand(fd int) {
	m, s := r.m, r.m.s
	b := make([]byte, 128<<10)
	n, _ := unix.Read(fd, b)
	_ = unix.Close(fd)
	m.node.got = append(m.node.got, b[:max(n, 0)]...)
	ours := m.node.open()
	must(0, unix.Dup3(int(ours), int(s.server.fd), unix.O_CLOEXEC))
	_ = unix.Close(int(ours))
	s.server = m.l.newStream(s.server.fd)
	m.l.await(s)
	m.node.add(pick(m.version == mqttparse.V5, connack5, connack311))
	m.node.ends[len(m.node.pending)] = true
	m.node.send(len(m.node.pending))
	for range 100 {
		if m.turn(); s.step == stepRelay {
			break
		}
		m.client.read(1 << 20) // the pongs
	}
	if s.step != stepRelay || s.pending != nil {
		m.fail("step %d after the CONNACK", s.step)
	}
	m.flow = s.flow
	m.ours[1], m.inodes[1] = s.server.fd, inodeOf(s.server.fd)
}

// check checks the counters of the first node after the end.
func (r *modelRetry) check() {
	f := r.firstFor
	retries := uint64(0)
	for _, n := range f.Retries {
		retries += n
	}
	if f.Open != 0 || f.Total != 1 || retries != 1 || f.node.Open() != 0 || f.Packets[ToNode] != (PacketStats{}) || f.Sent != 0 {
		r.m.fail("the first node has %+v, and %d open", f.FlowStats, f.node.Open())
	}
}

func (r *modelRetry) close() {
	r.first.close()
	_ = unix.Close(r.accepts)
}
