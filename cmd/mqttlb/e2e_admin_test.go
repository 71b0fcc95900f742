package main_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"mqttlb/proxy/admin/api"
	"mqttlb/proxy/proxytest"
)

// quickHealth are health checks that notice within a second that a broker is gone.
const quickHealth = "{interval: 200ms, timeout: 200ms, fall: 2}"

const adminToken = "0123456789abcdef0123456789abcdef"

// askAPI sends a request and returns its status and its text.
func askAPI(t *testing.T, client *http.Client, method, url, body string, header ...string) (int, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	for i := 0; i < len(header); i += 2 {
		request.Header.Set(header[i], header[i+1])
	}
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(text)
}

// overSocket is a client of a process's admin socket.
func (r *reloadee) overSocket() *http.Client {
	return &http.Client{Timeout: patience, Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", r.socket())
	}}}
}

// url is an address of the API over admin.address.
func (b *balancer) url(path string) string { return "http://" + b.addrs["admin"] + path }

func putFile(t *testing.T, path, text string, mode os.FileMode) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
}

func TestChangesOverTheAddressNeedTheTokenOfTheFile(t *testing.T) {
	t.Parallel()
	r := newReloadee(t, nowhere)
	token := filepath.Join(r.dir, "token")
	putFile(t, token, adminToken+"\nnotes\n", 0o644)
	r.admin = `address: "${admin}", socket: DIR/socket, token_file: DIR/token`
	r.put(t)
	r.run(t)
	r.waitFor(t, `"level":"WARN"`, "everybody on this machine may read it", token)

	client := http.DefaultClient
	reload := func(bearer string) (int, string) {
		return askAPI(t, client, "POST", r.url("/api/v1/reload"), "", "Authorization", "Bearer "+bearer)
	}
	if code, text := askAPI(t, client, "POST", r.url("/api/v1/reload"), ""); code != http.StatusUnauthorized {
		t.Errorf("without a token: %d %s", code, text)
	}
	if code, text := reload("wrong-wrong-wrong-wrong"); code != http.StatusUnauthorized {
		t.Errorf("a wrong token: %d %s", code, text)
	}
	r.waitFor(t, `"level":"WARN"`, "wrong token", `"client":"127.0.0.1"`)
	if len(r.said(`"msg":"audit"`)) > 0 {
		t.Error("a refused request has changed something")
	}
	if code, text := reload(adminToken); code != http.StatusOK {
		t.Errorf("the token: %d %s", code, text)
	}
	r.waitFor(t, `"msg":"audit"`, `"who":"token"`, `"client":"127.0.0.1:`, `"action":"reload"`, `"result":"done"`)

	// The file is read at each reload. What it says wrong changes nothing.
	const next = "abcdefghijklmnopqrstuvwxyz"
	for text, says := range map[string]string{"": "is empty", "short\n": "5 characters; it needs 16"} {
		putFile(t, token, text, 0o600)
		if code, answer := reload(adminToken); code != http.StatusUnprocessableEntity || !strings.Contains(answer, "admin.token_file: "+token) || !strings.Contains(answer, says) {
			t.Errorf("a file with %q: %d %s", text, code, answer)
		}
		if out, code := mqttlb(t, "check", "-c", r.config); code != 1 || !strings.Contains(out, says) {
			t.Errorf("check with %q: exit code %d, %s", text, code, out)
		}
	}
	if err := os.Remove(token); err != nil {
		t.Fatal(err)
	}
	if out, code := mqttlb(t, "serve", "-c", r.config); code != 1 || !strings.Contains(out, "admin.token_file: "+token+": cannot be read: no such file") {
		t.Errorf("a start without the file: exit code %d, %s", code, out)
	}
	putFile(t, token, next, 0o600)
	if code, answer := reload(adminToken); code != http.StatusOK {
		t.Errorf("%d %s", code, answer)
	}
	if code, _ := reload(adminToken); code != http.StatusUnauthorized {
		t.Errorf("the token before: %d", code)
	}
	r.admin = `address: "${admin}", socket: DIR/socket`
	r.put(t)
	if code, answer := reload(next); code != http.StatusOK || !strings.Contains(answer, "admin.token_file") {
		t.Errorf("%d %s", code, answer)
	}
	if code, answer := reload(next); code != http.StatusForbidden || !strings.Contains(answer, "set admin.token_file") {
		t.Errorf("without the setting: %d %s", code, answer)
	}
	if log := strings.Join(r.said(""), "\n"); strings.Contains(log, adminToken) || strings.Contains(log, next) {
		t.Error("the log has the token")
	}
}

