package main_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"mqttlb/proxy/admin/api"
)

// list returns the sessions that ctl lists with the flags.
func (r *reloadee) list(t *testing.T, flags ...string) (s api.Sessions) {
	t.Helper()
	if err := json.Unmarshal([]byte(r.must(t, append([]string{"sessions", "--json"}, flags...)...)), &s); err != nil {
		t.Fatal(err)
	}
	return s
}

// names returns the client identifiers of sessions in their order.
func names(s api.Sessions) []string {
	var ids []string
	for i := range s.Sessions {
		ids = append(ids, s.Sessions[i].ClientID)
	}
	return ids
}

func TestSessionsAreFilteredSortedAndLimited(t *testing.T) {
	t.Parallel()
	r := serveReloadable(t, nodes(startMosquittos(t, 2)...))
	for _, c := range []struct {
		from, id string
		version  byte
	}{{"127.0.0.2", "sensor-1", 4}, {"127.0.0.2", "sensor-2", 5}, {"127.0.0.3", "meter-1", 3}} {
		join(t, r.addrs["mqtt"], c.from, c.version, c.id)
	}
	noisy := join(t, r.addrs["mqtt"], "127.0.0.4", 5, "noisy")
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() { // ends at stop
		defer close(stopped)
		for noisy.ping() == nil {
			select {
			case <-stop:
				return
			default:
			}
		}
	}()
	defer func() { close(stop); <-stopped }()
	node := map[string]string{}
	for _, s := range r.list(t).Sessions {
		node[s.ClientID] = s.Node
	}
	on := slices.DeleteFunc([]string{"meter-1", "noisy", "sensor-1", "sensor-2"}, func(id string) bool { return node[id] != "a" })
	for _, c := range []struct {
		flags string
		want  []string
	}{
		{"--client-id sensor-1", []string{"sensor-1"}},
		{"--client-id sensor-*", []string{"sensor-1", "sensor-2"}},
		{"--address 127.0.0.2", []string{"sensor-1", "sensor-2"}},
		{"--address 127.0.0.2/31", []string{"meter-1", "sensor-1", "sensor-2"}},
		{"--version 3.1", []string{"meter-1"}},
		{"--version 5 --address 127.0.0.2", []string{"sensor-2"}},
		{"--node a", on},
		{"--listener mqtt --pool brokers", []string{"meter-1", "noisy", "sensor-1", "sensor-2"}},
		{"--username nobody", nil},
		{"--older 100h", nil},
		{"--silent 100h", nil},
		{"--limit 2", []string{"meter-1", "noisy"}},
	} {
		if got := names(r.list(t, append(strings.Fields(c.flags), "--sort", "client_id")...)); !slices.Equal(got, c.want) {
			t.Errorf("sessions %s: %v, want %v", c.flags, got, c.want)
		}
	}
	if got := names(r.list(t, "--sort", "age")); len(got) != 4 || got[0] != "sensor-1" {
		t.Errorf("the oldest first: %v", got)
	}
	for _, order := range []string{"received", "sent", "rate"} {
		if got := names(r.list(t, "--sort", order)); len(got) != 4 || got[0] != "noisy" {
			t.Errorf("by %s: %v", order, got)
		}
	}
	id := r.list(t, "--client-id", "meter-1").Sessions[0].ID
	if got := names(r.list(t, "--id", id)); !slices.Equal(got, []string{"meter-1"}) {
		t.Errorf("%s is the id of %v", id, got)
	}
	r.must(t, "kick", "--id", id)
	eventually(t, "the session has ended", func() bool { return r.list(t, "--id", id).Total == 0 })
	if out, code := r.ctl(t, "kick", "--id", id); code != 1 || !strings.Contains(out, "there is no session "+id) {
		t.Errorf("a session that has ended: exit code %d: %s", code, out)
	}
}

func TestAKickedClientHearsItsReasonCode(t *testing.T) {
	t.Parallel()
	r := serveReloadable(t, nodes(startMosquittos(t, 2)...))
	for flag, want := range map[string]byte{"": 0x98, "0x9c": 0x9C, "server-busy": 0x89, "135": 0x87} {
		id := "client-" + flag
		heard := pahoV5(t, r.addrs["mqtt"], id)
		args := []string{"kick", "--client-id", id}
		if flag != "" {
			args = append(args, "--reason-code", flag)
		}
		if out := r.must(t, args...); out != "1 session told to leave\n" {
			t.Errorf("%q", out)
		}
		select {
		case code := <-heard:
			if code != want {
				t.Errorf("--reason-code %q: heard 0x%02x, want 0x%02x", flag, code, want)
			}
		case <-time.After(patience):
			t.Errorf("--reason-code %q: nothing heard", flag)
		}
	}
	if lines := r.waitForN(t, 4, `"msg":"audit"`, `"action":"kick"`); len(lines) != 4 {
		t.Errorf("%d audit lines of 4 kicks", len(lines))
	}
}

