package main_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

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
	if out, code := mqttlb(t, "serve", "-c", r.config); code != 78 || !strings.Contains(out, "admin.token_file: "+token+": cannot be read: no such file") {
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

func TestTheAdminAddressSpeaksTLS(t *testing.T) {
	t.Parallel()
	ca := proxytest.NewCA("operators")
	r := newReloadee(t, nowhere)
	proxytest.WriteFile(filepath.Join(r.dir, "pair.pem"), ca.Issue("127.0.0.1").Cert, ca.Issue("127.0.0.1").Key)
	r.admin = `address: "${admin}", socket: DIR/socket, tls: {certificates: [{cert: DIR/pair.pem}]}`
	r.put(t)
	if out, code := mqttlb(t, "check", "-c", r.config); code != 1 || !strings.Contains(out, "admin.tls.certificates[0].cert: ") || !strings.Contains(out, "pair.pem") {
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

func TestAnAdminAddressForAllIsOpenedOnPurpose(t *testing.T) {
	t.Parallel()
	r := newReloadee(t, nowhere)
	_, port, err := net.SplitHostPort(r.addrs["admin"])
	if err != nil {
		t.Fatal(err)
	}
	r.admin = `address: ":` + port + `", socket: DIR/socket`
	r.put(t)
	for command, want := range map[string]int{"check": 1, "serve": 78} {
		if out, code := mqttlb(t, command, "-c", r.config); code != want || !strings.Contains(out, "admin.token_file") || !strings.Contains(out, "admin.public: metrics") {
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
