package config

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestPathsOfAdminAreAbsoluteOrOff(t *testing.T) {
	file := func(admin string) []byte {
		return fmt.Appendf(nil, `
listeners: [{name: a, address: ":1", pool: p}]
pools: [{name: p, nodes: [{name: n, address: "h:1"}]}]
admin: {%s}`, admin)
	}
	for _, c := range []struct {
		written                     string
		socket, stateDir, stateFile string
	}{
		{"", "", "", ""},
		{"socket: off, state_dir: off, state_file: off", SocketOff, "", ""},
		{"socket: /run/lb.sock", "/run/lb.sock", "", ""},
		{"state_dir: /var/lib/mqttlb", "", "/var/lib/mqttlb", ""},
		{"state_file: /var/lib/mqttlb.json", "", "", "/var/lib/mqttlb.json"},
		{"state_dir: /var, state_file: /var/a.json", "", "/var", "/var/a.json"},
		{"socket: /" + strings.Repeat("x", maxSocketPath-1), "/" + strings.Repeat("x", maxSocketPath-1), "", ""},
	} {
		got, err := Parse("f", file(c.written))
		if err != nil || got.Admin.Socket != c.socket || got.Admin.StateDir != c.stateDir || got.Admin.StateFile != c.stateFile {
			t.Errorf("%s: got %+v, %v; want %q, %q and %q", c.written, got, err, c.socket, c.stateDir, c.stateFile)
		}
	}
	for written, want := range map[string]string{
		"socket: lb.sock":       `admin.socket: "lb.sock" is no absolute path; write one, as /run/mqttlb/mqttlb.sock, or off`,
		"socket: unix:/lb.sock": `admin.socket: "unix:/lb.sock" is no absolute path; write one, as /run/mqttlb/mqttlb.sock, or off`,
		`socket: ""`:            `admin.socket: "" is no absolute path; write one, as /run/mqttlb/mqttlb.sock, or off`,
		`socket: "/run/\n"`:     `admin.socket: "/run/\n" has a control character`,
		"socket: /" + strings.Repeat("x", maxSocketPath): "admin.socket: the path of a Unix socket has at most 103 bytes, this one has 104",
		"socket: 5":          `admin.socket: "5" is no absolute path; write one, as /run/mqttlb/mqttlb.sock, or off`,
		"state_dir: lib":     `admin.state_dir: "lib" is no absolute path; write that of a folder, as /var/lib/mqttlb, or off`,
		`state_dir: "/x\t"`:  `admin.state_dir: "/x\t" has a control character`,
		"state_dir: [a]":     "admin.state_dir: is a list; it must be text",
		"state_file: a":      `admin.state_file: "a" is no absolute path of a file; write one, as /var/lib/mqttlb/state.json, or off`,
		"state_file: /lib/":  `admin.state_file: "/lib/" is no absolute path of a file; write one, as /var/lib/mqttlb/state.json, or off`,
		`state_file: "/x\t"`: `admin.state_file: "/x\t" has a control character`,
		"state_dir: /var//lib, state_file: /var/lib/last-good.yaml": "admin.state_file: \"/var/lib/last-good.yaml\" is the file that admin.state_dir keeps the last good configuration in; name another one",
		"socket: /run/lb, state_file: /run/./lb":                    `admin.state_file: "/run/./lb" is the path of admin.socket; name another file`,
	} {
		if _, err := Parse("f", file(written)); err == nil || !strings.HasSuffix(err.Error(), ": "+want) {
			t.Errorf("%s: got %v, want %s", written, err, want)
		}
	}
}

func TestTheAdminServerIsOpenedOnPurpose(t *testing.T) {
	file := func(admin string) []byte {
		return fmt.Appendf(nil, `
listeners: [{name: a, address: ":1", pool: p}]
pools: [{name: p, readiness: false, nodes: [{name: n, address: "h:1"}]}]
timeouts: {lame_duck: 5s}
admin: {%s}`, admin)
	}
	for admin, want := range map[string]string{
		`address: ":9090", token_file: token`:                                                       ":9090, token in token",
		`address: ":9090", public: metrics, hosts: [lb.example.com, "*.lb"]`:                        ":9090, metrics for all, also as lb.example.com, *.lb",
		`address: "[::1]:9090", socket: off`:                                                        "[::1]:9090, socket off",
		`address: "127.8.0.1:9090"`:                                                                 "127.8.0.1:9090",
		`address: "unix:/run/lb.sock"`:                                                              "unix:/run/lb.sock",
		`address: "10.0.0.1:2", token_file: t, tls: {certificates: [{cert: c}], client_ca: ca.pem}`: "10.0.0.1:2 with TLS 1.2-1.3, 1 certificate, client certificates: require, token in t",
	} {
		c, err := Parse("f", file(admin))
		if err != nil {
			t.Errorf("%s: %v", admin, err)
			continue
		}
		if got := c.Admin.String(); got != want {
			t.Errorf("%s: the summary is %q, want %q", admin, got, want)
		}
		if c.Pools[0].Readiness || c.Timeouts.LameDuck != 5*time.Second {
			t.Errorf("readiness %t, lame duck %s", c.Pools[0].Readiness, c.Timeouts.LameDuck)
		}
		checkYAML(t, c)
	}
	for address, public := range map[string]AdminPublic{":9090": PublicMetrics, "0.0.0.0:9090": PublicMetrics, "127.0.0.1:1": PublicOff, "off": PublicOff, "": PublicOff} {
		c, err := FromFlags([]string{":1883"}, []string{"h:1"}, address)
		if err != nil || c.Admin.Public != public {
			t.Errorf("--admin %s: %v, %v; want %s", address, c, err, public)
		}
	}
}
