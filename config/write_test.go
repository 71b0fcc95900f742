package config

import (
	"bytes"
	"path/filepath"
	"reflect" //nolint:depguard // that no field of a Config is lost is what is tested
	"slices"
	"strings"
	"testing"
)

// checkYAML checks that c, written as a file, is read as the same.
func checkYAML(t *testing.T, c *Config) {
	t.Helper()
	data := c.YAML()
	if len(data) > maxFileSize { // aliases and variables make more of a file than may be in one
		return
	}
	noFiles := system{lookupEnv: func(string) (string, bool) { return "from the environment", true }}
	got, err := noFiles.parse("yaml", data)
	if err != nil {
		t.Errorf("%v in\n%s", err, data)
		return
	}
	want := *c
	want.Include, want.Files, want.Warnings, want.written = nil, got.Files, got.Warnings, got.written // of what is written now
	if changes := Diff(&want, got); changes != nil {
		t.Errorf("what is read differs:\n%s\nin\n%s", lines(changes), data)
	} else if !reflect.DeepEqual(&want, got) {
		t.Errorf("got  %+v\nwant %+v\nfrom\n%s", got, want, data)
	}
	if again := got.YAML(); !bytes.Equal(again, data) {
		t.Errorf("written again it is\n%s\nafter\n%s", again, data)
	}
}

func TestYAMLIsReadAsTheSame(t *testing.T) {
	setVariables(t)
	count := 0
	for _, pattern := range []string{"testdata/*.yaml", "testdata/include/*/*.yaml", "testdata/wrong/*.yaml", "../deploy/*.yaml"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			if c, err := Load(file); err == nil { // those of files that are wrong have other tests
				count++
				checkYAML(t, c)
			}
		}
	}
	if count < 10 {
		t.Errorf("only %d files were read", count)
	}
	c, err := FromFlags([]string{":1883", "unix:/run/a b.sock"}, []string{"node1:1883", "true=[::1]:1"}, "off")
	if err != nil {
		t.Fatal(err)
	}
	checkYAML(t, c)
}

func TestYAMLIsWhatAnOperatorWouldWrite(t *testing.T) {
	t.Setenv("DIR", "/etc/my certs")
	c := parse(t, `
log: {level: debug, format: text}
limits: {connect_rate: 0, max_connect_size: 1048576}
timeouts: {connect_node: 30s, idle: 3600s}
x-node: &node {weight: 2}
pools:
  - {name: web, protocol: http, hash_key: cookie, cookie: mqttlb, nodes: [{name: n, address: "h:80"}]}
  - {name: ws, protocol: ws, tls: {}, forward_headers: [], health: {probe: http, method: GET, path: /}, nodes: [{name: n, address: "h:80"}]}
  - {name: tls, protocol: tcp, nodes: [{name: n, address: "h:80", <<: *node}]}
  - {name: "null", hash_key: client_id, proxy_protocol: v2, forward_tlvs: [authority, ssl], nodes: [{name: "1", address: "[::1]:1883"}]}
listeners:
  - name: mqtts
    address: ":8883"
    pool: "null"
    tls: {certificates: [{cert: "${DIR}/a.pem"}, {cert: 'a$${b', key: "ü # k"}], client_ca: ca.pem, client_auth: require, alpn: [mqtt], min_version: 1.3}
    proxy_protocol: accept
    trusted_proxies: [10.0.0.0/8, 192.0.2.7, "2001:db8:1234:5678::/64", "2001:db8:1234:5679::/64", "2001:db8:1234:567a::/64"]
  - {name: ws, address: ":8083", protocol: ws, pool: ws, path: /mqtt}
  - {name: web, address: ":80", protocol: http, pool: web, routes: [{path: /, host: a, pool: web}, {host: b, protocol: ws, pool: ws}, {path: /, pool: web}]}
  - {name: sni, address: ":443", protocol: tls, pool: tls, routes: [{host: "*.example.com", pool: tls}]}
  - {name: tenants, address: ":8885", pool: "null", tls: {certificates: [{cert: a.pem}]}, routes: [{sni: bücher.example, pool: "null"}]}
  - {name: wss, address: ":8886", protocol: ws, pool: ws, tls: {certificates: [{cert: a.pem}]}, routes: [{sni: a, pool: ws}]}
  - {name: https, address: ":8887", protocol: http, pool: web, tls: {certificates: [{cert: a.pem}]}, routes: [{sni: a, pool: web}, {sni: b, host: b, path: /, pool: web}]}
  - {name: opaque, address: ":9", protocol: tcp, pool: tls, tls: {certificates: [{cert: a.pem}], alpn: []}}
`)
	golden(t, "testdata/written.golden", string(c.YAML()))
	checkYAML(t, c)
}

