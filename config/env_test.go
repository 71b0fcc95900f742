package config

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

func TestVariablesHaveTheTypeOfTheirSetting(t *testing.T) {
	for name, value := range map[string]string{
		"PORT": "1883", "NAME": "010", "HOST": "node1", "DURATION": "90s", "SIZE": "2MiB", "BYTES": "32768", "SWITCH": "false",
		"WORD": "warn", "EMPTY": "", "CERT": "/etc/${HOST}/$PORT: #", "NETWORK": "10.0.0.0/8", "NULL": "null",
	} {
		t.Setenv(name, value)
	}
	got := parse(t, `
x-unused: ${NOT_SET}
listeners:
  - name: ${NAME}
    address: :${PORT}
    pool: "${EMPTY:-${NOT_SET:-p}}"
    max_connections: "${PORT}"
    proxy_protocol: accept
    trusted_proxies: ["${NETWORK}", "${NOT_SET:-fd00::}/8"]
pools:
  - name: p
    tls: {cert: "${CERT}", key: "a$b$$c$${d}", verify: "${SWITCH}"}
    health: {probe: http, path: '/${HOST:-${NOT_SET}}', port: "${PORT}"}
    nodes:
      - name: ${NULL}
        address: ${HOST}:${PORT}
        weight: ${WEIGHT:-7}
limits: {max_connect_size: "${SIZE}", socket_buffer: "${BYTES}"}
timeouts: {dial: "${DURATION}", idle: "${EMPTY:-1}m"}
log:
  level: ${WORD}
`)
	want := parse(t, `
listeners:
  - {name: "010", address: ":1883", pool: p, max_connections: 1883, proxy_protocol: accept, trusted_proxies: [10.0.0.0/8, "fd00::/8"]}
pools:
  - name: p
    tls: {cert: '/etc/$${HOST}/$PORT: #', key: 'a$b$$c$${d}', verify: false}
    health: {probe: http, path: /node1, port: 1883}
    nodes: [{name: "null", address: "node1:1883", weight: 7}]
limits: {max_connect_size: 2MiB, socket_buffer: 32KiB}
timeouts: {dial: 90s, idle: 1m}
log: {level: warn}
`)
	if !equal(got, want) {
		t.Errorf("got:\n%+v\nwant:\n%+v", got, want)
	}
	if key := got.Pools[0].TLS.Key; key != "a$b$$c${d}" {
		t.Errorf("$${ is read as %s", key)
	}
}

// A few lines must not expand to gigabytes.
func TestVariablesBringABoundedText(t *testing.T) {
	t.Setenv("LARGE", strings.Repeat("x", 100_000))
	_, err := Parse("f", []byte("listeners: [{name: '"+strings.Repeat("${LARGE}", 100_000)+"'}]"+"\npools: ["+strings.Repeat("{name: '${LARGE}'}, ", 1000)+"]"))
	if err == nil || !strings.Contains(err.Error(), "f:1:20: listeners[0].name: ${LARGE} is too much; what a configuration takes from the environment has at most 2MiB in all") {
		t.Errorf("got %.300v", err)
	}
	many := ""
	for i := range 20 {
		many += fmt.Sprintf("${V%d:-}", i)
	}
	if _, err := Parse("f", []byte("log: {level: '"+many+"'}")); err == nil || !strings.Contains(err.Error(), "(from ${V0}, ${V1}, ${V2}, ${V3}, ${V4}, ...)") {
		t.Errorf("got %v", err)
	}
}

func TestSecretsAreKnownByTheirNames(t *testing.T) {
	for name, secret := range map[string]bool{
		"DB_PASSWORD": true, "mqtt_passwd": true, "API_TOKEN": true, "CLIENT_SECRET": true, "API_KEY": true, "KEY": true, "KEY_OF_ADMIN": true, "AWS_CREDENTIALS": true,
		"PORT": false, "KEYBOARD": false, "NODE_1": false, "MONKEY": false,
	} {
		t.Setenv(name, "hunter2 ")
		value := "'${" + name + "}'"
		for _, text := range []string{
			"listeners: [{name: " + value + "}]", "log: " + value, "admin: {address: " + value + "}", "limits: {connect_rate: " + value + "}",
			"listeners: [{name: a, address: ':1', pool: " + value + "}]\npools: [{name: p}]", "include: " + value,
		} {
			_, err := Parse("f", []byte(text))
			if err == nil || strings.Contains(err.Error(), "hunter2") == secret || !strings.Contains(err.Error(), "${"+name+"}") {
				t.Errorf("%s: %v", text, err)
			}
		}
	}
}

// The examples in the reference with several files, variables and merges must load.
func TestExamplesOfTheReferenceLoad(t *testing.T) {
	data, err := os.ReadFile(reference)
	if err != nil {
		t.Fatal(err)
	}
	files, others := map[string]string{}, 0
	for _, block := range regexp.MustCompile("(?s)\n```yaml\n(.*?\n)```\n").FindAllStringSubmatch(string(data), -1) {
		text := block[1]
		if name, ok := strings.CutPrefix(strings.SplitN(text, "\n", 2)[0], "# "); ok {
			files[name] = text
			continue
		}
		if !strings.Contains(text, "${") && !strings.Contains(text, "<<") {
			continue
		}
		others++
		t.Setenv("EMQX_1", "node1")
		if _, err := Parse("example", []byte(text+"listeners: [{name: a, address: ':1', pool: emqx}]\n")); err != nil {
			t.Errorf("%v\n%s", err, text)
		}
	}
	if len(files) != 2 || others != 2 {
		t.Fatalf("found %d files and %d other examples, want 2 and 2", len(files), others)
	}
	c, err := Load(filepath.Join(folder(t, files), "mqttlb.yaml"))
	if err != nil || len(c.Listeners) != 2 || len(c.Pools) != 2 {
		t.Errorf("got %+v, %v", c, err)
	}
}
