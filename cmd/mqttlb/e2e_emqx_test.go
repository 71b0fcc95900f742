package main_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"mqttlb/proxy/admin/api"
	"mqttlb/proxy/proxytest"
)

// managed is the management API of an EMQX 5 in front of its MQTT listener, which is that of Mosquitto. With a
// secret it wants a login, as before 5.4.
type managed struct {
	secret   string
	draining atomic.Bool
}

func (m *managed) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_, secret, _ := r.BasicAuth()
	switch {
	case r.URL.Path == "/status":
		w.Header().Set("Content-Type", "text/plain")
		_, _ = io.WriteString(w, "Node emqx@127.0.0.1 is started\nemqx is running")
	case r.URL.Path != "/api/v5/load_rebalance/availability_check":
		w.WriteHeader(http.StatusNotFound)
	case m.secret != "" && secret != m.secret:
		w.WriteHeader(http.StatusUnauthorized)
		_, _ = io.WriteString(w, `{"code":"BAD_API_KEY_OR_SECRET","message":"Check api_key/api_secret"}`)
	case m.draining.Load():
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = io.WriteString(w, `{"code":"NODE_EVACUATING","message":"Node Evacuating"}`)
	default:
		_, _ = io.WriteString(w, "{}")
	}
}

// manage serves a management API at an address until the test ends.
func manage(t *testing.T, addr, secret string) *managed {
	t.Helper()
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	m := &managed{secret: secret}
	server := &http.Server{Handler: m}
	go server.Serve(ln) // ends with the server
	t.Cleanup(func() { server.Close() })
	return m
}

// The nodes have the same ports on two addresses, as the nodes of a cluster have.
func TestANodeThatEvacuatesGetsNoNewClientsAndKeepsTheOldOnes(t *testing.T) {
	t.Parallel()
	const clients, secret = 24, "s3cr:t-of-the-key"
	other := proxytest.FreeAddr(t, "127.0.0.2")
	_, otherPort, _ := net.SplitHostPort(other)
	brokers := []*mosquitto{startMosquitto(t, "a"), startMosquitto(t, "b", "listener "+otherPort+" 127.0.0.2")}
	a, b := brokers[0], brokers[1]
	b.addr = other
	_, port, _ := net.SplitHostPort(proxytest.FreeAddr(t, "127.0.0.1"))
	atA, atB := manage(t, "127.0.0.1:"+port, secret), manage(t, "127.0.0.2:"+port, "")

	r := newReloadee(t, nodes(brokers...))
	key := filepath.Join(r.dir, "emqx-key")
	putFile(t, key, "lb:guess\n", 0o644)
	r.health = fmt.Sprintf("{probe: [emqx, mqtt], port: %s, credentials_file: %q, client_id: lb-%%n-%%r, interval: 200ms, timeout: 200ms, fall: 20}", port, key)
	r.more = "    when_down: close\n    drain_rate: 1000\n"
	r.put(t)
	r.run(t)
	state := func(m *mosquitto) api.NodeInPool { return r.node(t, m.name).Pools[0] }

	// A wrong key takes no node out, and is said.
	r.waitFor(t, `"msg":"health probe"`, `"node":"a"`, "401 Unauthorized with the API key in health.credentials_file")
	r.waitFor(t, key+" holds an API key and everybody on this machine may read it")
	if s := state(a); s.State != "up" || s.Health != "up" || !strings.Contains(s.Warning, "401 Unauthorized") {
		t.Errorf("with a wrong key: %+v", s)
	}
	putFile(t, key, "lb:"+secret+"\nthe rest is not read\n", 0o600)
	r.mustReload(t)
	eventually(t, "the key is right", func() bool { return state(a).Warning == "" })

	all := ids("client", clients)
	sessions := map[string]*wire{}
	for i, id := range all {
		sessions[id] = join(t, r.addrs["mqtt"], "", 4+byte(i%2), id)
	}
	was := homes(t, brokers, all, 1)
	var ofA string
	for id, m := range was {
		if m == a {
			ofA = id
		}
	}

	atA.draining.Store(true)
	r.waitFor(t, `"msg":"node is draining"`, `"node":"a"`, `"reason":"availability check 503"`)
	if s := state(a); s.State != "draining" || s.Health != "draining" || s.Healthy || s.Reason != "availability check 503" || s.Since == nil {
		t.Errorf("the API says %+v", s)
	}
	metrics := r.metrics(t)
	if metrics.sum(t, "mqttlb_node_health", `node="a"`, `state="draining"`) != 1 || metrics.sum(t, "mqttlb_node_state", `node="a"`, `state="draining"`) != 1 ||
		metrics.sum(t, "mqttlb_node_probes_total", `node="a"`, `result="draining"`) < 1 {
		t.Error("the metrics do not show that a drains")
	}
	for command, says := range map[string][]string{
		"nodes":         {"a draining 1", "draining for ", ": availability check 503"},
		"route " + ofA:  {"draining by its health checks: availability check 503"},
		"alarms":        {"node_draining brokers/a", "availability check 503"},
		"status --json": {`"up":1`},
	} {
		out := strings.Join(strings.Fields(r.must(t, strings.Fields(command)...)), " ")
		for _, want := range says {
			if !strings.Contains(out, want) {
				t.Errorf("ctl %s does not say %q:\n%s", command, want, out)
			}
		}
	}
	late := ids("late", clients)
	for _, id := range late {
		join(t, r.addrs["mqtt"], "", 5, id)
	}
	for id, m := range homes(t, brokers, late, 1) {
		if m != b {
			t.Errorf("%s is on %s, which takes no new clients", id, m.name)
		}
	}
	for id, w := range sessions {
		if err := w.ping(); err != nil {
			t.Errorf("%s, on %s: %v", id, was[id].name, err)
		}
	}
	if n := r.node(t, "a"); n.Drain != nil || len(r.said(`"msg":"the sessions of a node leave"`)) > 0 {
		t.Errorf("sessions leave, as if the node were down: %+v", n.Drain)
	}

	// While no node is up, one that drains is better than none.
	atB.draining.Store(true)
	r.waitFor(t, `"msg":"node is draining"`, `"node":"b"`)
	join(t, r.addrs["mqtt"], "", 5, "last")
	atB.draining.Store(false)

	atA.draining.Store(false)
	r.waitFor(t, `"msg":"node is up"`, `"node":"a"`)
	sessions[ofA].Close()
	back := join(t, r.addrs["mqtt"], "", 5, ofA)
	if err := back.ping(); err != nil {
		t.Error(err)
	}
	eventually(t, "the client is back on its node", func() bool { return a.connects()[ofA] == 2 })

	for _, line := range r.said(secret) {
		t.Errorf("the log has the secret: %s", line)
	}
	var running api.Config
	if err := json.Unmarshal([]byte(r.must(t, "config", "--json")), &running); err != nil || strings.Contains(running.Config, secret) || !strings.Contains(running.Config, "credentials_file: ") {
		t.Errorf("%v, the configuration is %s", err, running.Config)
	}
}

