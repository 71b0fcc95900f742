package main_test

import (
	"context"
	"flag"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"
)

// The rolling restart in its full size, with what it measures:
//
//	go test ./cmd/mqttlb -run TestRollingRestart -v -rolling-clients 3000 -rolling-wait 2s
var (
	rollingClients = flag.Int("rolling-clients", 300, "`clients` of the rolling restart, a multiple of 30")
	rollingWait    = flag.Duration("rolling-wait", 20*time.Second, "the longest `wait` for a CONNACK in it, which a busy machine prolongs")
)

// Three brokers are killed and started again, one after the other, each when the clients of the last one are
// back. Each broker logs the topics that it gets. A node takes a sixth of all clients a second: the two that are
// left have the third of the one that is killed after a second.
func TestRollingRestartLosesNothing(t *testing.T) {
	t.Parallel()
	clients := *rollingClients
	rate, paho, every := clients/6, clients/30, time.Duration(clients)*time.Second/300
	brokers := startMosquittos(t, 3)
	r := newReloadee(t, nodes(brokers...))
	r.health = "{probe: mqtt, interval: 500ms, timeout: 500ms, fall: 2, rise: 2}"
	rebalance := fmt.Sprintf("    rebalance: %d/s\n", rate/4)
	r.more = rebalance + "limits: {connect_rate: 0}\n"
	r.put(t)
	r.run(t)

	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var living sync.WaitGroup
	var publishers []*publisher
	for i := range paho {
		publishers = append(publishers, publishV3(t, r.addrs["mqtt"], fmt.Sprintf("v3-%d", i)), publishV5(t, r.addrs["mqtt"], fmt.Sprintf("v5-%d", i)))
	}
	for _, p := range publishers {
		living.Go(func() { p.live(ctx, every) }) // ends with ctx
	}
	var devices []*device
	for i := range clients - 2*paho {
		d := &device{id: fmt.Sprintf("device-%d", i), version: []byte{4, 5}[i%2], persistent: i%3 == 0, every: every}
		devices = append(devices, d)
		living.Go(func() { d.live(ctx, r.addrs["mqtt"]) }) // ends with ctx
	}
	watch := watchNodes(t, r, clients)
	watch.await("all clients are in", func(map[string]int) bool { return true })
	r.more = fmt.Sprintf("%s    connect_rate: %d/s\n    queue: {size: %d, time: 1m}\nlimits: {connect_rate: 0}\n", rebalance, rate, clients)
	r.put(t)
	r.mustReload(t)
	paced := time.Now()

	lives := []*process{}
	const back = `"msg":"the sessions have returned to their first node"`
	for _, m := range brokers {
		lives = append(lives, m.process)
		watch.begin()
		m.kill()
		watch.await("all clients are on the others than "+m.name, func(open map[string]int) bool { return open[m.name] == 0 })
		watch.checkRate(rate)
		r.waitFor(t, `"msg":"node is down"`, fmt.Sprintf(`"node":%q`, m.name))
		before := len(r.said(back)) // others than those that return now
		m.restart(t)
		lives = append(lives, m.process)
		r.waitForN(t, before+1, back)
		watch.await("all clients are in again", func(open map[string]int) bool { return open[m.name] > clients/6 })
	}
	stop()
	living.Wait()
	t.Logf("%d clients; most that a node took in a second: %d; its rate is %d and a tenth at once", clients, busiest(lives, paced), rate)
	checkArrived(t, lives, publishers, devices)
	if n := r.metrics(t).sum(t, "mqttlb_refusals_total"); n != 0 {
		t.Errorf("%v refusals", n)
	}
}

// checkArrived checks that the brokers have got what they acknowledged, and that no CONNECT was in vain or waited
// too long.
func checkArrived(t *testing.T, brokers []*process, publishers []*publisher, devices []*device) {
	t.Helper()
	got := map[string]bool{}
	for _, p := range brokers {
		for _, line := range p.said("Received PUBLISH from ") {
			if _, rest, ok := strings.Cut(line, ", '"); ok {
				topic, _, _ := strings.Cut(rest, "'")
				got[topic] = true
			}
		}
	}
	acked, longest := 0, time.Duration(0)
	count := func(id string, texts []string, wait time.Duration) {
		acked += len(texts)
		if len(texts) == 0 {
			t.Errorf("%s has published nothing", id)
		}
		for _, text := range texts {
			if !got[text] {
				t.Errorf("%q was acknowledged and has not arrived", text)
			}
		}
		if longest = max(longest, wait); wait > *rollingWait {
			t.Errorf("%s has waited %v for a CONNACK", id, wait)
		}
	}
	for _, p := range publishers {
		count(p.id, p.acked, time.Duration(p.longest.Load()))
		// It may be on its way home just now.
		eventually(t, p.id+" has sent no CONNECT in vain", func() bool { return p.refused.Load() == 0 })
	}
	for _, d := range devices {
		count(d.id, d.acked, d.longest)
		if len(d.refused) > 0 {
			t.Errorf("%s was refused: %s", d.id, strings.Join(d.refused, "; "))
		}
	}
	t.Logf("%d PUBLISH acknowledged; longest wait for a CONNACK %v", acked, longest.Round(time.Millisecond))
}
