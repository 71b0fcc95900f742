package main_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"

	v5 "github.com/eclipse/paho.golang/packets"

	"mqttlb/balancer/dns/dnstest"
	"mqttlb/proxy/proxytest"
)

// pod is a broker that can get another address. It answers each CONNECT of MQTT 5 and keeps the session.
type pod struct {
	name, addr string
	ln         net.Listener
	running    sync.WaitGroup

	mu       sync.Mutex // guards the fields below
	sessions map[net.Conn]string
	seen     map[string]int // CONNECTs by client identifier
}

// startPod starts a pod until the test ends.
func startPod(t *testing.T, name, addr string) *pod {
	t.Helper()
	p := &pod{name: name, sessions: map[net.Conn]string{}, seen: map[string]int{}}
	p.listen(t, addr)
	t.Cleanup(p.stop)
	return p
}

// listen has the pod listen on another address.
func (p *pod) listen(t *testing.T, addr string) {
	t.Helper()
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	p.addr, p.ln = addr, ln
	p.running.Go(func() { // ends with ln
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			p.running.Go(func() { p.serve(conn) }) // ends with the connection
		}
	})
}

// stop ends the pod and its sessions.
func (p *pod) stop() {
	p.ln.Close()
	p.mu.Lock()
	for conn := range p.sessions {
		conn.Close()
	}
	p.mu.Unlock()
	p.running.Wait()
}

func (p *pod) serve(conn net.Conn) {
	defer conn.Close()
	in := bufio.NewReader(conn)
	packet, err := v5.ReadPacket(in)
	if err != nil {
		return // a probe
	}
	connect, ok := packet.Content.(*v5.Connect)
	if !ok {
		return
	}
	p.mu.Lock()
	p.seen[connect.ClientID]++
	p.sessions[conn] = connect.ClientID
	p.mu.Unlock()
	(&v5.Connack{Properties: &v5.Properties{}}).WriteTo(conn)
	for err == nil && packet.Type != v5.DISCONNECT {
		packet, err = v5.ReadPacket(in)
	}
	p.mu.Lock()
	delete(p.sessions, conn)
	p.mu.Unlock()
}

// has reports whether a client has an open session.
func (p *pod) has(id string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, of := range p.sessions {
		if of == id {
			return true
		}
	}
	return false
}

// count returns how often a client has come.
func (p *pod) count(id string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.seen[id]
}

// podsAt returns an address with each of several hosts of loopback, all with the same port.
func podsAt(t *testing.T, hosts ...string) (addrs []string, port string) {
	t.Helper()
	_, port, _ = net.SplitHostPort(proxytest.FreeAddr(t, hosts[0]))
	for _, host := range hosts {
		addrs = append(addrs, net.JoinHostPort(host, port))
	}
	return addrs, port
}

// discovering is the text of a pool that discovers its nodes, with a listener.
const discovering = `
listeners:
  - {name: mqtt, address: "${mqtt}", protocol: mqtt, pool: brokers}
pools:
  - name: brokers
    health: {probe: none}
    drain_rate: 1000
`

// newDiscovering writes the configuration of a mqttlb that asks a DNS server for the nodes of its pool.
func newDiscovering(t *testing.T, server *dnstest.Server, pool string) *reloadee {
	t.Helper()
	r := newReloadee(t, nowhere)
	r.write(t, "127.0.0.1", strings.ReplaceAll(discovering+pool+"resolver: {servers: [\""+server.Addr().String()+"\"], timeout: 2s}\n"+
		"admin: {address: \"${admin}\", socket: DIR/socket}\nlog: {level: info, format: json}\n", "DIR", r.dir))
	return r
}

// shownNode is a node of ctl nodes.
type shownNode struct {
	Name  string
	Pools []struct {
		Address, Source string
		Weight          int
		Connections     int
	}
}

// shownNodes returns what ctl nodes shows, as "name address".
func (r *reloadee) shownNodes(t *testing.T) (all []string) {
	t.Helper()
	out, code := r.ctl(t, "nodes", "--json")
	var list struct{ Nodes []shownNode }
	if err := json.Unmarshal([]byte(out), &list); err != nil || code != 0 {
		t.Fatalf("exit code %d, %v: %s", code, err, out)
	}
	for _, n := range list.Nodes {
		for _, in := range n.Pools {
			all = append(all, n.Name+" "+in.Address)
		}
	}
	return all
}

// waitNodes waits until ctl nodes shows these nodes.
func (r *reloadee) waitNodes(t *testing.T, want ...string) {
	t.Helper()
	eventually(t, fmt.Sprintf("the nodes %q", want), func() bool { return strings.Join(r.shownNodes(t), ",") == strings.Join(want, ",") })
}

// waitAlarm waits until an alarm is shown, or no more.
func (r *reloadee) waitAlarm(t *testing.T, name string, raised bool) {
	t.Helper()
	eventually(t, fmt.Sprintf("the alarm %s: %v", name, raised), func() bool {
		out, _ := r.ctl(t, "alarms")
		return strings.Contains(out, name) == raised
	})
}

// homesOf returns the pod of each client, which must have exactly one. It waits for the ends of sessions that have been
// replaced: their clients hear of them before their pods do.
func homesOf(t *testing.T, pods []*pod, ids []string) map[string]*pod {
	t.Helper()
	homes := map[string]*pod{}
	for _, id := range ids {
		eventually(t, id+" to be on one pod", func() bool {
			n := 0
			for _, p := range pods {
				if p.has(id) {
					homes[id] = p
					n++
				}
			}
			return n == 1
		})
	}
	return homes
}
