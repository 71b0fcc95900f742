package main_test

import (
	"net"
	"testing"

	"mqttlb/balancer/dns/dnstest"
)

// The nodes of a dashboard are those of service records, with a later priority; another pool is for the requests from one network.
func TestDashboardsAreDiscovered(t *testing.T) {
	t.Parallel()
	dashboards := startDashboards(t, "a", "b", "office")
	server := dnstest.Start(t)
	record := func(priority string, d *dashboard) string {
		_, port, _ := net.SplitHostPort(d.Listener.Addr().String())
		server.Set(d.name+".example", "300 A 127.0.0.1")
		return "300 SRV " + priority + " 1 " + port + " " + d.name + ".example."
	}
	server.Set("_http._tcp.example", record("10", dashboards[0]), record("20", dashboards[1]))
	b := serve(t, `
listeners:
  - {name: web, address: "${web}", protocol: http, pool: found, routes: [{cidr: 127.0.0.9, pool: office}]}
pools:
  - {name: found, protocol: http, health: {interval: 200ms, rise: 1, fall: 1}, discover: {srv: _http._tcp.example}}
  - name: office
    protocol: http
    health: {probe: none}
    nodes:
`+httpNodes(dashboards[2])+`
resolver: {servers: ["`+server.Addr().String()+`"]}
`)
	nodeFor := func(from string) string {
		client := newBrowser(t, from)
		defer client.CloseIdleConnections()
		resp, err := client.Get("http://" + b.addrs["web"] + "/")
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		return resp.Header.Get("X-Node")
	}
	eventually(t, "the first node", func() bool { return nodeFor("127.0.0.8") == "a" })
	if got := nodeFor("127.0.0.9"); got != "office" {
		t.Errorf("the office is answered by %q", got)
	}
	dashboards[0].Close()
	eventually(t, "the node of the later priority", func() bool { return nodeFor("127.0.0.8") == "b" })
}
