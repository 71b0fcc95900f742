package proxy

import (
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	"mqttlb/balancer"
	"mqttlb/mqttparse"
	"mqttlb/proxy/snapshot"
)

// comeAndGo opens and closes sessions until over is closed. It returns how many it has opened.
func (r *rig) comeAndGo(over <-chan struct{}, id func(i int) string) (opened int) {
	for ; ; opened++ {
		select {
		case <-over:
			return opened
		default:
		}
		c, err := mqttToMQTT.connect(r.srv.Addr("mqtt"), id(opened))
		if err != nil {
			r.t.Errorf("a session that comes and goes: %v", err)
			return opened
		}
		_ = c.Close()
	}
}

// Sessions that come and go between two looks change nothing for the others.
func TestEachSessionIsListedOnceWhileOthersComeAndGo(t *testing.T) {
	const staying = 2200 // more than the slots of one look, on each loop
	a := startNode(t, nil)
	r := start(t, []string{a.address()})
	r.openSessions(staying)
	over := make(chan struct{})
	var clients sync.WaitGroup
	for i := range 4 {
		clients.Go(func() { r.comeAndGo(over, func(n int) string { return fmt.Sprint("come and go ", i, n) }) }) // ends with over
	}
	for range 30 {
		seen, ids := map[string]int{}, map[SessionID]bool{}
		list, err := r.srv.Sessions(t.Context(), nil, ByAge, MaxListed)
		if err != nil || list.Total != len(list.Sessions) {
			t.Fatalf("%d sessions of %d: %v", len(list.Sessions), list.Total, err)
		}
		for _, s := range list.Sessions {
			seen[s.ClientID]++
			if ids[s.ID] {
				t.Errorf("two sessions %v", s.ID)
			}
			ids[s.ID] = true
		}
		for i := range staying {
			if n := seen[fmt.Sprint(i)]; n != 1 {
				t.Fatalf("session %d is listed %d times", i, n)
			}
		}
	}
	close(over)
	clients.Wait()
}

// New sessions take the slots of those that have ended, before the cursor is there.
func TestCursorDoesNotPassSessionsThatBeganLater(t *testing.T) {
	a := startNode(t, nil)
	r := start(t, []string{a.address()})
	old := r.openSessions(40)
	cursors, err := r.srv.cursors(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range old[:20] {
		_ = c.Close()
	}
	eventually(t, "the end of half of them", func() bool { return r.srv.open() == 20 })
	for i := range 20 {
		r.open(fmt.Sprint("later", i))
	}
	passed := map[string]int{}
	for _, c := range cursors {
		for !c.over() {
			c.look(func(s *session) bool { passed[s.clientID()]++; return true })
		}
	}
	for i := range 20 {
		if n := passed[fmt.Sprint(20+i)]; n != 1 {
			t.Errorf("session %d was passed %d times", 20+i, n)
		}
	}
	if len(passed) != 20 {
		t.Errorf("%d sessions were passed, want 20: %v", len(passed), passed)
	}
}

// Neither a slot nor a descriptor gives a session its identifier: both are used again.
func TestIdentifiersAreNotUsedAgain(t *testing.T) {
	a := startNode(t, nil)
	r := start(t, []string{a.address()})
	seen := map[SessionID]bool{}
	for i := range 200 {
		c := r.open(fmt.Sprint(i))
		list := r.list(FilterSpec{ClientID: fmt.Sprint(i)})
		if len(list) != 1 || seen[list[0].ID] {
			t.Fatalf("session %d: %+v; identifier used before: %t", i, list, len(list) == 1 && seen[list[0].ID])
		}
		seen[list[0].ID] = true
		_ = c.Close()
	}
	for id := range seen { // of sessions that have ended, or end now
		eventually(t, "the end of "+id.String(), func() bool { return len(r.list(FilterSpec{ID: id.String()})) == 0 })
	}
}

// An operator finds the user name that a client has sent, also when the node assigns the identifier.
func TestUserNameStaysWhenTheNodeAssignsAnIdentifier(t *testing.T) {
	r := startLeaving(t, mqttToMQTT)
	client := r.clientPeer(r.mode)
	connect := connectOf(mqttparse.V5, "", "alice")
	client.say(connect)
	c := <-r.conns
	if _, err := io.ReadFull(c, make([]byte, len(connect))); err != nil {
		t.Fatal(err)
	}
	if list := r.list(FilterSpec{Username: "alice"}); len(list) != 1 || list[0].ClientID != "" {
		t.Errorf("before the CONNACK: %+v", list)
	}
	connack := []byte("\x20\x09\x00\x00\x06\x12\x00\x03abc")
	if _, err := c.Write(connack); err != nil {
		t.Fatal(err)
	}
	client.expect(connack)
	if list := r.list(FilterSpec{Username: "alice", ClientID: "abc"}); len(list) != 1 {
		t.Errorf("after the CONNACK: %+v", r.list(FilterSpec{}))
	}
	_, _ = client.Close(), c.Close()
}

func TestIdentifierAndUserNameAreKeptUpToWhatTheLogShows(t *testing.T) {
	long := make([]byte, 3*loggedID)
	for i := range long {
		long[i] = byte('a' + i%26)
	}
	for _, n := range []int{0, 1, loggedID - 1, loggedID, loggedID + 1, 3 * loggedID} {
		for _, m := range []int{0, 1, loggedID, loggedID + 1} {
			var s session
			id, username := long[:n], long[5:5+m]
			s.name(id, username, 0)
			if s.clientID() != string(id[:min(n, loggedID)]) || s.username() != string(username[:min(m, loggedID)]) {
				t.Errorf("%d and %d bytes are kept as %q and %q", n, m, s.clientID(), s.username())
			}
			for _, rules := range []mqttparse.Rules{0, 1 << mqttparse.ClientIDNull, 1<<mqttparse.NumRules - 2} {
				if allocs := testing.AllocsPerRun(10, func() { s.name(id, username, rules) }); allocs > 1 {
					t.Errorf("%d and %d bytes: %v allocations", n, m, allocs)
				}
				if s.clientID() != string(id[:min(n, loggedID)]) || s.username() != string(username[:min(m, loggedID)]) || s.tolerated() != rules {
					t.Errorf("%d and %d bytes with rules %b are kept as %q, %q and %b", n, m, rules, s.clientID(), s.username(), s.tolerated())
				}
			}
		}
	}
}

// tableOf is a loop with n sessions that have no connections.
func tableOf(t testing.TB, n int) *loop {
	t.Helper()
	pool := must(balancer.NewPool(balancer.PoolSpec{Name: "pool", Nodes: []balancer.NodeSpec{{Name: "node-a", Address: refusing}}}))
	ln := &snapshot.Listener{Name: "mqtt", Pool: &snapshot.Pool{Pool: pool}}
	srv := &Server{epoch: time.Now(), journal: newJournal(slog.New(slog.DiscardHandler))}
	l := must(newLoop(srv))
	t.Cleanup(l.Close)
	srv.engine = &engine{server: srv, loops: []*loop{l}}
	p := &port{bound: &net.TCPAddr{}}
	l.current = newGeneration(&snapshot.Snapshot{Listeners: []*snapshot.Listener{ln}}, []*port{p}, nil)
	for i := range n {
		s := l.newSession()
		s.listener, s.flow = l.counters.listener(ln, p), l.counters.flow("mqtt", "pool", pool.Nodes()[0])
		s.listener.Open++
		s.flow.Open++
		s.step, s.version, s.connacked = stepRelay, mqttparse.V5, true
		s.source = originOf(netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}), 1883))
		s.name(fmt.Appendf(nil, "device/%06d", i), []byte("alice"), 0)
	}
	return l
}

