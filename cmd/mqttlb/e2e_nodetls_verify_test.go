package main_test

import (
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"net"
	"net/http"
	"os/exec"
	"testing"

	"mqttlb/proxy/proxytest"
)

// Brokers whose certificate has a Common Name and no SAN are refused with an error that names the way to accept them,
// and verify: ca accepts those of the CA alone: for probes, sessions and requests.
func TestNodesWithACommonNameAloneAreVerifiedByTheirChain(t *testing.T) {
	t.Parallel()
	l, strangers := newLab(t), newLab(t)
	named := x509.Certificate{Subject: pkix.Name{CommonName: "emqx"}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	start := func(name string, of lab) *mosquitto {
		pair := of.ca().IssueLike(named)
		file := l.file(name + "-node.pem")
		proxytest.WriteFile(file, pair.Cert, pair.Key)
		addr := proxytest.FreeAddr(t, "127.0.0.1")
		host, port, _ := net.SplitHostPort(addr)
		m := startMosquitto(t, name, "listener "+port+" "+host, "certfile "+file, "keyfile "+file)
		m.addr = addr
		return m
	}
	broker, stranger := start("broker", l), start("stranger", strangers)
	pages := startDashboardsOver(t, &tls.Config{Certificates: []tls.Certificate{l.ca().IssueLike(named).TLS}}, "pages")
	health := "    health: {probe: mqtt, interval: 1s, timeout: 1s, rise: 1, fall: 1}\n"
	b := serve(t, `
listeners:
  - {name: by_name, address: "${by_name}", pool: by_name}
  - {name: by_chain, address: "${by_chain}", pool: by_chain}
  - {name: http, address: "${http}", protocol: http, pool: pages}
pools:
  - name: by_name
    tls: `+l.toNodes()+"\n"+health+"    nodes:\n"+nodes(broker)+`
  - name: by_chain
    tls: `+l.toNodes("verify: ca")+"\n"+health+"    nodes:\n"+nodes(broker, stranger)+`
  - name: pages
    protocol: http
    tls: `+l.toNodes("verify: ca")+`
    health: {probe: http, path: /status, interval: 1s, timeout: 1s, rise: 1, fall: 1}
    nodes:
`+httpNodes(pages...))
	b.waitFor(t, `"msg":"node is down"`, `"node":"broker"`, `the certificate has no SAN, and its CN \"emqx\" does not count as a name; verify: ca checks the chain without the name`)
	b.waitFor(t, `"msg":"node is down"`, `"node":"stranger"`, "TLS: certificate signed by unknown authority")
	if out, err := exec.Command(proxytest.Program(t, "/usr/bin/mosquitto_pub"), append(hostPort(b.addrs["by_chain"]), "-i", "device", "-q", "1", "-t", "t", "-m", "m")...).CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	b.waitFor(t, `"msg":"session"`, `"listener":"by_chain"`, `"node":"broker"`)
	if status, node, body := get(t, newBrowser(t, ""), "http://"+b.addrs["http"]+"/page", ""); status != http.StatusOK || node != "pages" {
		t.Errorf("status %d of %q: %s", status, node, body)
	}
}
