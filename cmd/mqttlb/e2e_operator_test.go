package main_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/eclipse/paho.golang/paho"

	"mqttlb/proxy/admin/api"
)

// tell sends a request about nodes over the admin socket. It returns the status and the body of the
// answer.
func (r *reloadee) tell(t *testing.T, method, path, body string) (int, []byte) {
	t.Helper()
	client := http.Client{Timeout: patience, Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", r.socket())
		},
	}}
	request, err := http.NewRequestWithContext(t.Context(), method, "http://mqttlb/api/v1/nodes"+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, answer
}

// change changes a node, which has to succeed.
func (r *reloadee) change(t *testing.T, node, verb, body string) (n api.Node) {
	t.Helper()
	status, answer := r.tell(t, http.MethodPost, "/"+node+"/"+verb, body)
	if err := json.Unmarshal(answer, &n); err != nil || status != http.StatusOK {
		t.Fatalf("%s %s: %d, %v: %s", verb, node, status, err, answer)
	}
	return n
}

// node returns a node as the API shows it.
func (r *reloadee) node(t *testing.T, name string) api.Node {
	t.Helper()
	var all api.Nodes
	status, answer := r.tell(t, http.MethodGet, "", "")
	if err := json.Unmarshal(answer, &all); err != nil || status != http.StatusOK {
		t.Fatalf("%d, %v: %s", status, err, answer)
	}
	for _, n := range all.Nodes {
		if n.Name == name {
			return n
		}
	}
	t.Fatalf("no node %s in %s", name, answer)
	return api.Node{}
}

// pahoV5 connects a paho client of MQTT 5, and returns a channel with the reason code that the server
// disconnects it with.
func pahoV5(t *testing.T, addr, id string) <-chan byte {
	t.Helper()
	conn, err := dialer("").Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	heard := make(chan byte, 1)
	client := paho.NewClient(paho.ClientConfig{
		ClientID: id, Conn: conn, PacketTimeout: patience,
		OnServerDisconnect: func(d *paho.Disconnect) { heard <- d.ReasonCode },
	})
	if _, err := client.Connect(t.Context(), &paho.Connect{ClientID: id, CleanStart: true, KeepAlive: 60}); err != nil {
		t.Fatalf("CONNECT of %s: %v", id, err)
	}
	return heard
}

// A node is drained at a pace. The clients of MQTT 5 learn why, everybody finds the other node, and no
// second has more than 1.3 times the mean.
func TestPacedDrainIsEven(t *testing.T) {
	t.Parallel()
	const sessions, paho, perSecond = 1000, 100, 100
	brokers := startMosquittos(t, 2)
	r := serveReloadable(t, nodes(brokers...))
	if n := r.change(t, "b", "drain", "{}"); n.Operator.State != api.Draining || n.Drain == nil || n.Drain.PerSecond != 0 {
		t.Errorf("%+v", n)
	}
	all := ids("client", sessions)
	told := make(chan time.Time, sessions)
	var clients sync.WaitGroup
	again := func(id string) {
		if w, err := tryDialWire(r.addrs["mqtt"], ""); err == nil {
			t.Cleanup(func() { w.Close() })
			_, err = w.connect(4, id)
			if err == nil {
				return
			}
		}
		t.Errorf("%s cannot connect again", id)
	}
	for i, id := range all {
		if i < paho {
			heard := pahoV5(t, r.addrs["mqtt"], id)
			clients.Go(func() { // ends when the session has left
				if code := <-heard; code != 0x9C {
					t.Errorf("%s heard 0x%02x", id, code)
				}
				told <- time.Now()
				again(id)
			})
			continue
		}
		w := join(t, r.addrs["mqtt"], "", 4+byte(i%2), id)
		w.SetDeadline(time.Now().Add(10 * patience))
		clients.Go(func() { // ends when the session has left
			if i%2 == 1 {
				if err := w.hearsOfAnotherServer(); err != nil {
					t.Errorf("%s: %v", id, err)
				}
			} else if b, err := w.in.ReadByte(); err == nil {
				t.Errorf("%s heard 0x%02x", id, b)
			}
			told <- time.Now()
			w.Close()
			again(id)
		})
	}
	homes(t, brokers[:1], all, 1)
	r.change(t, "b", "undrain", "")

	type sample struct {
		before, after time.Time // the request
		leaving       int64
	}
	var samples []sample
	if n := r.change(t, "a", "drain", fmt.Sprintf(`{"pace": "%d/s"}`, perSecond)); n.Drain == nil || n.Drain.Sessions != sessions || n.Drain.PerSecond != perSecond || n.Pools[0].State != "draining" {
		t.Errorf("%+v, %+v", n, n.Drain)
	}
	for left := int64(sessions); left > 0; {
		before := time.Now()
		d := r.node(t, "a").Drain
		samples = append(samples, sample{before, time.Now(), d.Leaving})
		left = d.Left
		if left > 0 && d.Remaining <= 0 {
			t.Errorf("%+v has no remaining time", d)
		}
		if len(samples) == 10 { // a reload does not disturb it
			r.mustReload(t)
		}
		if time.Since(samples[0].before) > 3*patience {
			t.Fatalf("%+v", d)
		}
		time.Sleep(20 * time.Millisecond) //nolint:forbidigo // between two samples
	}
	for i, from := range samples {
		for _, to := range samples[i:] {
			if n := to.leaving - from.leaving; to.after.Sub(from.before) <= time.Second && n > perSecond*13/10 {
				t.Fatalf("%d sessions left in %v", n, to.after.Sub(from.before))
			}
		}
	}
	clients.Wait()
	close(told)
	seconds := map[int64]int{}
	for at := range told {
		seconds[at.Unix()]++
	}
	for at, n := range seconds { // as the clients see it: on a busy machine some hear of it late
		if n > 2*perSecond {
			t.Errorf("%d clients were told in second %d: %v", n, at, seconds)
		}
	}
	if len(seconds) < sessions/perSecond {
		t.Errorf("all were told within %d seconds: %v", len(seconds), seconds)
	}
	seen := brokers[1].connects()
	eventually(t, "all are on the other node", func() bool {
		seen = brokers[1].connects()
		for _, id := range all {
			if seen[id] != 1 {
				return false
			}
		}
		return true
	})
	if lines := r.said(`"msg":"audit"`, `"action":"drain"`, `"who":"socket"`, `"node":"a"`, `"before":"enabled"`, `"after":"draining, 100/s leave"`); len(lines) != 1 {
		t.Errorf("the audit lines %q", r.said(`"msg":"audit"`))
	}
}