func TestTheAPIShowsTheProcess(t *testing.T) {
	t.Parallel()
	broker := startMosquitto(t, "a")
	r := newReloadee(t, nodes(broker))
	r.health = quickHealth
	r.put(t)
	r.run(t)
	join(t, r.addrs["mqtt"], "", 5, "one")
	get := func(path string, to any) {
		t.Helper()
		code, text := askAPI(t, http.DefaultClient, "GET", r.url(path), "")
		if err := json.Unmarshal([]byte(text), to); code != http.StatusOK || err != nil {
			t.Fatalf("%s: %d %v %s", path, code, err, text)
		}
	}
	var status api.Status
	get("/api/v1/status", &status)
	if status.PID != r.cmd.Process.Pid || status.State != api.Serving || !status.Ready || status.Generation != 1 || status.Sessions != 1 || status.Totals.Accepted != 1 ||
		len(status.Listeners) != 1 || status.Listeners[0].Address != r.addrs["mqtt"] || status.Listeners[0].Open != 1 ||
		len(status.Pools) != 1 || status.Pools[0] != (api.PoolStatus{Name: "brokers", Nodes: 1, Up: 1, Open: 1}) || status.Alarms != 0 {
		t.Errorf("%+v", status)
	}
	var running api.Config
	get("/api/v1/config", &running)
	if running.Generation != 1 || running.File != r.config || !strings.Contains(running.Config, "brokers") {
		t.Errorf("%+v", running)
	}

	// What is wrong now is listed, and is gone when it is right again.
	r.logs = "levl: info"
	r.put(t)
	r.reload(t)
	broker.kill()
	var alarms api.Alarms
	eventually(t, "the node is down", func() bool {
		get("/api/v1/alarms", &alarms)
		return len(alarms.Alarms) == 3
	})
	for i, want := range []api.Alarm{{Name: "pool_down", Subject: "brokers"}, {Name: "node_down", Subject: "brokers/a"}, {Name: "reload_failed", Subject: r.config}} {
		if a := alarms.Alarms[i]; a.Name != want.Name || a.Subject != want.Subject || a.Text == "" || (a.Since != nil) != (a.Name == "node_down") {
			t.Errorf("%+v, want %s of %s", a, want.Name, want.Subject)
		}
	}
	if code, text := r.readyz(); code != http.StatusServiceUnavailable || text != "no node of pool \"brokers\" is up\n" {
		t.Errorf("/readyz: %d %q", code, text)
	}
	get("/api/v1/status", &status)
	if status.Ready || len(status.NotReady) != 1 || status.Alarms != 3 || !status.ReloadFailed {
		t.Errorf("%+v", status)
	}
	r.logs = "level: info, format: json"
	r.more = "    readiness: false\n"
	r.put(t)
	r.mustReload(t)
	if code, text := r.readyz(); code != http.StatusOK {
		t.Errorf("/readyz without readiness: %d %q", code, text)
	}
	get("/api/v1/alarms", &alarms)
	if len(alarms.Alarms) != 2 {
		t.Errorf("after a good reload: %+v", alarms)
	}

	for path, want := range map[string]int{"/debug/pprof/heap": 200, "/debug/pprof/": 200} {
		if code, _ := askAPI(t, r.overSocket(), "GET", "http://mqttlb"+path, ""); code != want {
			t.Errorf("%s over the socket: %d, want %d", path, code, want)
		}
		if code, _ := askAPI(t, http.DefaultClient, "GET", r.url(path), ""); code != http.StatusForbidden {
			t.Errorf("%s over the address: %d", path, code)
		}
	}
}

// followEvents reads the events of a process until the stream ends.
func (r *reloadee) followEvents(t *testing.T) <-chan api.Event {
	t.Helper()
	client := r.overSocket()
	client.Timeout = 0
	response, err := client.Get("http://mqttlb/api/v1/events")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { response.Body.Close() })
	events := make(chan api.Event, 100)
	lines := bufio.NewScanner(response.Body)
	lines.Scan() // it has begun
	go func() {  // ends with the stream
		defer close(events)
		for lines.Scan() {
			var e api.Event
			if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok && json.Unmarshal([]byte(data), &e) == nil {
				events <- e
			}
		}
	}()
	return events
}

