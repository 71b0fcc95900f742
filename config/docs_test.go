package config

import (
	"os"
	"reflect" //nolint:depguard // the names of the Go fields are what is tested
	"strconv"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v4"
)

const reference = "../docs/configuration.md"

// leaves calls f for each key of the language that has a value of its own, with its path
// in the reference: pools[].nodes[].weight.
func leaves(path string, fields []field, f func(path string, leaf field)) {
	for _, field := range fields {
		at := child(path, field.key)
		switch {
		case field.fields == nil:
			f(at, field)
		case isList(at):
			leaves(at+"[]", field.fields, f)
		default:
			leaves(at, field.fields, f)
		}
	}
}

// isList reports whether the setting at path is a list.
func isList(path string) bool {
	return goField(reflect.ValueOf(sample()), path).Kind() == reflect.Slice
}

// sample returns a Config with one item in every list.
func sample() Config {
	c := defaultConfig
	l, p := defaultListener, defaultPool
	l.Routes = []Route{defaultRoute}
	l.Rules, c.Rules = []Rule{defaultRule}, []Rule{defaultRule}
	listenerTLS, nodeTLS, probeTLS, confirm := defaultTLS, defaultNodeTLS, defaultNodeTLS, defaultConfirm
	listenerTLS.Certificates = []Certificate{{}}
	l.TLS, p.TLS, p.Health.TLS, p.Confirm = &listenerTLS, &nodeTLS, &probeTLS, &confirm
	p.Nodes = []Node{defaultNode}
	p.Discover = &Discover{}
	adminTLS := defaultTLS
	adminTLS.Certificates = []Certificate{{}}
	c.Admin.TLS = &adminTLS
	bans := defaultBans
	c.Bans = &bans
	c.Listeners, c.Pools = []Listener{l}, []Pool{p}
	c.complete()
	return c
}

// goField returns the field of a Config that path leads to.
func goField(v reflect.Value, path string) reflect.Value {
	for key := range strings.SplitSeq(path, ".") {
		key, isItem := strings.CutSuffix(key, "[]")
		if v.Kind() == reflect.Pointer {
			v = v.Elem()
		}
		v = v.FieldByNameFunc(func(name string) bool { return strings.EqualFold(name, normalized(key)) })
		if !v.IsValid() {
			return v
		}
		if isItem {
			v = v.Index(0)
		}
	}
	return v
}

// rows returns the rows of the reference's tables by the key in their first cell.
func rows(t *testing.T) map[string][]string {
	t.Helper()
	data, err := os.ReadFile(reference)
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string][]string{}
	for line := range strings.Lines(string(data)) {
		if !strings.HasPrefix(line, "| `") {
			continue
		}
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		key := strings.Trim(cells[0], "`")
		if len(cells) != 4 || rows[key] != nil {
			t.Errorf("row %q has %d cells or comes twice; want 4 cells, once", key, len(cells))
			continue
		}
		rows[key] = cells
	}
	return rows
}

func TestGoNamesFollowTheFile(t *testing.T) {
	leaves("", configFields(&Config{}), func(path string, _ field) {
		if !goField(reflect.ValueOf(sample()), path).IsValid() {
			t.Errorf("no field of Config is called as %s", path)
		}
	})
}

func TestReferenceHasEveryKeyItsDefaultAndItsValues(t *testing.T) {
	rows, documented := rows(t), map[string]bool{}
	leaves("", configFields(&Config{}), func(path string, leaf field) {
		row := path
		if strings.HasPrefix(path, "rules[].") { // the page says that these are the same
			row = "listeners[]." + path
		}
		cells := rows[row]
		if cells == nil {
			t.Errorf("%s is not in %s", path, reference)
			return
		}
		documented[row] = true
		defaults, allowed := cells[1], cells[2]
		v := goField(reflect.ValueOf(sample()), path)
		if want := defaultOf(path, leaf, v); defaults != want {
			t.Errorf("the default of %s is documented as %q, it is %q", path, defaults, want)
		}
		for _, want := range allowedIn(t, leaf, v) {
			if !strings.Contains(allowed, want) {
				t.Errorf("the values of %s are documented as %q, without %q", path, allowed, want)
			}
		}
	})
	for key := range rows {
		if documented[key] {
			continue
		}
		t.Errorf("%s has the key %s, the language has not", reference, key)
	}
}

