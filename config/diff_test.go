package config

import (
	"fmt"
	"net/netip"
	"reflect" //nolint:depguard // that no field of a Config is left out is what is tested
	"slices"
	"strings"
	"testing"
)

// lines formats the changes for people.
func lines(changes []Change) string {
	var b strings.Builder
	for _, c := range changes {
		b.WriteString(c.String() + "\n")
	}
	return b.String()
}

func TestDiffNamesWhatHasChanged(t *testing.T) {
	before := parse(t, `
listeners:
  - {name: mqtt, address: ":1883", pool: emqx}
  - {name: old, address: ":1885", pool: other, max_connections: 7}
  - {name: web, address: ":80", protocol: http, pool: web, routes: [{host: a, pool: web}, {host: b, pool: web}]}
  - {name: mqtts, address: ":8883", pool: emqx, tls: {certificates: [{cert: a.pem}]}}
pools:
  - name: emqx
    nodes: [{name: n1, address: "node1:1883"}, {name: n2, address: "node2:1883"}, {name: n3, address: "[2001:db8::3]:1883"}]
  - {name: other, nodes: [{name: n, address: "h:1"}]}
  - {name: web, protocol: http, nodes: [{name: n, address: "h:80"}]}
limits: {max_connect_size: 64KiB}
`)
	after := parse(t, `
include: none/*.yaml
pools:
  - {name: web, protocol: http, nodes: [{name: n, address: "h:80"}], health: {probe: http}}
  - name: emqx
    health: {probe: mqtt, interval: 1m30s}
    tls: {ca: "my ca.pem"}
    nodes: [{name: n2, address: "node2:1883", weight: 2}, {name: n1, address: "node7:1883"}, {name: n4, address: "[::1]:1883", weight: 3}]
  - {name: new, nodes: [{name: n, address: "h:1"}, {name: o, address: "h:2"}], health: {rise: 5}, algorithm: round_robin}
listeners:
  - {name: web, address: ":80", protocol: http, pool: web, routes: [{host: b, pool: web}]}
  - {name: mqtt, address: ":1884", pool: new, proxy_protocol: accept, trusted_proxies: [10.0.0.0/8, "fd00::1"]}
  - {name: mqtts, address: ":8883", pool: emqx}
limits: {max_connect_size: 1MiB, connect_rate: 0}
admin: {address: "off"}
timeouts: {idle: 10m}
`)
	want := `include: added none/*.yaml
listeners[mqtt].address: :1883 -> :1884
listeners[mqtt].pool: emqx -> new
listeners[mqtt].proxy_protocol: off -> accept
listeners[mqtt].trusted_proxies: added [10.0.0.0/8, fd00::1/128]
listeners[old]: removed {name: old, address: :1885, pool: other, max_connections: 7}
listeners[web].routes[0].host: a -> b
listeners[web].routes[1]: removed {host: b, path: /, pool: web}
listeners[mqtts].tls: removed {certificates: [{cert: a.pem}], client_auth: none, alpn: [mqtt]}
pools[emqx].tls: added {ca: "my ca.pem"}
pools[emqx].health.probe: tcp -> mqtt
pools[emqx].health.interval: 5s -> 1m30s
pools[emqx].health.version: added 3.1.1
pools[emqx].nodes[n1].address: node1:1883 -> node7:1883
pools[emqx].nodes[n2].weight: 1 -> 2
pools[emqx].nodes[n3]: removed {name: n3, address: "[2001:db8::3]:1883"}
pools[emqx].nodes[n4]: added {name: n4, address: "[::1]:1883", weight: 3}
pools[other]: removed {name: other, hash_key: client_id, health: {timeout: 2s}, nodes: [{name: n, address: h:1}]}
pools[web].health.probe: tcp -> http
pools[web].health.method: added GET
pools[web].health.path: added /
pools[new]: added {name: new, algorithm: round_robin, health: {timeout: 2s, rise: 5}, nodes: [{name: n, address: h:1}, {name: o, address: h:2}]}
limits.connect_rate: 5000 -> 0
limits.max_connect_size: 64KiB -> 1MiB
timeouts.idle: 0s -> 10m
admin.address: 127.0.0.1:9090 -> off
`
	if got := lines(Diff(before, after)); got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
	if got := Diff(before, before); got != nil {
		t.Errorf("a configuration differs from itself:\n%s", lines(got))
	}
	// The reverse Diff gives the same changes with the sides swapped.
	back := Diff(after, before)
	for _, c := range Diff(before, after) {
		c.Before, c.After = c.After, c.Before
		c.Kind = map[ChangeKind]ChangeKind{Added: Removed, Removed: Added, Changed: Changed}[c.Kind]
		if !slices.Contains(back, c) {
			t.Errorf("there is no %s in\n%s", c, lines(back))
		}
	}
}

// listenerOnly are the fields of TLS that only listeners have keys for.
var listenerOnly = []string{"AcceptExpired", "Revoked", "RequireIdentity", "ALPN", "HandshakeTimeout", "MaxHandshakes", "MaxHandshakeQueue", "HandshakeRate"}

