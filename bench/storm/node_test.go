//go:build linux

package storm

import (
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"testing"
	"time"

	"mqttlb/mqttparse"
)

// cluster starts nodes that end with the test.
func cluster(t *testing.T, nodes int) *stage {
	t.Helper()
	s, err := newStage(t.Context(), Options{Clients: 100, Rate: 100, Patience: time.Minute, Limit: time.Minute, lengths: fullLengths},
		scenario{name: "test", nodes: nodes, share: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.stop)
	return s
}

// connect connects the client of a number to a node; the connection ends with the test.
func connect(t *testing.T, n *node, number int) (*packets, error) {
	t.Helper()
	p, err := newClient(number, 0).connect(t.Context(), n.address, time.Minute)
	if p != nil {
		t.Cleanup(func() { p.conn.Close() })
	}
	return p, err
}

// eventually waits until ok is true.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !ok(); {
		if time.Now().After(end) {
			t.Fatal("never: " + what)
		}
		<-time.After(5 * time.Millisecond)
	}
}

func TestAFullNodeClosesRightAfterAccept(t *testing.T) {
	n := cluster(t, 1).nodes[0]
	n.setLimit(1)
	if _, err := connect(t, n, 0); err != nil {
		t.Fatal(err)
	}
	if _, err := connect(t, n, 1); err == nil || failureOf(err) != failedReset {
		t.Errorf("the second client: %v, want its connection closed", err)
	}
	if got := n.turnedAway(refusedFull); got != 1 {
		t.Errorf("%d connections turned away, want 1", got)
	}
}

func TestAnEvacuatedNodeRefusesNewClientsAndSaysSo(t *testing.T) {
	n := cluster(t, 1).nodes[0]
	if got := []int{status(t, n, "/status"), status(t, n, "/api/v5/load_rebalance/availability_check")}; !slices.Equal(got, []int{200, 200}) {
		t.Errorf("before: %v", got)
	}
	n.setLeaving(true)
	for number := range 2 { // 3.1.1 and 5
		p, err := connect(t, n, number)
		if !errors.Is(err, errRefused) || failureOf(err) != failedRefused {
			t.Fatalf("client %d: %v", number, err)
		}
		if want := []byte{3, byte(mqttparse.UseAnotherServer)}[number]; p.buf[3] != want {
			t.Errorf("client %d: CONNACK % x, want code %#x", number, p.buf, want)
		}
	}
	for path, want := range map[string]int{
		"/status": 200, "/api/v5/status": 200, "/api/v4/load_rebalance/availability_check": 503,
		"/api/v5/load_rebalance/availability_check": 503, "/": 404,
	} {
		if got := status(t, n, path); got != want {
			t.Errorf("%s: %d, want %d", path, got, want)
		}
	}
}

// status asks the management port.
func status(t *testing.T, n *node, path string) int {
	t.Helper()
	r, err := http.Get("http://" + n.management.String() + path)
	if err != nil {
		t.Fatal(err)
	}
	r.Body.Close()
	return r.StatusCode
}

func TestEvictedClientsAreToldIfTheirVersionCan(t *testing.T) {
	n := cluster(t, 1).nodes[0]
	for number, want := range [][]byte{nil, mqttparse.AppendDisconnect(nil, mqttparse.UseAnotherServer)} {
		p, err := connect(t, n, number)
		if err != nil {
			t.Fatal(err)
		}
		if !n.evict() || n.evict() {
			t.Error("want one session to evict")
		}
		_ = p.conn.SetReadDeadline(time.Now().Add(time.Minute))
		got, err := io.ReadAll(p.conn)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("client %d read % x, %v; want % x", number, got, err, want)
		}
	}
}

func TestANodeOverItsRateLeavesConnectionsInTheQueue(t *testing.T) {
	s := cluster(t, 1)
	n := s.nodes[0]
	s.target = n.address
	began := time.Now()
	n.setRate(10)
	ctx, cancel := context.WithCancel(t.Context())
	s.stopClients = cancel
	s.connect(ctx, s.clients, 0)
	eventually(t, "a queue", func() bool { return n.arrivals.longestQueue() >= 20 })
	if got := n.arrivals.peak(time.Minute); got < 10 { // some may have come before the first sample
		t.Errorf("a peak of %d arrivals, at least 20 are in the queue", got)
	}
	accepted, most := n.arrivals.accepted.Load(), (time.Since(began)+acceptBurst).Seconds()*10+2
	if float64(accepted) > most {
		t.Errorf("%d accepted, want at most %.0f", accepted, most)
	}
}

func TestAKilledNodeEndsItsSessionsAndComesBack(t *testing.T) {
	n := cluster(t, 1).nodes[0]
	p, err := connect(t, n, 0)
	if err != nil {
		t.Fatal(err)
	}
	n.kill()
	_ = p.conn.SetReadDeadline(time.Now().Add(time.Minute))
	if _, _, err := p.next(); err == nil || failureOf(err) == failedTimedOut {
		t.Errorf("the session: %v, want its end", err)
	}
	if _, err := connect(t, n, 0); err == nil || failureOf(err) != failedRefused {
		t.Errorf("a dead node: %v, want it to refuse", err)
	}
	if err := n.start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := connect(t, n, 0); err != nil {
		t.Error(err)
	}
}

func TestAClientComesBackAndNoAcknowledgedMessageIsMissing(t *testing.T) {
	s := cluster(t, 1)
	n := s.nodes[0]
	ctx, cancel := context.WithCancel(t.Context())
	s.stopClients = cancel
	s.target = n.address
	s.clients = s.clients[:2]
	for _, c := range s.clients {
		c.publish = time.Millisecond
	}
	s.connect(ctx, s.clients, 0)
	eventually(t, "2 clients are in", func() bool { return n.count() == 2 })
	eventually(t, "messages", func() bool { return s.ledger.count() > 10 })
	n.kill()
	if err := n.start(ctx); err != nil {
		t.Fatal(err)
	}
	before := s.ledger.count()
	eventually(t, "2 clients are back", func() bool { return len(s.record.allWaits()) == 4 && n.count() == 2 })
	eventually(t, "more messages", func() bool { return s.ledger.count() > before+10 })
	cancel()
	s.wg.Wait()
	for _, c := range s.clients {
		if c.acked == 0 || s.ledger.missing(c.number, c.acked) != 0 {
			t.Errorf("client %d: %d acknowledged, %d missing", c.number, c.acked, s.ledger.missing(c.number, c.acked))
		}
		if got := s.ledger.missing(c.number, c.sent+3); got < 3 {
			t.Errorf("%d of 3 messages that were never sent are missing", got)
		}
	}
	if s.record.losses != 2 || s.record.attempts < 4 {
		t.Errorf("%d losses, %d CONNECTs", s.record.losses, s.record.attempts)
	}
}
