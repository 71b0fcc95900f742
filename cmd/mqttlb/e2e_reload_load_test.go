package main_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"maps"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// load is the size of TestReloadsUnderLoad.
type load struct {
	sessions  int // that stay all the time
	perSecond int // clients that come and go
	reloads   int
}

// loadOf is what a slow machine does in less than a minute.
func loadOf() load {
	if testing.Short() || raceEnabled() {
		return load{sessions: 200, perSecond: 40, reloads: 25}
	}
	return load{sessions: 2000, perSecond: 300, reloads: 100}
}

// crowd is clients that are on the balancer while its configuration changes.
type crowd struct {
	addrs    map[string]string // by protocol
	tls      *tls.Config
	running  sync.WaitGroup
	visits   atomic.Int64
	failures atomic.Int64
	t        *testing.T
}

// fail reports what a client has met, a few times.
func (c *crowd) fail(id string, err error) {
	if n := c.failures.Add(1); n <= 10 {
		c.t.Errorf("%s: %v", id, err)
	}
}

// come opens a session over one of the protocols.
func (c *crowd) come(i int, id string) (*caller, error) {
	kind := []string{"mqtt", "mqtts", "ws", "tcp", "passthrough"}[i%5]
	id += "-" + kind
	switch addr := c.addrs[kind]; kind {
	case "ws":
		w, err := tryDialWS(addr, "")
		return newCaller(w, err, id)
	case "mqtts", "passthrough":
		w, err := tryDialWire(addr, "")
		if err != nil {
			return nil, err
		}
		conn := tls.Client(w.Conn, c.tls)
		if err := conn.Handshake(); err != nil {
			w.Close()
			return nil, err
		}
		w.Conn = conn
		w.in.Reset(conn)
		return newCaller(w, nil, id)
	default:
		w, err := tryDialWire(addr, "")
		return newCaller(w, err, id)
	}
}

// stay has a client talk until ctx ends, a message ahead of its echoes, and leave.
func (c *crowd) stay(ctx context.Context, i int, client *caller) {
	defer client.Close()
	pause := time.Duration(600+i%5*100) * time.Millisecond
	if i%100 == 0 {
		pause = 5 * time.Millisecond
	}
	turn := time.NewTicker(pause)
	defer turn.Stop()
	err := client.say()
	for err == nil && ctx.Err() == nil {
		if err = client.say(); err == nil {
			err = client.hear()
		}
		select {
		case <-turn.C:
		case <-ctx.Done():
		}
	}
	if err == nil {
		err = client.hear()
	}
	if err != nil {
		c.fail(fmt.Sprintf("session %d", i), err)
	}
}

// visit has a client come, talk a little and leave.
func (c *crowd) visit(i int) {
	id := fmt.Sprintf("visit-%d", i)
	client, err := c.come(i, id)
	if err == nil {
		err = errors.Join(client.say(), client.say())
		for err == nil && len(client.sent) > 0 {
			err = client.hear()
		}
		client.Close()
	}
	if err != nil {
		c.fail(id, err)
	}
	c.visits.Add(1)
}

// visitors has so many clients come in a second, until ctx ends and the last has left.
func (c *crowd) visitors(ctx context.Context, perSecond int) {
	const most = 500 // at once: a machine that is too slow gets fewer
	places := make(chan bool, most)
	turn := time.NewTicker(time.Second / time.Duration(perSecond))
	defer turn.Stop()
	var visits sync.WaitGroup
	defer visits.Wait()
	for i := 0; ctx.Err() == nil; i++ {
		select {
		case <-turn.C:
			places <- true
			visits.Go(func() { c.visit(i); <-places }) // ends with the visit
		case <-ctx.Done():
		}
	}
}

// usage is what the process holds.
type usage struct{ goroutines, descriptors, heap float64 }

func (b *balancer) usage(t *testing.T) usage {
	t.Helper()
	m := b.metrics(t)
	return usage{m.sum(t, "go_goroutines"), m.sum(t, "process_open_fds"), m.sum(t, "go_memstats_heap_alloc_bytes")}
}