// A file that a health check names is read before anything changes.
func TestSecretsOfHealthChecksAreChecked(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		putFile(t, path, text, 0o600)
		return path
	}
	open := file("open", "a password\n")
	if err := os.Chmod(open, 0o644); err != nil {
		t.Fatal(err)
	}
	for health, want := range map[string]string{
		"{probe: emqx, credentials_file: " + file("no-colon", "key\n") + "}":                            `: pools[0].health.credentials_file: pool "p": ` + dir + `/no-colon: the first line is not key:secret`,
		"{probe: emqx, credentials_file: " + file("no-key", ":secret\n") + "}":                          `/no-key: the first line is not key:secret`,
		"{probe: emqx, credentials_file: " + file("no-secret", "key:\n") + "}":                          `/no-secret: the first line is not key:secret`,
		"{probe: emqx, credentials_file: " + file("blank", "") + "}":                                    `/blank: the first line is not key:secret`,
		"{probe: emqx, credentials_file: " + dir + "/none}":                                             `pools[0].health.credentials_file: pool "p": ` + dir + `/none: cannot be read: no such file or directory`,
		"{probe: emqx, credentials_file: " + dir + "}":                                                  `: is not a regular file`,
		"{probe: mqtt, username: u, password_file: " + file("empty", "\nsecond\n") + "}":                `pools[0].health.password_file: pool "p": ` + dir + `/empty: the first line is empty; write the password there`,
		"{probe: mqtt, username: u, password_file: " + file("long", strings.Repeat("x", 9000)) + "}":    `/long: the first line has more than 8192 bytes`,
		"{probe: emqx, tls: {ca: " + file("no-ca", "x") + "}}":                                          `pools[0].health.tls.ca: pool "p": ` + dir + `/no-ca`,
		"{probe: mqtt, username: u, password_file: " + open + "}":                                       `: warning: pools[0].health.password_file: pool "p": ` + open + ` holds a password and everybody on this machine may read it (mode 0644)`,
		"{probe: [emqx, mqtt], credentials_file: " + file("good", "k:s\r\n") + ", client_id: probe-%h}": `the same for several nodes or processes`,
	} {
		config := file("mqttlb.yaml", `
listeners: [{name: l, address: "127.0.0.1:1883", pool: p}]
pools: [{name: p, nodes: [{name: n, address: "127.0.0.1:1"}], health: `+health+`}]
admin: {address: "off"}
`)
		if out, _ := mqttlb(t, "check", "-c", config); !strings.Contains(out, want) {
			t.Errorf("%s: want %q in:\n%s", health, want, out)
		}
	}
}