// A drain with --wait ends when the clients are on the other node, where route says that they go.
func TestDrainWaitsAndRouteAgrees(t *testing.T) {
	t.Parallel()
	brokers := startMosquittos(t, 2)
	r := serveReloadable(t, nodes(brokers...))
	events := r.followEvents(t)
	clients := ids("client", 40)
	wires := map[string]*wire{}
	for _, id := range clients {
		wires[id] = join(t, r.addrs["mqtt"], "", 5, id)
	}
	agree := func() (onA int) {
		t.Helper()
		for _, s := range r.list(t).Sessions {
			var route api.Route
			if err := json.Unmarshal([]byte(r.must(t, "route", "--json", s.ClientID)), &route); err != nil || len(route.Routes) != 1 {
				t.Fatal(err, route)
			}
			first := route.Routes[0].Candidates[0]
			if !first.Chosen || first.Node != s.Node {
				t.Errorf("%s is on %s; route says %+v", s.ClientID, s.Node, first)
			}
			if s.Node == "a" {
				onA++
			}
		}
		return onA
	}
	onA := agree()
	if onA == 0 || onA == len(clients) {
		t.Fatalf("%d of %d on a", onA, len(clients))
	}
	moving := r.list(t, "--node", "a")
	told := make(chan error, len(clients))
	for i := range moving.Sessions {
		id := moving.Sessions[i].ClientID
		w := wires[id]
		go func() { // ends when the session has left
			err := w.hearsOfAnotherServer()
			w.Close()
			if err == nil {
				w, err = tryJoin(r.addrs["mqtt"], "", 5, id)
			}
			if err == nil {
				t.Cleanup(func() { w.Close() })
			}
			told <- err
		}()
	}
	if out := r.must(t, "drain", "a", "--within", "2s", "--wait"); !strings.HasSuffix(out, "a: the last session has left\n") {
		t.Errorf("%q", out)
	}
	for range moving.Sessions {
		if err := <-told; err != nil {
			t.Error(err)
		}
	}
	if s := r.list(t, "--node", "b"); s.Total != len(clients) {
		t.Errorf("%d of %d sessions on b", s.Total, len(clients))
	}
	if agree() != 0 {
		t.Error("sessions on a")
	}
	if out := r.must(t, "nodes"); !strings.Contains(out, "no sessions left") {
		t.Errorf("%s", out)
	}
	for _, want := range []struct{ kind, subject, text string }{
		{"drain", "a", fmt.Sprintf("the sessions of a node leave: cause=operator sessions=%d per_second=", onA)},
		{"operator", "drain", `by socket: node=a before=enabled after="draining, all leave until `},
		{"drain", "a", fmt.Sprintf("all sessions have left the node: cause=operator told_to_leave=%d seconds=", onA)},
	} {
		select {
		case e := <-events:
			if e.Kind != want.kind || e.Subject != want.subject || !strings.HasPrefix(e.Text, want.text) {
				t.Errorf("%+v, want %+v", e, want)
			}
		case <-time.After(patience):
			t.Fatalf("no event %+v", want)
		}
	}
}

// Over admin.address anyone may read, and a change needs the token.
func TestCtlOverTheAddress(t *testing.T) {
	t.Parallel()
	r := newReloadee(t, nodes(startMosquitto(t, "a")))
	right, wrong := filepath.Join(r.dir, "token"), filepath.Join(r.dir, "wrong")
	putFile(t, right, adminToken+"\n", 0o600)
	putFile(t, wrong, "wrong-wrong-wrong-wrong\n", 0o600)
	r.admin = `address: "${admin}", socket: DIR/socket, token_file: DIR/token`
	r.put(t)
	r.run(t)
	server := "mqttlb ctl weight: the admin server http://" + r.addrs["admin"]
	for _, c := range []struct{ command, token, says string }{
		{"nodes", "", "a     up"},
		{"nodes", right, "a     up"},
		{"weight a 3", "", server + " asks for its token: name the file of admin.token_file with --token-file\n"},
		{"weight a 3", wrong, server + " has another token than that of --token-file\n"},
		{"weight a 3", filepath.Join(r.dir, "none"), "mqttlb ctl weight: --token-file: open "},
		{"weight a 3", right, "weight 1 in the file"},
	} {
		args := append([]string{"ctl", "--address", r.addrs["admin"]}, strings.Fields(c.command)...)
		if c.token != "" {
			args = append(args, "--token-file", c.token)
		}
		out, code := mqttlb(t, args...)
		if refused := strings.HasPrefix(c.says, "mqttlb ctl weight: "); !strings.Contains(out, c.says) || code != map[bool]int{true: 1}[refused] || refused && strings.Count(out, "\n") != 1 {
			t.Errorf("%s with the token %q: exit code %d: %s", c.command, c.token, code, out)
		}
	}
	if lines := r.waitForN(t, 1, `"msg":"audit"`, `"who":"token"`, `"action":"weight"`); len(lines) != 1 {
		t.Errorf("%v", lines)
	}
	if out, code := mqttlb(t, "ctl", "--address", r.addrs["mqtt"], "nodes"); code != 1 || !strings.Contains(out, r.addrs["mqtt"]+": the process that answers is no mqttlb that knows this command: 400 Bad Request: Client sent an HTTP request to an MQTT server.\n") {
		t.Errorf("at an MQTT listener: exit code %d: %s", code, out)
	}

	// The counts of the loops agree while clients come and go.
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() { // ends at stop
		defer close(stopped)
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
				if w, err := tryJoin(r.addrs["mqtt"], "", 4, fmt.Sprintf("guest-%d", i)); err == nil {
					w.Close()
				}
			}
		}
	}()
	for range 50 {
		var check api.Check
		code, text := askAPI(t, r.overSocket(), "GET", "http://mqttlb/debug/check", "")
		if err := json.Unmarshal([]byte(text), &check); code != http.StatusOK || err != nil || len(check.Faults) > 0 {
			t.Errorf("%d %v %s", code, err, text)
		}
	}
	close(stop)
	<-stopped
}
