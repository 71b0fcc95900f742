package main_test

import (
	"encoding/json"
	"io"
	"net"
	"strings"
	"testing"

	"mqttlb/balancer/dns/dnstest"
)

// startForwarder forwards connections to one address of loopback until the test ends.
func startForwarder(t *testing.T, to string) (addr string) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	go func() { // ends with ln
		for {
			in, err := ln.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("tcp", to)
			if err != nil {
				in.Close()
				continue
			}
			for _, pair := range [][2]net.Conn{{in, out}, {out, in}} {
				go func() { // ends with either connection
					_, _ = io.Copy(pair[0], pair[1])
					in.Close()
					out.Close()
				}()
			}
		}
	}()
	return ln.Addr().String()
}

// The first address of a node's name is dead. Clients of each protocol are served at the other one, with probes and without, and
// what is shown of the node has both.
func TestANameWhoseFirstAddressIsDead(t *testing.T) {
	t.Parallel()
	const name = "broker.example"
	tcp, ws := startWSMosquittos(t, 1)
	dashboard := startDashboards(t, "a")[0]
	ws[0].addr = startForwarder(t, ws[0].addr) // Mosquitto's WebSocket is at all addresses
	onName := func(list, addr string) string {
		_, port, _ := net.SplitHostPort(addr)
		return strings.Replace(list, addr, name+":"+port, 1)
	}
	for probe, health := range map[string]string{"none": "{probe: none}", "tcp": "{probe: tcp, interval: 200ms, fall: 2}"} {
		t.Run(probe, func(t *testing.T) {
			server := dnstest.Start(t)
			server.Set(name, "300 A 127.0.45.1", "300 A 127.0.0.1")
			r := newReloadee(t, "")
			text := onName(onName(everyWay(tcp, ws), tcp[0].addr), ws[0].addr) + `
  - name: web
    protocol: http
    health: {probe: none}
    nodes:
` + onName(httpNodes(dashboard), dashboard.Listener.Addr().String())
			text = strings.Replace(text, "pools:\n", "  - {name: web, address: \"${web}\", protocol: http, pool: web}\npools:\n", 1)
			text = strings.ReplaceAll(text, "{probe: none}", health)
			r.write(t, "127.0.0.1", text+"\nresolver: {servers: [\""+server.Addr().String()+"\"]}\n"+
				strings.ReplaceAll("admin: {address: \"${admin}\", socket: DIR/socket}\n", "DIR", r.dir))
			r.run(t)
			for _, id := range ids("device", 5) {
				join(t, r.addrs["mqtt"], "", 5, id)
				for _, listener := range wsListeners {
					pahoClientV5(t, "ws://"+r.addrs[listener]+"/mqtt", id+listener, nil).disconnect(t)
				}
			}
			resp, err := newBrowser(t, "").Get("http://" + r.addrs["web"] + "/")
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			if resp.StatusCode != 200 {
				t.Errorf("the dashboard is answered %s", resp.Status)
			}

			type address struct{ Address, Health, Reason string }
			var shown struct {
				Nodes []struct {
					Pools []struct {
						Pool, Health string
						Addresses    []address
					}
				}
			}
			look := func() (out string) {
				out = r.must(t, "nodes", "--json")
				if err := json.Unmarshal([]byte(out), &shown); err != nil {
					t.Fatal(err)
				}
				return out
			}
			if probe == "tcp" {
				eventually(t, "the dead address is known", func() bool { return strings.Count(look(), `"reason":`) >= 3 })
				if out := r.must(t, "nodes"); strings.Count(out, " is down for ") != 3 {
					t.Errorf("ctl nodes does not note the dead address:\n%s", out)
				}
				if out := r.must(t, "alarms"); !strings.Contains(out, "node_address_down") {
					t.Errorf("no alarm:\n%s", out)
				}
			}
			out := look()
			for _, in := range shown.Nodes[0].Pools {
				var good, dead address
				for _, a := range in.Addresses {
					if strings.HasPrefix(a.Address, "127.0.0.1:") {
						good = a
					} else {
						dead = a
					}
				}
				if len(in.Addresses) != 2 || in.Health != "up" || good.Health != "up" || (dead.Health == "down") != (probe == "tcp") || (dead.Reason != "") != (probe == "tcp") {
					t.Errorf("pool %s: %+v\n%s", in.Pool, in, out)
				}
			}
			if len(shown.Nodes[0].Pools) != 3 {
				t.Errorf("%d pools", len(shown.Nodes[0].Pools))
			}
			if m := r.metrics(t); m.sum(t, "mqttlb_node_healthy") != 3 {
				t.Errorf("%v nodes are up", m.sum(t, "mqttlb_node_healthy"))
			}
		})
	}
}