func TestEventsTellWhatHappens(t *testing.T) {
	t.Parallel()
	broker := startMosquitto(t, "a")
	r := newReloadee(t, nodes(broker))
	r.health = quickHealth
	r.put(t)
	r.run(t)
	events := r.followEvents(t)
	next := func(kind, subject, text string) {
		t.Helper()
		var e api.Event
		var ok bool
		select {
		case e, ok = <-events:
		case <-time.After(patience):
		}
		if !ok || e.Kind != kind || e.Subject != subject || !strings.Contains(e.Text, text) || e.Time.IsZero() {
			t.Errorf("%+v, want %s %s %q", e, kind, subject, text)
		}
	}
	r.mustReload(t)
	next("reload", r.config, "generation 1 is in force")
	logs := r.logs
	r.logs = "levl: info"
	r.put(t)
	r.reload(t)
	next("reload", r.config, "levl")
	r.logs = logs
	r.put(t)
	r.mustReload(t)
	next("reload", r.config, "in force")
	broker.kill()
	next("node", "brokers/a", "down: ")
	if code, text := askAPI(t, r.overSocket(), "POST", "http://mqttlb/api/v1/stop", ""); code != http.StatusAccepted {
		t.Errorf("%d %s", code, text)
	}
	seen := map[string]bool{}
	for e := range events { // the end of the process ends them
		seen[e.Kind+" "+e.Subject] = true
	}
	if !seen["operator stop"] || !seen["process stopping"] {
		t.Errorf("at the end come %v", seen)
	}
	r.waitFor(t, `"msg":"audit"`, `"who":"socket"`, `"action":"stop"`)
	if code := r.exitCode(t); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

func TestTheAdminAddressSpeaksTLS(t *testing.T) {
	t.Parallel()
	ca := proxytest.NewCA("operators")
	r := newReloadee(t, nowhere)
	proxytest.WriteFile(filepath.Join(r.dir, "pair.pem"), ca.Issue("127.0.0.1").Cert, ca.Issue("127.0.0.1").Key)
	r.admin = `address: "${admin}", socket: DIR/socket, tls: {certificates: [{cert: DIR/pair.pem}]}`
	r.put(t)
	if out, code := mqttlb(t, "check", "-c", r.config); code != 1 || !strings.Contains(out, "admin.tls: ") || !strings.Contains(out, "pair.pem") {
		t.Errorf("a key of another certificate: exit code %d, %s", code, out)
	}
	put := func() {
		pair := ca.Issue("127.0.0.1")
		proxytest.WriteFile(filepath.Join(r.dir, "pair.pem"), pair.Cert, pair.Key)
	}
	put()
	r.startWith(t, "", "serve", "-c", r.config)
	r.waitFor(t, "admin.address")
	client := &http.Client{Timeout: patience, Transport: &http.Transport{TLSClientConfig: ca.Trust("127.0.0.1"), DisableKeepAlives: true}}
	serial := func() string {
		t.Helper()
		response, err := client.Get("https://" + r.addrs["admin"] + "/healthz")
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		return response.TLS.PeerCertificates[0].SerialNumber.String()
	}
	first := serial()
	put()
	r.mustReload(t)
	if serial() == first {
		t.Error("the certificate is the one before")
	}
	if response, err := http.Get(r.url("/healthz")); err == nil {
		response.Body.Close()
		if response.StatusCode == http.StatusOK {
			t.Error("an answer in the clear")
		}
	}
	r.admin = `address: "${admin}", socket: DIR/socket`
	r.put(t)
	r.mustReload(t)
	if r.healthz() != http.StatusOK {
		t.Error("no answer in the clear after a reload that turns TLS off")
	}
}

func TestALameDuckIsNotReadyAndStillAccepts(t *testing.T) {
	t.Parallel()
	for name, stop := range map[string]func(t *testing.T, r *reloadee){
		"SIGTERM": func(t *testing.T, r *reloadee) { r.signal(t, syscall.SIGTERM) },
		"POST /api/v1/stop": func(t *testing.T, r *reloadee) {
			for range 2 { // the second changes nothing
				if code, text := askAPI(t, r.overSocket(), "POST", "http://mqttlb/api/v1/stop", ""); code != http.StatusAccepted {
					t.Errorf("%d %s", code, text)
				}
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			broker := startMosquitto(t, "a")
			r := newReloadee(t, nodes(broker))
			r.more = "timeouts: {lame_duck: 5s, shutdown: 1h}\n"
			r.put(t)
			r.run(t)
			if code, text := r.readyz(); code != http.StatusOK || text != "ready\n" {
				t.Errorf("/readyz before: %d %q", code, text)
			}
			stop(t, r)
			r.waitFor(t, "not ready any more", `"lame_duck":"5s"`)
			if code, text := r.readyz(); code != http.StatusServiceUnavailable || !strings.Contains(text, "timeouts.lame_duck") {
				t.Errorf("/readyz: %d %q", code, text)
			}
			if r.healthz() != http.StatusOK {
				t.Error("/healthz is not 200 while the process lives")
			}
			late := join(t, r.addrs["mqtt"], "", 4, "late")
			r.logs = "level: debug, format: json"
			r.more = "timeouts: {lame_duck: 1h, shutdown: 2h}\n" // too late for this stop
			r.put(t)
			r.mustReload(t)
			late2 := join(t, r.addrs["mqtt"], "", 4, "later")
			r.waitFor(t, `"msg":"stopping"`, `"shutdown":"2h0m0s"`)
			if _, text := r.readyz(); text != "mqttlb is stopping\n" {
				t.Errorf("/readyz: %q", text)
			}
			eventually(t, "mqttlb has stopped listening", func() bool {
				conn, err := net.Dial("tcp", r.addrs["mqtt"])
				if err != nil {
					return errors.Is(err, syscall.ECONNREFUSED)
				}
				conn.Close()
				return false
			})
			for _, c := range []*wire{late, late2} {
				if err := c.ping(); err != nil {
					t.Error(err)
				}
				c.disconnect(t)
			}
			if code := r.exitCode(t); code != 0 {
				t.Errorf("exit code %d", code)
			}
		})
	}
}

func TestASecondSignalEndsALameDuckAtOnce(t *testing.T) {
	t.Parallel()
	r := newReloadee(t, nowhere)
	r.more = "timeouts: {lame_duck: 1h}\n"
	r.put(t)
	r.run(t)
	r.signal(t, syscall.SIGTERM)
	r.waitFor(t, "not ready any more")
	r.signal(t, syscall.SIGTERM)
	r.exitCode(t)
}

func TestAnAdminAddressForAllIsOpenedOnPurpose(t *testing.T) {
	t.Parallel()
	r := newReloadee(t, nowhere)
	_, port, err := net.SplitHostPort(r.addrs["admin"])
	if err != nil {
		t.Fatal(err)
	}
	r.admin = `address: ":` + port + `", socket: DIR/socket`
	r.put(t)
	for _, command := range []string{"check", "serve"} {
		if out, code := mqttlb(t, command, "-c", r.config); code != 1 || !strings.Contains(out, "admin.token_file") || !strings.Contains(out, "admin.public: metrics") {
			t.Errorf("%s: exit code %d, %s", command, code, out)
		}
	}
	putFile(t, filepath.Join(r.dir, "token"), adminToken, 0o600)
	open := r.admin
	r.admin += ", token_file: DIR/token"
	r.put(t)
	if out, code := mqttlb(t, "check", "-c", r.config); code != 0 || !strings.Contains(out, "warning: admin.address: the token crosses the network") {
		t.Errorf("a token in the clear: exit code %d, %s", code, out)
	}
	r.admin = open + ", public: metrics, hosts: [lb.example.com]"
	r.put(t)
	r.run(t)
	for path, want := range map[string]int{"/healthz": 200, "/readyz": 200, "/metrics": 200, "/api/v1/status": 403, "/api/v1/config": 403, "/debug/pprof/": 403} {
		if code, text := r.get(path); code != want {
			t.Errorf("%s: %d %s, want %d", path, code, text, want)
		}
	}
	for host, want := range map[string]int{"lb.example.com:" + port: 200, "evil.example.com": 403} {
		request, err := http.NewRequestWithContext(t.Context(), "GET", r.url("/metrics"), nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Host = host
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if response.StatusCode != want {
			t.Errorf("as %s: %d, want %d", host, response.StatusCode, want)
		}
	}
}