// A hundred files are put in force, each of which changes nearly all that a file can change, and some that are refused. Nobody
// notices.
func TestReloadsUnderLoad(t *testing.T) { // before the parallel tests, which it would starve
	size := loadOf()
	r := newChanging(t)
	r.change(t, 0)
	r.run(t)
	c := &crowd{addrs: maps.Clone(r.addrs), tls: withName(r.lab.client(t, "")), t: t}

	staying, leave := context.WithCancel(context.Background())
	defer c.running.Wait()
	defer leave()
	for i := range size.sessions {
		client, err := c.come(i, fmt.Sprintf("session-%d", i))
		if err != nil {
			t.Fatal(err)
		}
		c.running.Go(func() { c.stay(staying, i, client) }) // ends with staying
	}
	warm, cool := context.WithTimeout(context.Background(), 2*time.Second)
	c.visitors(warm, size.perSecond)
	cool()
	open := func() float64 { return r.metrics(t).sum(t, "mqttlb_connections_open") }
	eventually(t, "the sessions are alone", func() bool { return open() == float64(size.sessions) })
	before := r.usage(t)

	coming, last := context.WithCancel(context.Background())
	c.running.Go(func() { c.visitors(coming, size.perSecond) }) // ends with coming
	defer last()
	begun, visits, refused := time.Now(), c.visits.Load(), 0
	turn := time.NewTicker(100 * time.Millisecond)
	defer turn.Stop()
	for i := 1; i <= size.reloads && c.failures.Load() == 0; i++ {
		<-turn.C
		if i%8 == 3 {
			r.changeWrong(t, refused)
			if out, code := r.reload(t); code != 1 {
				t.Errorf("a wrong file: exit code %d, %s", code, out)
			}
			refused++
		}
		r.change(t, i%size.reloads) // the last one is the first
		if i%2 == 0 {
			r.mustReload(t)
		} else {
			r.signal(t, syscall.SIGHUP)
			r.waitForN(t, (i+1)/2, "audit", "SIGHUP", "done")
		}
	}
	took := time.Since(begun)
	last()
	t.Logf("%d reloads in %v, beside %d sessions and %.0f visits a second", size.reloads, took.Round(time.Millisecond), size.sessions,
		float64(c.visits.Load()-visits)/took.Seconds())
	if t.Failed() {
		return
	}
	eventually(t, "the sessions are alone", func() bool { return open() == float64(size.sessions) || t.Failed() })
	r.wantReloads(t, size.reloads, refused)

	var after usage
	back := func() bool {
		after = r.usage(t)
		return after.goroutines <= before.goroutines+3 && after.descriptors <= before.descriptors+3 && after.heap <= 1.3*before.heap+4<<20
	}
	defer func() { t.Logf("%+v before, %+v after", before, after) }()
	eventually(t, "what the process holds is as before", back)
	leave()
	eventually(t, "the clients have left", func() bool { return open() == 0 })
	r.wantNoOtherEnd(t)
}

// wantReloads checks the counts of reloads, of which the last was good.
func (r *changing) wantReloads(t *testing.T, done, refused int) {
	t.Helper()
	if got := r.reloads(t, "done"); got != float64(done) {
		t.Errorf("%v reloads are counted, want %d", got, done)
	}
	if got := r.reloads(t, "refused"); got != float64(refused) {
		t.Errorf("%v refused reloads are counted, want %d", got, refused)
	}
	if r.failed(t) != 0 {
		t.Error("the metric shows a failure that is over")
	}
}

// wantNoOtherEnd checks that every connection was ended by its client. TLS that is passed on is an exception: the node answers
// the client's close_notify, and may be faster than the client.
func (r *changing) wantNoOtherEnd(t *testing.T) {
	t.Helper()
	for series, n := range r.metrics(t) {
		ended := strings.HasPrefix(series, "mqttlb_outcomes_total{")
		if ended && n > 0 && !strings.Contains(series, `"client_closed"`) && !strings.Contains(series, `"passthrough"`) {
			t.Errorf("%s %v", series, n)
		}
	}
}