// What one look costs a loop of 9,000 sessions that are not in its cache, which is all that a list costs
// it in one turn:
//
//	go test ./proxy -run '^$' -bench Look -benchtime 500x
//
// "all" lists every session, and "one" searches by prefix, user name and network, which is every
// comparison. "recount" is a look of Check.
func BenchmarkLook(b *testing.B) {
	const sessions = 9000
	l := tableOf(b, sessions)
	others := make([]byte, 64<<20) // larger than a cache
	measure := func(name string, look func(turn int)) {
		b.Run(name, func(b *testing.B) {
			took := make([]time.Duration, 0, b.N)
			for turn := range b.N {
				for i := 0; i < len(others); i += 64 {
					others[i]++
				}
				began := time.Now()
				look(turn)
				took = append(took, time.Since(began))
			}
			slices.Sort(took)
			b.ReportMetric(0, "ns/op") // of the clearing of the cache
			b.ReportMetric(float64(took[len(took)/2].Microseconds()), "median-µs")
			b.ReportMetric(float64(took[len(took)*9/10].Microseconds()), "p90-µs")
		})
	}
	batch := make([]SessionInfo, 0, slotsPerLook)
	var c cursor
	list := func(f *SessionFilter) func(int) {
		return func(int) {
			if c.over() {
				c = cursor{loop: l, slots: uint32(l.sessions.Cap()), last: l.serial}
			}
			batch = batch[:0]
			c.lookNow(func(s *session) bool {
				if f.matches(&c, s) {
					batch = append(batch, l.describe(s))
				}
				return true
			})
		}
	}
	measure("all", list(&SessionFilter{}))
	measure("one", list(must(ParseFilter(FilterSpec{ClientID: "device/008*", Username: "alice", Node: "node-a", Address: "10.0.0.0/8", Silent: "1h"}))))
	measure("recount", func(turn int) {
		if l.recount == nil || turn%(l.sessions.Cap()/slotsPerLook) == 0 {
			l.recount = &recount{loop: l, counts: map[share]int64{}}
		}
		if l.recount.look(slotsPerLook) {
			l.recount.compare()
		}
	})
}
