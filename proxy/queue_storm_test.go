//go:build linux

package proxy

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"mqttlb/balancer"
	"mqttlb/mqttparse"
	"mqttlb/proxy/outcome"
)

// stormNode is a broker that notes when each client's connection came, and its identifier.
type stormNode struct {
	mu   sync.Mutex // guards the fields below
	came []time.Time
	ids  []string
}

func (n *stormNode) serve(c net.Conn) {
	n.mu.Lock()
	n.came = append(n.came, time.Now())
	n.mu.Unlock()
	b := make([]byte, 100)
	got, err := c.Read(b)
	var connect mqttparse.Connect
	if _, bad := connect.Parse(b[:got], len(b)); err != nil || bad != nil {
		return
	}
	n.mu.Lock()
	n.ids = append(n.ids, string(connect.ClientID))
	n.mu.Unlock()
	if _, err := c.Write(connack311); err == nil {
		_, _ = io.Copy(io.Discard, c)
	}
}

// Half of the clients of a storm have their state on a node and get that node, the others get any. However many
// come at once, no node gets more than its rate.
func TestAStormReachesEachNodeAtItsRate(t *testing.T) {
	const perSecond, clients = 50, 500
	var nodes [3]stormNode
	var addresses []string
	for i := range nodes {
		addresses = append(addresses, startNode(t, nodes[i].serve).address())
	}
	r := start(t, addresses, paced(t, perSecond, balancer.Queue{Size: clients, Time: time.Minute}))
	own := func(id string) int {
		candidates := r.snap.Listeners[0].Pool.Candidates(balancer.Client{Key: balancer.Hash([]byte(id)), Keyed: true, Persistent: true})
		return slices.Index(r.snap.Listeners[0].Pool.Nodes(), candidates.Next())
	}
	began := time.Now()
	to := r.srv.Addr("mqtt")
	open := make([]net.Conn, clients)
	var storm sync.WaitGroup
	for i := range clients {
		storm.Go(func() {
			connect := connectAs(fmt.Sprint("clean-", i))
			if i%2 == 0 {
				connect = persistent(fmt.Sprint("stays-", i))
			}
			c, err := net.Dial(to.Network(), to.String())
			if err != nil {
				t.Error(err)
				return
			}
			open[i] = c
			_ = c.SetDeadline(time.Now().Add(time.Minute))
			answer := make([]byte, len(connack311))
			if _, err := c.Write(connect); err != nil {
				t.Error(err)
			} else if _, err := io.ReadFull(c, answer); err != nil || !bytes.Equal(answer, connack311) {
				t.Errorf("client %d: % x, %v", i, answer, err)
			}
		})
	}
	storm.Wait()
	r.wantAgreement("after the storm", clients)
	for _, c := range open {
		_ = c.Close()
	}
	r.waitOutcome(outcome.ClientClosed, clients)
	for i := range nodes {
		n := &nodes[i]
		n.mu.Lock()
		slices.SortFunc(n.came, time.Time.Compare)
		for k, at := range n.came { // a late node sees them later, never earlier
			if most := perSecond*at.Sub(began).Seconds() + perSecond/10 + 1; float64(k+1) > most {
				t.Errorf("node %d: %d connections within %v, want at most %.0f", i, k+1, at.Sub(began), most)
			}
		}
		if len(n.came) < clients/6 {
			t.Errorf("node %d has %d of %d clients", i, len(n.came), clients)
		}
		for _, id := range n.ids {
			if id[0] == 's' && own(id) != i {
				t.Errorf("%s is on node %d, its own is %d", id, i, own(id))
			}
		}
		n.mu.Unlock()
	}
}