// A value that comes from the environment is written as text, whatever is in it.
func TestYAMLQuotesWhatYAMLWouldReadOtherwise(t *testing.T) {
	for _, value := range []string{
		"a # b", "#", "a: b", "a:", "- a", "-", "? a", "[a]", "{a: b}", "a, b", "a]", "*a", "&a", "!a", "!!str a", "|", ">", "@a", "`a`", "%a", "---", "...", "<<", "=",
		" a", "a ", "'", "''", `"`, `a"b`, `\`, `\n`, "a'b: \"c\" # d", "${A}", "$${A}", "$$${A}", "${A:-${B}}", "${", "$", "}", "a${", "$${",
		"null", "~", "Null", "true", "False", "yes", "OFF", "n", "1", "-1", "010", "0x1f", "0o7", "1e3", "1_000", ".5", ".inf", ".NaN", "1:30", "2001-12-14", "5s", "64KiB", "off",
		"\u00fc", "\u00a0", "\u2028", "\u2029", "\ufeff", "\ufffd", "\ufffe", "\uffff", "\ue000", "\U0001f600", "\U0010ffff", "e\u0301", "\u202e",
		strings.Repeat("long words ", 300),
	} {
		t.Setenv("TEXT", value)
		t.Setenv("SHORT", value[:min(len(value), 90)])
		c := parse(t, `
listeners:
  - {name: a, address: "unix:/${SHORT}", pool: p, tls: {certificates: [{cert: "${TEXT}"}], client_ca: "${TEXT}"}}
  - {name: b, address: ":1", pool: p, tls: {certificates: [{cert: a}], alpn: [mqtt, "x${SHORT}"]}}
pools: [{name: p, nodes: [{name: n, address: "h:1"}]}]
`)
		if got := c.Listeners[0].TLS.ClientCA; got != value {
			t.Errorf("%q was read as %q", value, got)
		}
		checkYAML(t, c)
	}
	// What a file may not hold is not taken from elsewhere.
	for _, value := range []string{"a\nb", "\r", "\t", "\u0085", "\x7f", "a\xffb"} {
		t.Setenv("TEXT", value)
		for _, setting := range []string{`client_ca: "${TEXT}"`, `alpn: ["${TEXT}"]`} {
			_, err := Parse("f", []byte(`{listeners: [{name: a, address: ":1", pool: p, tls: {certificates: [{cert: a}], `+setting+`}}], pools: [{name: p, nodes: [{name: n, address: "h:1"}]}]}`))
			if err == nil {
				t.Errorf("%q was read", value)
			}
		}
	}
	if _, err := FromFlags([]string{"unix:/\xff"}, []string{"h:1"}, "off"); err == nil || !strings.Contains(err.Error(), "is not UTF-8") {
		t.Errorf("got %v", err)
	}
}

// load loads a file that is right. The test may change what it returns.
func load(t *testing.T, file string) *Config {
	t.Helper()
	c, err := Load(file)
	if err != nil {
		t.Fatal(err)
	}
	for i := range c.Pools {
		if p := &c.Pools[i]; p.Confirm != nil {
			own := *p.Confirm // pools share the defaults
			p.Confirm = &own
		}
	}
	return c
}

// A change of any field is written, and what is written is never read as another.
func TestYAMLHasEveryFieldOfTheLanguage(t *testing.T) {
	setVariables(t)
	sampled := sample()
	goLeaves("", reflect.ValueOf(&sampled), func(path string, _ reflect.Value) {
		before, after := sample(), sample()
		goLeaves("", reflect.ValueOf(&after), func(p string, v reflect.Value) {
			if p == path {
				modify(t, v)
			}
		})
		same := bytes.Equal(before.YAML(), after.YAML())
		if left := path == ".Files" || path == ".Include"; same != left {
			t.Errorf("a change of %s: the same is %t in\n%s", path, same, after.YAML())
		}
	})

	read := map[string]bool{}
	for _, file := range []string{"testdata/full.yaml", "testdata/http.yaml", "testdata/probes.yaml", "testdata/tls.yaml"} {
		base := load(t, file)
		goLeaves("", reflect.ValueOf(base), func(path string, _ reflect.Value) {
			c := load(t, file)
			goLeaves("", reflect.ValueOf(c), func(p string, v reflect.Value) {
				if p == path && v.IsValid() && !strings.HasSuffix(path, ".Routes") && !strings.HasSuffix(path, ".Rules") { // else there are no parts
					modify(t, v)
				}
			})
			if _, err := Parse("yaml", c.YAML()); err == nil { // else the change is wrong
				checkYAML(t, c)
				read[path] = true
			}
		})
	}
	for _, path := range []string{
		".Listeners[].TLS.ALPN", ".Listeners[].TLS.Certificates[].Key", ".Listeners[].TLS.HandshakeTimeout", ".Pools[].TLS.ServerName",
		".Pools[].Nodes[].Weight", ".Pools[].Health.Interval", ".Limits.MaxRequestSize", ".Timeouts.ConnectNode",
	} {
		if !read[path] {
			t.Errorf("no change of %s was read again", path)
		}
	}
}

// The process writes a configuration while others read it.
func TestYAMLChangesNothing(t *testing.T) {
	for _, file := range []string{"testdata/full.yaml", "testdata/http.yaml", "testdata/probes.yaml", "testdata/tls.yaml"} {
		c, want := load(t, file), load(t, file)
		c.YAML()
		if !reflect.DeepEqual(c, want) {
			t.Errorf("%s: got %+v, want %+v", file, c, want)
		}
	}
}

func TestRedactedYAMLHasNoSecrets(t *testing.T) {
	password, keys := "hunter2", []string{"hunter3"}
	fields := func(p *string, k *[]string) []field {
		return []field{section("probe", []field{secret(scalar("password", p, text(parseName))), secret(scalars("keys", k, 0, text(parseName)))})}
	}
	none, nothing := "", []string(nil)
	for redacted, want := range map[bool]string{
		false: "probe:\n  password: hunter2\n  keys: [hunter3]",
		true:  "probe:\n  password: \"(secret)\"\n  keys: \"(secret)\"",
	} {
		got := writer{redacted}.mapping(fields(&password, &keys), fields(&none, &nothing))
		if !slices.Equal(got, strings.Split(want, "\n")) {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	c := load(t, "testdata/full.yaml")
	_, written, _ := bytes.Cut(c.YAML(), []byte("\n"))
	if comment, shown, _ := bytes.Cut(c.RedactedYAML(), []byte("\n")); !bytes.Equal(written, shown) || !bytes.Contains(comment, []byte("without secrets")) {
		t.Errorf("without secrets it is\n%s", shown)
	}
}
