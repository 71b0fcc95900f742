package main_test

import (
	"crypto/tls"
	"encoding/json"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"mqttlb/proxy/admin/api"
)

// askingFor is a client's configuration with an SNI. It believes any certificate.
func askingFor(name string) *tls.Config {
	return &tls.Config{ServerName: name, InsecureSkipVerify: true}
}

// One address for each protocol serves two tenants. One of them has a name that is not ASCII, in the configuration and in
// the certificate that mqttlb cert has made.
func TestTenantsShareTheAddressOfEveryProtocol(t *testing.T) {
	t.Parallel()
	dashboards := startDashboards(t, "a", "b")
	brokers := startMosquittos(t, 2)
	l := lab(filepath.Join(t.TempDir(), "lab"))
	if out, code := mqttlb(t, "cert", "--dir", string(l), "--name", "bücher.example", "--name", "*.bücher.example"); code != 0 {
		t.Fatalf("mqttlb cert: exit code %d\n%s", code, out)
	}
	other := newLab(t)
	section := strings.Replace(other.tls("strict_sni: true"), "}]", fmt.Sprintf("}, {cert: %q, key: %q}]", l.file("server.pem"), l.file("server.key")), 1)
	dir := socketDir(t)
	b := serve(t, `
listeners:
  - {name: mqtts, address: "${mqtts}", pool: brokers-a, tls: `+section+`, routes: [{sni: "*.bücher.example", pool: brokers-b}]}
  - {name: wss, address: "${wss}", protocol: ws, pool: brokers-a, tls: `+section+`, routes: [{sni: Bücher.example., pool: brokers-b}]}
  - name: https
    address: "${https}"
    protocol: http
    pool: dashboard-a
    tls: `+section+`
    routes:
      - {sni: bücher.example, path: /mqtt, protocol: ws, pool: brokers-b}
      - {sni: bücher.example, host: "*.bücher.example", pool: dashboard-a}
      - {sni: bücher.example, pool: dashboard-b}
      - {path: /mqtt, protocol: ws, pool: brokers-a}
pools:
  - name: brokers-a
    nodes:
`+nodes(brokers[0])+`
  - name: brokers-b
    nodes:
`+nodes(brokers[1])+`
  - name: dashboard-a
    protocol: http
    nodes:
`+httpNodes(dashboards[0])+`
  - name: dashboard-b
    protocol: http
    nodes:
`+httpNodes(dashboards[1])+`
admin: {address: "${admin}", socket: "`+filepath.Join(dir, "socket")+`"}
`)
	for i, c := range []struct{ name, node string }{
		{"broker.example", "a"}, {"a.xn--bcher-kva.example", "b"}, {"A.XN--BCHER-KVA.EXAMPLE", "b"}, {"a.bücher.example", "b"}, {"xn--bcher-kva.example", "a"},
	} {
		id := fmt.Sprint("mqtts-", i)
		w, err := secureWire(t, b.addrs["mqtts"], askingFor(c.name))
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		if code, err := w.connect(5, id); code != 0 || err != nil {
			t.Errorf("%s: code %d, %v", c.name, code, err)
		}
		w.Close()
		if s := b.sessionsEnded(t, 1, `"`+id+`"`)[0]; s.Node != c.node {
			t.Errorf("SNI %s leads to node %s, want %s", c.name, s.Node, c.node)
		}
	}
	for _, listener := range []string{"wss", "https"} {
		for name, node := range map[string]string{"broker.example": "a", "xn--bcher-kva.example": "b"} {
			id := listener + "-" + node
			client := pahoClientV5(t, "wss://"+b.addrs[listener]+"/mqtt", id, askingFor(name))
			client.disconnect(t)
			if s := b.sessionsEnded(t, 1, `"`+id+`"`)[0]; s.Listener != listener || s.Node != node {
				t.Errorf("SNI %s leads to node %s of %s, want %s", name, s.Node, s.Listener, node)
			}
		}
	}
	for _, c := range []struct{ sni, host, node string }{
		{"broker.example", "xn--bcher-kva.example", "a"}, // the SNI decides, not the Host
		{"xn--bcher-kva.example", "anything", "b"},
		{"bücher.example", "a.XN--Bcher-kva.example", "a"},
	} {
		browser := newBrowser(t, "")
		browser.Transport.(*http.Transport).TLSClientConfig = askingFor(c.sni)
		if status, node, _ := get(t, browser, "https://"+b.addrs["https"]+"/page", c.host); status != http.StatusOK || node != c.node {
			t.Errorf("SNI %s and host %s: status %d of node %s, want %s", c.sni, c.host, status, node, c.node)
		}
		browser.CloseIdleConnections()
	}

	for name, want := range map[string]string{
		"broker.example":   "brokers-a",
		"a.bücher.example": "brokers-b brokers-a", // wss and https have other routes
	} {
		out, code := mqttlb(t, "ctl", "route", "--socket", filepath.Join(dir, "socket"), "--json", "--sni", name, "c1")
		var route api.Route
		if err := json.Unmarshal([]byte(out), &route); code != 0 || err != nil {
			t.Fatalf("exit code %d: %s, %v", code, out, err)
		}
		var pools []string
		for _, r := range route.Routes {
			pools = append(pools, r.Pool)
		}
		if got := strings.Join(pools, " "); got != want {
			t.Errorf("ctl route --sni %s has the pools %s, want %s", name, got, want)
		}
	}
}
