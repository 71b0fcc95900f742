package ctl

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mqttlb/cmd/cli"
	"mqttlb/proxy/proxytest"
)

// deaf is the handler of a request that is never answered.
func deaf(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }

func TestBadAnswersAreExplained(t *testing.T) {
	p := startProcess(t)
	for what, c := range map[string]struct {
		answer http.HandlerFunc
		want   string
	}{
		"a page":                {reply(http.StatusOK, "<html>hello"), "no mqttlb that knows this command: 200 OK: <html>hello"},
		"nothing for a failure": {reply(http.StatusBadGateway, ""), "502 Bad Gateway"},
		"cut off JSON":          {reply(http.StatusOK, `{"nodes": [{"name": "emqx`), `the answer is cut off: {"nodes": [{"name": "emqx`},
		"a list":                {reply(http.StatusOK, `[1, 2]`), "the answer has another form than expected"},
		"a number for a name":   {reply(http.StatusOK, `{"nodes": [{"name": 5}]}`), "the answer has another form than expected"},
		"too much":              {tooMuch, "the answer is longer than 64 MiB"},
		"a redirect":            {redirect, "302 Found"},
		"the end, too early": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			w.Write([]byte(`{"nodes":`))
		}, "has closed the connection before the end of its answer"},
		"no answer": {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, "has closed the connection before the end of its answer"},
	} {
		p.on("GET /api/v1/nodes", c.answer)
		for _, json := range []string{"--json=false", "--json"} {
			if json == "--json" && strings.Contains(c.want, "another form") {
				continue // it is printed as it is
			}
			got := p.ctl(t, "nodes", json)
			got.says(t, what, 1, "", c.want)
			if got.stdout != "" || !strings.HasPrefix(got.stderr, "mqttlb ctl nodes: the admin socket "+p.socket) {
				t.Errorf("%s: %q, %q", what, got.stdout, got.stderr)
			}
		}
	}
	p.on("GET /api/v1/nodes", http.HandlerFunc(deaf))
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	runCtl(ctx, "--socket", p.socket, "nodes").says(t, "nothing in time", 1, "", "has not answered in time")
	ctx, cancel = context.WithCancel(t.Context())
	p.on("GET /api/v1/nodes", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { cancel(); deaf(w, r) }))
	runCtl(ctx, "--socket", p.socket, "nodes").says(t, "control-C", 1, "", "stopped before the answer came")
}

func tooMuch(w http.ResponseWriter, _ *http.Request) {
	w.Write([]byte(`{"nodes": [], "more": "`))
	for chunk := []byte(strings.Repeat("x", 1<<20)); ; {
		if _, err := w.Write(chunk); err != nil {
			return
		}
	}
}

func redirect(w http.ResponseWriter, r *http.Request) {
	http.Redirect(w, r, "/elsewhere", http.StatusFound)
}