// goLeaves calls f for each value in a Config that has no parts, with its Go path.
func goLeaves(path string, v reflect.Value, f func(path string, v reflect.Value)) {
	switch {
	case v.Kind() == reflect.Pointer:
		goLeaves(path, v.Elem(), f)
	case v.Kind() == reflect.Slice && v.Len() > 0 && v.Index(0).Kind() == reflect.Struct && v.Type().Elem() != reflect.TypeFor[netip.Prefix]():
		goLeaves(path+"[]", v.Index(0), f)
	case v.Kind() == reflect.Struct && v.Type() != reflect.TypeFor[Address]() && v.Type() != reflect.TypeFor[RateWithin]():
		for i := range v.NumField() {
			if path == "" && slices.Contains([]string{"Warnings", "written"}, v.Type().Field(i).Name) { // not of the language
				continue
			}
			if path == ".Admin.TLS" && slices.Contains(listenerOnly, v.Type().Field(i).Name) {
				continue
			}
			goLeaves(path+"."+v.Type().Field(i).Name, v.Field(i), f)
		}
	default:
		f(path, v)
	}
}

func TestDiffShowsEveryFieldOfTheLanguage(t *testing.T) {
	shown := map[string]bool{}
	whole := sample()
	goLeaves("", reflect.ValueOf(&whole), func(path string, _ reflect.Value) {
		before, after := sample(), sample()
		goLeaves("", reflect.ValueOf(&after), func(p string, v reflect.Value) {
			if p == path {
				modify(t, v)
			}
		})
		changes := Diff(&before, &after)
		if path == ".Files" {
			if len(changes) > 0 {
				t.Errorf("where it was read is no part of what a configuration means:\n%s", lines(changes))
			}
			return
		}
		name := strings.HasSuffix(path, ".Name") // a new name makes it another item
		if len(changes) != 1 && !name || name && len(changes) != 2 {
			t.Errorf("a change of %s is\n%s", path, lines(changes))
		}
		for _, c := range changes {
			if c.Before == c.After {
				t.Errorf("a change of %s is %s", path, c)
			}
			shown[strings.TrimSuffix(plainPath(c.Path), "[]")] = true
		}
	})
	leaves("", configFields(&Config{}), func(path string, _ field) {
		if !shown[strings.TrimSuffix(path, "[].name")] {
			t.Errorf("no change of %s was shown, but of %v", path, shown)
		}
	})
}

// plainPath removes the names from a path: pools[].nodes[].weight.
func plainPath(path string) string {
	var b strings.Builder
	for part := range strings.SplitSeq(path, "]") {
		before, _, ok := strings.Cut(part, "[")
		b.WriteString(before)
		if ok {
			b.WriteString("[]")
		}
	}
	return b.String()
}

// modify sets v to another value.
func modify(t *testing.T, v reflect.Value) {
	t.Helper()
	switch x := v.Addr().Interface().(type) {
	case *Address:
		*x = Address{Network: "tcp", Host: "another", Port: 7}
	case *RateWithin:
		*x = RateWithin{Events: 7, Within: minBanWithin}
	case *[]string:
		*x = append(slices.Clone(*x), "another")
	case *[]Probe:
		*x = append(slices.Clone(*x), "another")
	case *[]Cipher:
		*x = append(slices.Clone(*x), "another")
	case *[]Curve:
		*x = append(slices.Clone(*x), "another")
	case *[]ForwardTLV:
		*x = append(slices.Clone(*x), "another")
	case *[]LogField:
		*x = append(slices.Clone(*x), "another")
	case *[]netip.AddrPort:
		*x = append(slices.Clone(*x), netip.MustParseAddrPort("192.0.2.7:53"))
	case *[]MQTTVersion:
		*x = append(slices.Clone(*x), "another")
	case *[]Source:
		*x = append(slices.Clone(*x), Source{netip.MustParsePrefix("192.0.2.0/24")})
	case *[]netip.Prefix:
		*x = append(slices.Clone(*x), netip.MustParsePrefix("192.0.2.0/24"))
	default:
		switch v.Kind() {
		case reflect.String:
			v.SetString(v.String() + "x")
		case reflect.Bool:
			v.SetBool(!v.Bool())
		case reflect.Int, reflect.Int64:
			v.SetInt(v.Int() + 1)
		case reflect.Float64:
			v.SetFloat(v.Float() + 1)
		default:
			t.Fatalf("how is a %s changed?", v.Type())
		}
	}
}

func TestSecretsAreShownNowhere(t *testing.T) {
	password := func(p *string) []field {
		return []field{section("probe", []field{secret(scalar("password", p, text(parseName)))})}
	}
	before, after := "hunter2", "hunter3"
	changes := diff(nil, "", password(&before), password(&after))
	if got, want := lines(changes), "probe.password: (secret) -> (secret)\n"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	none := ""
	if got, want := spellMapping(password(&before), password(&none)), "{probe: {password: (secret)}}"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}

	for _, value := range []string{"hunter 2", "[hunter2]", "'${HUNTER}'", "2"} {
		t.Setenv("HUNTER", "hunter 2")
		s := newSource("f")
		root := parseYAML(s, []byte("probe: {password: "+value+"}"))
		(&decoder{source: s, system: thisSystem}).mapping("", root, password(&none))
		of := ""
		if strings.Contains(value, "HUNTER") {
			of = " of ${HUNTER}"
		}
		if want := fmt.Sprintf("f:1:19: probe.password: the value%s does not fit; it is a secret and is not shown", of); s.err() == nil || s.err().Error() != want {
			t.Errorf("%s: got %v, want %s", value, s.err(), want)
		}
	}
}