// conditional holds the defaults that depend on another setting.
var conditional = map[string]string{
	"listeners[].path":                   "`" + defaultPath + "` with ws",
	"listeners[].tls.client_auth":        "`" + string(defaultClientAuth) + "` with a client_ca, else `" + string(ClientAuthNone) + "`",
	"listeners[].routes[].protocol":      "`" + string(defaultRoute.Protocol) + "` on an http listener",
	"listeners[].routes[].path":          "`" + defaultPath + "` with ws, else `" + defaultRoutePath + "`",
	"listeners[].tls.certificates[].key": "in the file of cert",
	"listeners[].tls.alpn":               "`[" + joinWords(defaultALPN[MQTT]) + "]`; `[" + joinWords(defaultALPN[WS]) + "]` with ws and http; none with tcp",
	"listeners[].tls.ciphers":            "see below",
	"listeners[].tls.curves":             "all of these",
	"pools[].tls.ciphers":                "see above",
	"pools[].tls.curves":                 "all",
	"pools[].health.tls.ciphers":         "see above",
	"pools[].health.tls.curves":          "all",
	"admin.tls.ciphers":                  "see above",
	"admin.tls.curves":                   "all",
	"listeners[].tls.ticket_keys":        "its own",
	"pools[].tls.ca":                     "the system's",
	"pools[].tls.server_name":            "the host of each node's address",
	"pools[].tls.key":                    "in the file of cert",
	"pools[].hash_key":                   "`" + string(protocolKeys[MQTT][0]) + "`; `" + string(protocolKeys[HTTP][0]) + "` with http and tcp",
	"pools[].cookie":                     "`" + defaultCookie + "` with hash_key cookie",
	"pools[].forward_headers":            "`[" + joinWords(defaultForwardHeaders) + "]` with ws",
	"pools[].remove_headers":             "`[" + joinWords(defaultRemoveHeaders) + "]` with http",
	"pools[].discover.port":              "none",
	"pools[].discover.health_port":       "none",
	"pools[].nodes[].health_port":        "`health.port`",
	"pools[].health.method":              "`" + defaultProbeMethod + "` with http",
	"pools[].health.path":                "`" + defaultProbePath + "` with http",
	"timeouts.connect_node":              "`" + formatDuration(defaultConnectNode) + "`, or `timeouts.dial` if that is longer",
	"pools[].health.timeout":             "`" + formatDuration(defaultProbeTimeout) + "`, or the interval if that is shorter",
	"pools[].health.host":                "the node's address",
	"pools[].health.status":              "any 2xx",
	"pools[].health.probe":               "`" + joinWords(defaultPool.Health.Probe) + "`",
	"pools[].health.port":                "the node's own; `" + strconv.Itoa(defaultManagementPort) + "` with emqx",
	"pools[].health.version":             "`" + string(defaultProbeVersion) + "` with mqtt",
	"pools[].health.client_id":           "letters and digits",
	"pools[].health.tls.ca":              "the system's",
	"pools[].health.tls.server_name":     "the host of each node's address",
	"pools[].health.tls.key":             "in the file of cert",
	"pools[].connect_rate":               "`" + defaultPool.ConnectRate.String() + "`",
	"pools[].queue.size":                 "`" + strconv.Itoa(int(defaultPool.Queue.Size)) + "`",
	"pools[].nodes[].connect_rate":       "that of the pool",
	"admin.socket":                       "`mqttlb.sock` in the runtime directory",
	"admin.state_dir":                    "`off`",
	"admin.tls.client_auth":              "`" + string(defaultClientAuth) + "` with a client_ca, else `" + string(ClientAuthNone) + "`",
	"admin.tls.certificates[].key":       "in the file of cert",
	"admin.tls.ticket_keys":              "its own",
	"admin.state_file":                   "`off`",
	"log.fields":                         "`[" + joinWords(defaultConfig.Log.Fields) + "]`",
	"pools[].rebalance":                  "`" + defaultPool.Rebalance.String() + "`",
	"log.sample":                         "`" + defaultConfig.Log.Sample.String() + "`",
}

