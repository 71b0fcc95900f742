package config

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode"
)

// FuzzParse checks for every file that there is no panic, and that the result is a
// complete Config, or errors that each have a position within the file and fit in one
// line.
func FuzzParse(f *testing.F) {
	for _, pattern := range []string{"testdata/*.yaml", "testdata/wrong/*.yaml", "testdata/include/*/*.yaml", "../deploy/*.yaml"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			f.Fatalf("no seeds in %s: %v", pattern, err)
		}
		for _, file := range files {
			data, err := os.ReadFile(file)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(data)
		}
	}
	f.Add([]byte(`{listeners: [{name: a, address: ":1", pool: p, tls: {certificates: [{cert: "${TEXT}", key: "$${A}"}], alpn: ["${TEXT}", "\uffff"]}}], pools: [{name: p, nodes: [{name: "${TOKEN}", address: "h${A}"}]}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		// Every included file is the same text again.
		c, err := system{
			lookupEnv: fewVariables,
			glob:      func(_, _ string) ([]string, error) { return []string{"g", "h"}, nil },
			readFile:  func(string, int) ([]byte, error) { return data, nil },
		}.parse("f", data)
		if err == nil {
			checkWhole(t, c)
			checkYAML(t, c)
			return
		}
		var errs Errors
		if !errors.As(err, &errs) || len(errs) == 0 || c != nil {
			t.Fatalf("got %v, %v; want nothing and Errors", c, err)
		}
		// Besides \n, YAML breaks lines at these.
		lines := 2 + strings.Count(string(data), "\n") + strings.Count(string(data), "\r") +
			strings.Count(string(data), "\u0085") + strings.Count(string(data), "\u2028") + strings.Count(string(data), "\u2029")
		last := errs[0]
		for _, e := range errs {
			if e.Line < 1 || e.Column < 1 || e.Line > lines {
				t.Errorf("no position in a file of %d lines: %s", lines, e)
			}
			if e.File < last.File || e.File == last.File && e.Line < last.Line || e.File == last.File && e.Line == last.Line && e.Column < last.Column {
				t.Errorf("%s comes after %s", e, last)
			}
			if e.Message == "" || strings.ContainsFunc(e.Message, unicode.IsControl) {
				t.Errorf("%q is no line to print", e.Message)
			}
			last = e
		}
	})
}

// fewVariables is an environment with difficult values.
func fewVariables(name string) (string, bool) {
	value, ok := map[string]string{"A": ":1", "B": "5", "EMPTY": "", "ODD": "\x1b\n${A} - [}", "BYTES": "\xff", "TEXT": " #a: 'b' \\\"\u2028\ufeff\u00a0\u00fc\U0001f600${A} - [}, ", "TOKEN": "true"}[name]
	return value, ok
}

// checkWhole checks what the run time relies on.
func checkWhole(t *testing.T, c *Config) {
	t.Helper()
	pools := map[string]Protocol{}
	hashed := map[string]HashKey{}
	for _, p := range c.Pools {
		pools[p.Name], hashed[p.Name] = p.Protocol, p.HashKey
		if tls := p.TLS; tls != nil && (tls.CA != "" && tls.Verify == VerifyFalse || tls.Key != "" && tls.Cert == "") {
			t.Errorf("TLS to nodes %+v is not whole", tls)
		}
		if (p.Cookie == "") == (p.HashKey == KeyCookie) || p.ForwardHeaders != nil && p.Protocol != WS {
			t.Errorf("pool %+v is not whole", p)
		}
		if len(p.ForwardTLVs) > 0 && (p.ProxyProtocol != ProxyV2 || p.Protocol == HTTP) {
			t.Errorf("pool %+v has no header for TLVs", p)
		}
		if p.Name == "" || len(p.Nodes) == 0 && p.Discover == nil || p.Algorithm == "" || (p.HashKey == "") == (p.Algorithm == ConsistentHash) {
			t.Errorf("pool %+v is not whole", p)
		}
		if h := p.Health; len(h.Probe) == 0 || h.Interval <= 0 || h.Timeout <= 0 || h.Timeout > h.Interval || h.Rise < 1 || h.Fall < 1 {
			t.Errorf("health %+v is not whole", h)
		}
		if h := p.Health; h.Uses(ProbeHTTP) && (h.Method == "" || !strings.HasPrefix(h.Path, "/")) || !h.Uses(ProbeHTTP) && h.Status > 0 ||
			h.Uses(ProbeEMQX) && h.Port == 0 || !h.Uses(ProbeEMQX) && !h.Uses(ProbeHTTP) && h.Port > 0 || h.Uses(ProbeMQTT) != (h.Version != "") {
			t.Errorf("health %+v is not whole", h)
		}
		for _, n := range p.Nodes {
			if n.Name == "" || n.Address.Network != "tcp" || n.Address.Host == "" || n.Address.Port == 0 || n.Weight < 1 || n.MaxConnections < 0 {
				t.Errorf("node %+v is not whole", n)
			}
		}
	}
	for _, l := range c.Listeners {
		if l.Name == "" || l.Address.IsZero() || !slices.Contains(poolProtocols[l.Protocol], pools[l.Pool]) || (l.UpgradePaths()[0] != "") != (l.Protocol == WS) ||
			l.Path != "" && l.Paths != nil || l.Paths != nil && len(l.Paths) == 0 || l.Subprotocol == "" || l.AllowedHosts != nil && l.Protocol != WS && l.Protocol != HTTP {
			t.Errorf("listener %+v is not whole", l)
		}
		checkWholeTLS(t, &l, hashed)
		for _, r := range l.Routes {
			if l.Protocol == Passthrough {
				if r.Protocol != Passthrough || r.Host == "" || r.RequestPaths()[0] != "" || r.AllowedOrigins != nil || pools[r.Pool] != TCP {
					t.Errorf("route %+v is not whole", r)
				}
				continue
			}
			if r.SNI != "" && l.TLS == nil || r.SNI != strings.ToLower(r.SNI) {
				t.Errorf("route %+v is not whole", r)
			}
			if l.Protocol == MQTT || l.Protocol == WS {
				if r.Protocol != l.Protocol || r.SNI == "" || r.Host+r.Path != "" || r.AllowedOrigins != nil || !slices.Contains(poolProtocols[r.Protocol], pools[r.Pool]) {
					t.Errorf("route %+v is not whole", r)
				}
				continue
			}
			if l.Protocol != HTTP || r.Protocol != HTTP && r.Protocol != WS || !slices.Contains(poolProtocols[r.Protocol], pools[r.Pool]) ||
				!strings.HasPrefix(r.RequestPaths()[0], "/") || r.Path != "" && r.Paths != nil || r.Host != strings.ToLower(r.Host) || r.AllowedOrigins != nil && r.Protocol != WS {
				t.Errorf("route %+v is not whole", r)
			}
		}
		if l.ProxyProtocol == ProxyAccept && len(l.TrustedProxies) == 0 && l.Address.Network != "unix" {
			t.Errorf("listener %+v believes everybody", l)
		}
	}
	if len(c.Listeners) == 0 || c.Limits.MaxConnections < 1 || c.Limits.MaxConnectSize < minConnectSize || c.Timeouts.Dial <= 0 {
		t.Errorf("%+v is not whole", c)
	}
	if err := c.Summary(io.Discard); err != nil {
		t.Error(err)
	}
}

// checkWholeTLS checks what the run time relies on in the TLS of a listener and in the
// hash key of its pool.
func checkWholeTLS(t *testing.T, l *Listener, hashed map[string]HashKey) {
	t.Helper()
	tls, key := l.TLS, hashed[l.Pool]
	mqtt := l.Protocol == MQTT || l.Protocol == WS
	switch {
	case tls == nil:
		if mqtt && (key == KeySNI || key == KeyTLSCN) {
			t.Errorf("listener %+v has no TLS and is hashed by %s", l, key)
		}
	case len(tls.Certificates) == 0 || tls.Certificates[0].Cert == "" || tls.MinVersion == "" || tls.MaxVersion < tls.MinVersion ||
		tls.HandshakeTimeout <= 0 || tls.MaxHandshakes < 1 || tls.MaxHandshakeQueue < 0 || tls.HandshakeRate < 0 || l.Protocol == Passthrough:
		t.Errorf("TLS %+v is not whole", tls)
	case (tls.ClientAuth == ClientAuthNone) != (tls.ClientCA == "") || tls.ClientCA == "" && (tls.ClientCRL != "" || tls.AcceptExpired || tls.RequireIdentity != ""):
		t.Errorf("TLS %+v checks no client", tls)
	case mqtt && key == KeyTLSCN && tls.ClientAuth == ClientAuthNone:
		t.Errorf("listener %+v asks for no certificate and is hashed by %s", l, key)
	case (l.Protocol == WS || l.Protocol == HTTP) && len(tls.ALPN) > 0 && !slices.Contains(tls.ALPN, "http/1.1"):
		t.Errorf("TLS %+v agrees on what is not spoken", tls)
	}
}

// FuzzVariables checks that every text can be escaped to mean itself, and that the text
// from the environment is within its limits.
func FuzzVariables(f *testing.F) {
	for _, s := range []string{"${A}", "$${A}", "$$${A}", "${A:-x}", "${NONE:-${B}}", "${NONE:-${NONE:-}}", "${", "${}", "${1}", "${A", "$A", "a}$", "${A:-$${}", strings.Repeat("${Z:-", 20)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		itself := expansion{lookup: fewVariables, room: 100}
		if got, rest, err := itself.expandText(strings.ReplaceAll(s, "${", "$${"), 0, true); got != s || rest != "" || err != nil {
			t.Errorf("%q is %q, %q, %v", s, got, rest, err)
		}
		x := expansion{lookup: fewVariables, room: 100}
		got, rest, err := x.expandText(s, 0, true)
		switch {
		case err != nil:
			if strings.ContainsFunc(err.Error(), unicode.IsControl) {
				t.Errorf("%q: %q is no line to print", s, err)
			}
		case rest != "" || x.room < 0 || len(got) > len(s)+100:
			t.Errorf("%q is %q and %q, with %d bytes left of 100", s, got, rest, x.room)
		}
	})
}

// FuzzAddress checks that String returns every accepted address as it was read.
func FuzzAddress(f *testing.F) {
	for _, s := range []string{":1883", "*:1883", "10.0.0.1:1", "[::1]:65535", "[fe80::1%eth0]:1", "[fe80::1%\n]:1", "unix:/\n", "unix:/run/x", "node1:1883", "a_b.example.:1", "::1:1", "x:0"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for _, parse := range []func(string) (Address, error){parseListenAddress, parseNodeAddress} {
			a, err := parse(s)
			if err != nil {
				if !a.IsZero() || strings.ContainsFunc(err.Error(), unicode.IsControl) {
					t.Errorf("%q: got %+v and %q", s, a, err)
				}
				continue
			}
			if strings.ContainsFunc(a.String(), unicode.IsControl) {
				t.Errorf("%q is taken", s)
			}
			if a.Network == "tcp" { // it may become the name of a node
				if _, err := parseName(a.String()); err != nil {
					t.Errorf("%s is no name: %v", a, err)
				}
			}
			if b, err := parse(a.String()); err != nil || a != b {
				t.Errorf("%q is %+v, written %s, read again %+v, %v", s, a, a, b, err)
			}
		}
	})
}

// FuzzHTTPValues checks for every value of HTTP that an accepted value is formatted as it
// was read, and that an error fits in one line.
func FuzzHTTPValues(f *testing.F) {
	for _, s := range []string{
		"*.example.com", "WS.*", "ws.example.com.", "[::1]", "::ffff:10.0.0.1", "fe80::1%eth0", "*", "*.*", "*.a.*", "a.*.b", "h:80", "a..b", "a..",
		"https://App.example.com:443", "http://localhost:3000", "https://*.example.com", "https://[::1]:1", "null", "https://a/", "wss://a", "capacitor://localhost",
		"https://", "https://*", "https://a:", "https://a:065", "https://10.0.0.1", "https://user@a",
		"status:80", "[::1]:80", "::1", "a:b:c", "/mqtt", "/a?b=%zz", "/a?b=%20", "//x", "user-agent", "x-forwarded-for", "a b", "mqttlb", "a=b", "", "file://", "app://.", "/ws/*", "/ws*", "keep",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for name, parse := range map[string]func(string) (string, error){
			"host": parseHostPattern, "origin": parseOriginPattern, "Host": parseHostHeader, "path": parsePath, "paths": parseUpgradePath, "node path": parseNodePath,
			"target": parseTarget, "cookie": parseCookieName, "header": parseForwardHeader,
		} {
			got, err := parse(s)
			if err != nil {
				if got != "" || strings.ContainsFunc(err.Error(), unicode.IsControl) {
					t.Errorf("%s %q: got %q and %q", name, s, got, err)
				}
				continue
			}
			if got == "" || strings.ContainsFunc(got, func(c rune) bool { return c <= ' ' || c >= 0x7f }) {
				t.Errorf("%s %q is %q", name, s, got)
			}
			if again, err := parse(got); err != nil || again != got {
				t.Errorf("%s %q is %q, read again %q, %v", name, s, got, again, err)
			}
		}
	})
}
