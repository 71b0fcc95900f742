package main_test

import (
	"crypto/x509"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"mqttlb/proxy/proxytest"
)

// issueServer writes a certificate for an address, valid until then, with its key in the
// same file.
func (l lab) issueServer(file, ip string, until time.Time) {
	c := l.ca().IssueLike(x509.Certificate{ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, NotAfter: until}, ip)
	proxytest.WriteFile(l.file(file), c.Cert, c.Key)
}

// wrongNodes are TLS nodes that cannot be used. The key is the name of the listener, the
// value the error.
var wrongNodes = map[string]string{
	"name":     "certificate is valid for 127.0.0.9, not 127.0.0.1",
	"stranger": "certificate signed by unknown authority",
	"expired":  "certificate has expired or is not yet valid",
	"unasked":  "remote error: tls: certificate required", // the node sends this alert after the handshake
	"in_clear": "TLS",
}

// startWrongMosquitto starts a broker with a listener for each of wrongNodes.
func startWrongMosquitto(t *testing.T, l lab) map[string]*mosquitto {
	t.Helper()
	l.issueServer("name.pem", "127.0.0.9", time.Now().Add(time.Hour))
	l.issueServer("expired.pem", "127.0.0.1", time.Now().Add(-time.Hour))
	stranger := newLab(t)
	stranger.issueServer("name.pem", "127.0.0.1", time.Now().Add(time.Hour))
	server := []string{"certfile " + l.file("server.pem"), "keyfile " + l.file("server.key")}
	pair := func(file string) []string { return []string{"certfile " + file, "keyfile " + file} }
	addrs := map[string]string{}
	var settings []string
	for name, more := range map[string][]string{
		"name":     pair(l.file("name.pem")),
		"expired":  pair(l.file("expired.pem")),
		"stranger": pair(stranger.file("name.pem")),
		"unasked":  append(server, "cafile "+l.file("ca.pem"), "require_certificate true"),
		"in_clear": nil,
	} {
		addrs[name] = proxytest.FreeAddr(t, "127.0.0.1")
		host, port, _ := net.SplitHostPort(addrs[name])
		settings = append(append(settings, "listener "+port+" "+host), more...)
	}
	m := startMosquitto(t, "a", settings...)
	all := map[string]*mosquitto{}
	for name, addr := range addrs {
		over := *m
		over.addr = addr
		all[name] = &over
	}
	return all
}

// beforeWrongNodes has a listener and a pool for each of wrongNodes, with the good
// nodes beside it.
func beforeWrongNodes(l lab, wrong map[string]*mosquitto, health string, good ...*mosquitto) string {
	listeners, pools := "listeners:\n", "pools:\n"
	for name, m := range wrong {
		listeners += fmt.Sprintf("  - {name: %s, address: \"${%s}\", protocol: mqtt, pool: %s}\n", name, name, name)
		pools += "  - name: " + name + "\n    health: " + health + "\n    tls: " + l.toNodes() + "\n    nodes:\n" + nodes(append(good, m)...)
	}
	return listeners + pools
}

// The probe takes the node out, the log says why, and clients go to the other node.
func TestAProbeTakesOutANodeWhoseTLSIsWrong(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	wrong, good := startWrongMosquitto(t, l), startTLSMosquitto(t, "b", l)
	for _, probe := range []string{"tcp", "mqtt"} {
		t.Run(probe, func(t *testing.T) {
			b := serve(t, beforeWrongNodes(l, wrong, "{probe: "+probe+", interval: 10s, timeout: 10s, fall: 2}", good.mqtts))
			for name, why := range wrongNodes {
				t.Run(name, func(t *testing.T) {
					line := b.waitFor(t, `"level":"WARN"`, `"msg":"node is down"`, fmt.Sprintf(`"pool":%q`, name), `"node":"a"`)
					if !strings.Contains(line, why) {
						t.Errorf("the log says %s, want %q", line, why)
					}
					clients := ids(name+"-"+probe, 10)
					for i, id := range clients {
						join(t, b.addrs[name], "", []byte{3, 4, 5}[i%3], id)
					}
					homes(t, []*mosquitto{good.plain}, clients, 1)
				})
			}
			if lines := b.said(`"msg":"node is down"`, `"node":"b"`); len(lines) > 0 {
				t.Errorf("a good node is down: %s", lines[0])
			}
		})
	}
}

// Without a probe each session tries the node and goes on to the other one.
func TestANodeWhoseTLSIsWrongIsPassedOver(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	wrong, good := startWrongMosquitto(t, l), startTLSMosquitto(t, "b", l)
	two := serve(t, beforeWrongNodes(l, wrong, "{probe: none}", good.mqtts)+"timeouts: {dial: 2s}\n")
	one := serve(t, beforeWrongNodes(l, wrong, "{probe: none}")+"timeouts: {dial: 2s}\n")
	for name, why := range wrongNodes {
		t.Run(name, func(t *testing.T) {
			clients := ids(name, 10)
			for i, id := range clients {
				join(t, two.addrs[name], "", []byte{3, 4, 5}[i%3], id)
			}
			homes(t, []*mosquitto{good.plain}, clients, 1)
			if n := two.metrics(t).sum(t, "mqttlb_dial_errors_total", fmt.Sprintf("listener=%q", name), `node="a"`); n == 0 || n == 10 {
				t.Errorf("%v of 10 clients met the node that is wrong", n)
			}
			for version, code := range map[byte]byte{4: 3, 5: 0x88} {
				w := dialWire(t, one.addrs[name], "")
				if got, err := w.connect(version, name); err != nil || got != code {
					t.Errorf("version %s: code 0x%02x, %v; want 0x%02x", versionName(version), got, err, code)
				}
				w.Close()
			}
			one.waitForN(t, 2, `"msg":"session"`, fmt.Sprintf(`"listener":%q`, name), `"outcome":"dial_failed"`, `"error":"node a: TLS: `, why)
		})
	}
}
