package proxy

import (
	"testing"

	"mqttlb/balancer"
	"mqttlb/mqttparse"
	"mqttlb/proxy/snapshot"
)

// Each condition of a route is asked of clients of each version, in plain text and in TLS, over TCP and over WebSocket. A client
// that meets it gets the pool of the route, and another one that of the listener.
func TestEachConditionOfARoute(t *testing.T) {
	rows := conditionRows(t)
	for _, m := range []mode{mqttToMQTT, mqttsToMQTT, wsToMQTT, wssToMQTT, httpToWS} {
		t.Run(m.name, func(t *testing.T) {
			address := m.startNode(t, nil).address()
			r := m.start(t, []string{m.startNode(t, nil).address()})
			rest := len(r.snap.Listeners[0].Routes)
			for _, row := range rows {
				if row.overTLS && !m.tls {
					continue
				}
				special := m.onePool("special", address)
				route := snapshot.Route{Name: "routes[0]", SNI: row.match.ServerName, Match: row.match, Pool: special}
				route.Match.ServerName = ""
				if m.clientWS() {
					route.Path, route.WebSocket = "/mqtt", true
				}
				r.apply(func(s *snapshot.Snapshot) {
					routes := s.Listeners[0].Routes
					s.Listeners[0].Routes = append([]snapshot.Route{route}, routes[len(routes)-rest:]...)
				})
				for _, v := range []mqttparse.Version{mqttparse.V31, mqttparse.V311, mqttparse.V5} {
					taken, other := special.Nodes()[0], r.node(0)
					if row.yes.id != "" && (row.ofVersion == 0 || row.ofVersion == v) {
						r.goesTo(row.name, &row.yes, v, taken, other)
					}
					if row.not.id != "" && row.ofVersion != v {
						r.goesTo(row.name, &row.not, v, other, taken)
					}
				}
			}
		})
	}
}

// goesTo connects a device, which must be on one node and not on another.
func (r *rig) goesTo(what string, d *device, v mqttparse.Version, node, other *balancer.Node) {
	r.t.Helper()
	c := r.dialDevice(d)
	c.send(d.connect(v))
	first := make([]byte, 1)
	if _, err := c.Read(first); err != nil || first[0] != 0x20 {
		r.t.Errorf("%s, %s: not let in: % x, %v", what, v, first, err)
	}
	if node.Open() != 1 || other.Open() != 0 {
		r.t.Errorf("%s, %s: %d sessions on %s, %d on %s", what, v, node.Open(), node.Name, other.Open(), other.Name)
	}
	_ = c.Close()
	eventually(r.t, "the end of the session", func() bool { return node.Open() == 0 })
}