func TestTheProcessIsFoundOrItIsSaidWhyNot(t *testing.T) {
	p := startProcess(t).sample()
	dir := t.TempDir()
	none := filepath.Join(dir, "none")
	runCtl(t.Context(), "--socket", none, "nodes").says(t, "no socket", 1, "", "no mqttlb answers at the admin socket "+none+": is it running?")
	runCtl(t.Context(), "nodes").says(t, "no socket in the usual places", 1, "", "no mqttlb answers at the admin socket /nowhere/mqttlb.sock")

	yielded := filepath.Join(dir, "mqttlb-7.sock")
	if err := os.WriteFile(yielded, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	runCtl(t.Context(), "--socket", none, "nodes").says(t, "a predecessor's socket", 1, "", "one that stops may answer at "+yielded+": name it with --socket")

	c := &connection{sockets: func() []string { return []string{none, dir, p.socket} }}
	if got := c.socketPath(); got != p.socket {
		t.Errorf("%s: only the last is a socket", got)
	}

	plain := p.serveTCP(t, nil)
	_, port, _ := net.SplitHostPort(plain)
	for _, address := range []string{plain, "http://" + plain, "http://" + plain + "/", "localhost:" + port} {
		runCtl(t.Context(), "--address", address, "nodes").says(t, address, 0, "emqx-1", "")
	}
	runCtl(t.Context(), "--address", plain, "sessions", "--address", "10.0.0.0/8").says(t, "two addresses", 0, "sensor-1", "")
	if asked := p.lastAsked(); !strings.Contains(asked, "address=10.0.0.0%2F8") {
		t.Errorf("asked %s", asked)
	}
	runCtl(t.Context(), "--address", "127.0.0.1:1", "nodes").says(t, "a closed port", 1, "", "nobody listens at the admin server http://127.0.0.1:1")
	runCtl(t.Context(), "--address", "https://"+plain, "nodes").says(t, "no TLS", 1, "", "has no TLS")

	ca := proxytest.NewCA("admin")
	secure := p.serveTCP(t, &tls.Config{Certificates: []tls.Certificate{ca.Issue("127.0.0.1").TLS}})
	caFile := proxytest.TempFile(t, "ca.pem", ca.Cert)
	for _, address := range []string{secure, "https://" + secure} {
		runCtl(t.Context(), "--address", address, "--ca", caFile, "nodes").says(t, "TLS", 0, "emqx-1", "")
	}
	runCtl(t.Context(), "--address", "https://"+secure, "nodes").says(t, "a CA that is not known", 1, "", "--ca")
	_, port, _ = net.SplitHostPort(secure)
	runCtl(t.Context(), "--address", "localhost:"+port, "--ca", caFile, "nodes").says(t, "another name", 1, "", "localhost")
	runCtl(t.Context(), "--address", secure, "nodes").says(t, "clear text to TLS", 1, "", "has TLS: name it with --address https://"+secure)

	for _, address := range []string{"lb-2", "lb-2:", ":9090", "ftp://lb-2:21", "http://lb-2:9090/api", "http://user:secret@lb-2:9090", "http://lb-2:9090?x", "http://[::1", "http://a b:1"} {
		runCtl(t.Context(), "--address", address, "nodes").says(t, address, 2, "", "it must be HOST:PORT, http://HOST:PORT or https://HOST:PORT")
	}
	runCtl(t.Context(), "--address", "http://localhost:1", "--ca", caFile, "nodes").says(t, "a CA without TLS", 2, "", "has no TLS, for which --ca is")
	runCtl(t.Context(), "--address", "localhost:1", "--ca", none, "nodes").says(t, "no CA file", 1, "", "--ca: open "+none)
	runCtl(t.Context(), "--address", "localhost:1", "--ca", proxytest.TempFile(t, "ca.pem", []byte("text")), "nodes").says(t, "a CA file with text", 1, "", "has no certificate in the form of PEM")
}

// A token crosses a network in clear only if http:// says so.
func TestAddressesOfOtherMachinesHaveTLS(t *testing.T) {
	for address, want := range map[string]string{
		"127.0.0.1:9090": "http://127.0.0.1:9090", "[::1]:9090": "http://[::1]:9090", "localhost:9090": "http://localhost:9090",
		"10.0.0.1:9090": "https://10.0.0.1:9090", "lb-2:9090": "https://lb-2:9090", "http://lb-2:9090": "http://lb-2:9090", "https://lb-2:9090/": "https://lb-2:9090",
	} {
		got, err := baseURL(address, false)
		if err != nil || got.String() != want {
			t.Errorf("%s: %v, %v; want %s", address, got, err, want)
		}
	}
	if got, err := baseURL("127.0.0.1:9090", true); err != nil || got.Scheme != "https" {
		t.Errorf("with --ca: %v, %v", got, err)
	}
}

func TestTheTokenIsSentToItsServerAlone(t *testing.T) {
	p := startProcess(t)
	var tokens []string
	p.on("GET /api/v1/alarms", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token := r.Header.Get("Authorization")
		tokens = append(tokens, token)
		if token == "Bearer secret" {
			reply(http.StatusOK, "{}")(w, r)
		} else {
			refuse(http.StatusUnauthorized, "the token is wrong")(w, r)
		}
	}))
	other := startProcess(t)
	elsewhere := other.serveTCP(t, nil)
	p.on("GET /api/v1/nodes", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "http://"+elsewhere+"/api/v1/nodes", http.StatusTemporaryRedirect)
	}))
	address := p.serveTCP(t, nil)
	ask := func(command, token string) outcome {
		return runCtl(t.Context(), "--address", address, "--token-file", proxytest.TempFile(t, "token", []byte(token)), command)
	}
	ask("alarms", " secret\n").says(t, "the token", 0, "no alarms", "")
	ask("alarms", "other").says(t, "another", 1, "", "the admin server http://"+address+" has another token than that of --token-file\n")
	runCtl(t.Context(), "--address", address, "alarms").says(t, "none", 1, "", "asks for its token: name the file of admin.token_file with --token-file")
	for _, token := range []string{"", "\n", "two words", "a\r\nX: y", "ü", strings.Repeat("x", maxToken+1)} {
		ask("alarms", token).says(t, token, 1, "", "must hold one token")
	}
	runCtl(t.Context(), "--address", address, "--token-file", "/nowhere/token", "alarms").says(t, "no file", 1, "", "--token-file: open /nowhere/token")
	ask("nodes", "secret").says(t, "a redirect", 1, "", "307 Temporary Redirect")
	if asked := other.lastAsked(); asked != "" {
		t.Errorf("the other server was asked %s", asked)
	}
	if len(tokens) != 3 || tokens[2] != "" {
		t.Errorf("tokens %q", tokens)
	}
}

func TestDiffOfAFileThatTheProcessReads(t *testing.T) {
	p := startProcess(t)
	diff := func(answer any) outcome {
		p.on("POST /api/v1/diff", answer)
		var stdout, stderr strings.Builder
		err := Diff(t.Context(), nil, p.socket, "lb.yaml", &stdout, &stderr)
		o := outcome{0, stdout.String(), stderr.String()}
		switch err {
		case nil:
		case cli.ErrFailed:
			o.code = 1
		default:
			o.code, o.stderr = 1, err.Error()
		}
		return o
	}
	diff(reply(http.StatusOK, `{"changes": [{"action": "added", "name": "pools[b]", "after": "{name: b}"}]}`)).says(t, "a change", 0, "added  pools[b]  {name: b}\n", "")
	diff(reply(http.StatusOK, `{"changes": []}`)).says(t, "none", 0, "a reload would change nothing\n", "")
	diff(reply(http.StatusUnprocessableEntity, `{"changes": null, "errors": ["lb.yaml:1:1: is wrong"]}`)).says(t, "a broken file", 1, "", "lb.yaml:1:1: is wrong\n")
	diff(reply(http.StatusOK, `5`)).says(t, "a number", 1, "", "another form")
	wd, err := os.Getwd()
	if asked := p.lastAsked(); err != nil || !strings.Contains(asked, `{"file":"`+wd+`/lb.yaml"}`) {
		t.Errorf("asked %s", asked)
	}
}
