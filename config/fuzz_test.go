package config

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode"
)

// FuzzParse holds for every file: no panic; a Config that is whole or errors
// that each have a position within the file and stay on their line.
func FuzzParse(f *testing.F) {
	for _, pattern := range []string{"testdata/*.yaml", "testdata/wrong/*.yaml", "../deploy/*.yaml"} {
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
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := Parse("f", data)
		if err == nil {
			checkWhole(t, c)
			return
		}
		var errs Errors
		if !errors.As(err, &errs) || len(errs) == 0 || c != nil {
			t.Fatalf("got %v, %v; want nothing and Errors", c, err)
		}
		// Beside \n, YAML breaks lines at these.
		lines := 2 + strings.Count(string(data), "\n") + strings.Count(string(data), "\r") +
			strings.Count(string(data), "\u0085") + strings.Count(string(data), "\u2028") + strings.Count(string(data), "\u2029")
		last := errs[0]
		for _, e := range errs {
			if e.Line < 1 || e.Column < 1 || e.Line > lines {
				t.Errorf("no position in a file of %d lines: %s", lines, e)
			}
			if e.Line < last.Line || e.Line == last.Line && e.Column < last.Column {
				t.Errorf("%s comes after %s", e, last)
			}
			if e.Message == "" || strings.ContainsFunc(e.Message, unicode.IsControl) {
				t.Errorf("%q is no line to print", e.Message)
			}
			last = e
		}
	})
}

// checkWhole checks what the run time relies on.
func checkWhole(t *testing.T, c *Config) {
	t.Helper()
	pools := map[string]bool{}
	for _, p := range c.Pools {
		pools[p.Name] = true
		if p.Name == "" || len(p.Nodes) == 0 || p.Algorithm == "" || (p.HashKey == "") == (p.Algorithm == ConsistentHash) {
			t.Errorf("pool %+v is not whole", p)
		}
		if h := p.Health; h.Probe == "" || h.Interval <= 0 || h.Timeout <= 0 || h.Timeout > h.Interval || h.Rise < 1 || h.Fall < 1 {
			t.Errorf("health %+v is not whole", h)
		}
		for _, n := range p.Nodes {
			if n.Name == "" || n.Address.Network != "tcp" || n.Address.Host == "" || n.Address.Port == 0 || n.Weight < 1 || n.MaxConnections < 0 {
				t.Errorf("node %+v is not whole", n)
			}
		}
	}
	for _, l := range c.Listeners {
		if l.Name == "" || l.Address.IsZero() || l.Protocol != MQTT && l.Protocol != TCP || !pools[l.Pool] || l.TLS != nil {
			t.Errorf("listener %+v is not whole", l)
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

// FuzzAddress holds for every address that is taken: it is written as it was read.
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