// defaultOf formats a default as the reference does.
func defaultOf(path string, leaf field, v reflect.Value) string {
	if leaf.required {
		return "required"
	}
	if s, ok := conditional[path]; ok {
		return s
	}
	switch x := v.Interface().(type) {
	case time.Duration:
		return "`" + formatDuration(x) + "`"
	case bool:
		return "`" + strconv.FormatBool(x) + "`"
	case Address:
		return "`" + x.String() + "`"
	case MaxLoad:
		return "`" + x.String() + "`"
	case Reserve:
		return "`" + x.String() + "`"
	case SocketBuffer:
		return "`" + x.String() + "`"
	case int:
		if isSize(path) {
			return "`" + formatSize(x) + "`"
		}
		return "`" + strconv.Itoa(x) + "`"
	}
	if v.Kind() == reflect.String && v.Len() > 0 {
		return "`" + v.String() + "`"
	}
	return "none"
}

// allowedIn returns the values that the field accepts, from the field itself.
func allowedIn(t *testing.T, leaf field, v reflect.Value) []string {
	t.Helper()
	try := func(tag, value string) string {
		d := &decoder{source: newSource("x")}
		leaf.decode(d, "x", &yaml.Node{Kind: yaml.ScalarNode, Tag: tag, Value: value})
		if len(d.errs) != 1 {
			t.Fatalf("%s takes %s: %v", leaf.key, value, d.errs)
		}
		return d.errs[0].Message
	}
	after := func(s, sep string) string {
		_, rest, ok := strings.Cut(s, sep)
		if !ok {
			t.Fatalf("%q says nothing after %q", s, sep)
		}
		return rest
	}
	switch {
	case v.Type() == reflect.TypeFor[[]Probe]():
		words := make([]string, len(probes))
		for i, p := range probes {
			words[i] = "`" + string(p) + "`"
		}
		return words
	case v.Type() == reflect.TypeFor[[]ForwardTLV]():
		words := make([]string, len(forwardTLVs))
		for i, f := range forwardTLVs {
			words[i] = "`" + string(f) + "`"
		}
		return words
	case v.Type() == reflect.TypeFor[[]LogField]():
		words := make([]string, len(logFields))
		for i, f := range logFields {
			words[i] = "`" + string(f) + "`"
		}
		return words
	case v.Type() == reflect.TypeFor[MaxLoad]():
		return []string{strings.TrimSuffix(after(try("!!int", "1"), "out of range "), ", or off"), "`off`"}
	case v.Type() == reflect.TypeFor[Reserve]():
		return []string{after(try("!!int", "-1"), "out of range "), after(try("!!str", "101%"), "out of range ")}
	case v.Type() == reflect.TypeFor[Share]():
		return []string{after(try("!!str", "101%"), "out of range ")}
	case v.Type() == reflect.TypeFor[SocketBuffer]():
		return []string{strings.TrimSuffix(after(try("!!int", "1"), "out of range "), ", or auto"), "`auto`"}
	case v.Type() == reflect.TypeFor[Rate]():
		return []string{after(try("!!str", "0/s"), "out of range ")}
	case v.Type() == reflect.TypeFor[Sessions]():
		return []string{after(try("!!int", "-1"), "out of range ")}
	case v.Type() == reflect.TypeFor[time.Duration]():
		return []string{after(try("!!str", "-1s"), "out of range ")}
	case v.Kind() == reflect.Int && isSize(leaf.key):
		return []string{after(try("!!int", "99999999999999999999"), "out of range ")}
	case v.Kind() == reflect.Int:
		return []string{after(try("!!int", "-1"), "out of range ")}
	case v.Kind() == reflect.String || v.Kind() == reflect.Bool:
		_, allowed, ok := strings.Cut(try("!x", "-1"), "one of ")
		if !ok {
			return nil // any text of a kind
		}
		words := strings.Split(allowed, ", ")
		for i := range words {
			words[i] = "`" + words[i] + "`"
		}
		return words
	}
	return nil
}