func TestWrongRequestsAboutNodes(t *testing.T) {
	t.Parallel()
	r := serveReloadable(t, nowhere)
	for _, wrong := range []struct {
		method, path, body string
		status             int
		says               string
	}{
		{"POST", "/gone/drain", "{}", 404, `no pool has a node \"gone\"; the nodes are a`},
		{"POST", "/a/explode", "{}", 404, "there is no"},
		{"POST", "/a/drain", `{"pace": "fast"}`, 400, "pace"},
		{"POST", "/a/drain", `{"pace": "5", "within": "5m"}`, 400, "one of them"},
		{"POST", "/a/drain", `{"pace": `, 400, "the body is not as docs/api.yaml says"},
		{"POST", "/a/drain", `{"speed": 5}`, 400, "speed"},
		{"POST", "/a/weight", `{"weight": 1000}`, 400, "1 to 256"},
		{"POST", "/a/weight", ``, 400, "1 to 256"},
	} {
		status, answer := r.tell(t, wrong.method, wrong.path, wrong.body)
		var failed api.Error
		if err := json.Unmarshal(answer, &failed); err != nil || status != wrong.status || !bytes.Contains(answer, []byte(wrong.says)) || len(failed.Errors) != 1 {
			t.Errorf("%s %s: %d, %s", wrong.path, wrong.body, status, answer)
		}
	}
	if n := r.change(t, "a", "disable", ""); len(n.Warnings) != 1 || !strings.Contains(n.Warnings[0], "no other node that is up") {
		t.Errorf("the last node: %+v", n)
	}
	w := dialWire(t, r.addrs["mqtt"], "")
	if code, err := w.connect(5, "nobody"); err != nil || code == 0 {
		t.Errorf("a client without a node: 0x%02x, %v", code, err)
	}
	for _, s := range r.sessionsEnded(t, 1, `"nobody"`) {
		if s.Outcome != "no_node" {
			t.Errorf("%+v", s)
		}
	}
}

// Weights and states are as before after a restart, and in a configuration that has come by a reload.
func TestSettingsOfNodesOutliveARestart(t *testing.T) {
	t.Parallel()
	brokers := startMosquittos(t, 3)
	r := newReloadee(t, nodes(brokers...))
	r.admin += ", state_file: DIR/state.json"
	r.put(t)
	r.run(t)
	r.change(t, "a", "disable", `{"pace": "50"}`)
	r.change(t, "b", "weight", `{"weight": 200}`)
	check := func(when string) {
		t.Helper()
		a, b := r.node(t, "a"), r.node(t, "b")
		if a.Operator.State != api.Disabled || a.Pools[0].State != "down" || a.Drain == nil || a.Drain.PerSecond != 50 || b.Pools[0].Weight != 200 || b.Pools[0].ConfiguredWeight != 1 {
			t.Errorf("%s: %+v, %+v", when, a, b)
		}
		some := ids(when, 40)
		for _, id := range some {
			join(t, r.addrs["mqtt"], "", 4, id)
		}
		onB := 0
		eventually(t, when+": all are there", func() bool {
			b, c := brokers[1].connects(), brokers[2].connects()
			onB = 0
			for _, id := range some {
				onB += b[id]
				if b[id]+c[id] != 1 {
					return false
				}
			}
			return true
		})
		if onB < 30 {
			t.Errorf("%s: %d of %d clients are on the node with a weight of 200 to 1", when, onB, len(some))
		}
		if seen := brokers[0].connects(); len(seen) > 0 {
			t.Errorf("%s: %d clients are on the disabled node", when, len(seen))
		}
	}
	check("now")
	r.logs = "level: debug, format: json"
	r.put(t)
	r.mustReload(t)
	check("reloaded")
	r.signal(t, syscall.SIGKILL)
	<-r.exited
	r.run(t)
	check("restarted")
	r.nodes = nodes(brokers[1:]...)
	r.put(t)
	r.signal(t, syscall.SIGKILL)
	<-r.exited
	r.run(t)
	if n := r.node(t, "a"); n.Operator.State != api.Disabled || len(n.Pools) > 0 {
		t.Errorf("without its node: %+v", n)
	}
	r.nodes = nodes(brokers...)
	r.put(t)
	r.mustReload(t)
	check("returned")
	r.change(t, "a", "enable", "")
	r.change(t, "b", "weight", `{"weight": 0}`)
	eventually(t, "a has clients again", func() bool {
		join(t, r.addrs["mqtt"], "", 4, fmt.Sprint("new-", time.Now().UnixNano())).disconnect(t)
		return len(brokers[0].connects()) > 0
	})
}
