package ctl

import (
	"net/http"
	"time"

	"mqttlb/proxy/admin/api"
)

// sampleNodes has a node that is up, one that drains, one that is down and disabled, and
// one in no pool.
func sampleNodes() api.Nodes {
	return api.Nodes{Nodes: []api.Node{
		{Name: "emqx-1", Operator: api.NodeOperator{State: api.Enabled}, Pools: []api.NodeInPool{
			{Pool: "emqx", Address: "10.0.0.1:1883", State: "up", Healthy: true, ProbeSeconds: 0.0012, Weight: 1, ConfiguredWeight: 1, Connections: 4500, OutlierUntil: ago(-75*time.Minute - 30*time.Second), Ramp: 0.251, Overloaded: true},
		}},
		{Name: "emqx-2", Operator: api.NodeOperator{State: api.Draining},
			Drain: &api.Drain{Began: *ago(time.Minute), Sessions: 3000, Left: 2000, Leaving: 1000, PerSecond: 50, Remaining: 40},
			Pools: []api.NodeInPool{
				{Pool: "emqx", Address: "10.0.0.2:1883", State: "draining", Healthy: true, Ramp: 1, Weight: 5, ConfiguredWeight: 1, Connections: 2000, MaxConnections: 5000},
			}},
		{Name: "emqx-3", Operator: api.NodeOperator{State: api.Disabled}, Pools: []api.NodeInPool{
			{Pool: "emqx", Address: "10.0.0.3:1883", State: "down", Since: ago(5*time.Hour + 10*time.Second), Reason: "dial tcp 10.0.0.3:1883: connect: connection refused", Weight: 1, ConfiguredWeight: 1},
		}},
		{Name: "gone-1", Operator: api.NodeOperator{State: api.Disabled}},
	}}
}

func sampleStatus() api.Status {
	return api.Status{
		Version: "v1.2.3", PID: 4711, Started: *ago(76*time.Hour + 10*time.Minute), State: api.Serving, Ready: true, Generation: 3,
		Sessions: 8921, MaxSessions: 100_000, Loops: 2,
		Totals: api.Totals{Accepted: 12345, Refused: 31, BytesReceived: 153_000_000, BytesSent: 675_000_000, PacketsReceived: 1_200_000, PacketsSent: 2_900_000},
		Listeners: []api.ListenerStatus{
			{Name: "mqtt", Address: "0.0.0.0:1883", Protocol: "mqtt", Pool: "emqx", Open: 4500, Accepted: 12345, Refused: 31},
			{Name: "mqtts", Address: "[::]:8883", Protocol: "mqtt", TLS: true, Pool: "emqx", Open: 4421},
		},
		Pools: []api.PoolStatus{{Name: "emqx", Nodes: 3, Up: 1, Open: 6500,
			Rebalance: &api.Rebalance{Active: true, Found: 2500, Moved: 1000, Left: 1500, PerSecond: 50, Remaining: 30}}},
		Alarms: 1,
	}
}

func sampleAlarms() api.Alarms {
	return api.Alarms{Alarms: []api.Alarm{{Name: "node_down", Subject: "emqx/emqx-3", Since: ago(5*time.Hour + 10*time.Second), Text: "connection refused"},
		{Name: "log_lines_dropped", Text: "5 log lines were dropped"}}}
}

func sampleSessions() api.Sessions {
	return api.Sessions{Total: 2000, Sessions: []api.Session{
		{ID: "0-1a", Listener: "mqtt", Client: "10.1.2.3:40000", ClientID: "sensor-1", Username: "anna", Version: "5", TLS: true, WebSocket: true,
			Pool: "emqx", Node: "emqx-1", State: "connected", Age: 7260, Silent: 12, BytesReceived: 1500, BytesSent: 999, PacketsPerSec: 12.5},
		{ID: "1-1b", Listener: "mqtt", Client: "10.1.2.4:40001", State: "opening", Age: 0.4},
	}}
}

func sampleRoute() api.Route {
	return api.Route{ClientID: "sensor-1", Routes: []api.ListenerRoute{
		{Listeners: []string{"mqtt", "mqtts"}, Ways: []api.RouteWay{
			{Listener: "mqtt", Sure: true},
			{Listener: "mqtts", Route: "routes[0]", Takes: "sni: a.example.com", Routed: true, Undecided: []string{"sni", "cidr"}},
			{Listener: "mqtts", Route: "routes[1]", Takes: "client_id: {prefix: sensor-}", Routed: true},
			{Listener: "wss", Routed: true, Sure: true},
			{Listener: "tcp", Route: "routes[0]", Takes: "share: 5%", Routed: true, Undecided: []string{"share", "keep_alive", "username", "username_present"}},
		}, Pool: "emqx", Algorithm: "hash", HashKey: "client_id", Key: "9f86d081884c7d65", Candidates: []api.Candidate{
			{Node: "emqx-1", State: "up", Chosen: true, Why: "first by its hash", Weight: 1, Connections: 4500},
			{Node: "emqx-2", State: "draining", Why: "takes no new sessions", Weight: 5, Connections: 2000, MaxConnections: 5000},
		}},
		{Listeners: []string{"web"}, Pool: "web", Algorithm: "least_connections", Note: "the identifier does not decide", Candidates: []api.Candidate{
			{Node: "web-1", State: "up", Why: "fewest connections", Weight: 1},
		}},
	}, Rules: []api.RouteRule{
		{Listener: "mqtt", Rule: "lan", Action: "allow", Undecided: []string{"cidr"}}, {Listener: "mqtt", Rule: "no-test", Action: "deny"},
		{Listener: "wss", Rule: "stolen", Action: "deny"},
	}, MoreRules: true}
}

// startSample runs a process that knows all requests.
func (p *process) sample() *process {
	node := sampleNodes().Nodes[1]
	node.Warnings = []string{"the last node of a pool"}
	for request, answer := range map[string]any{
		"GET /api/v1/status":   sampleStatus(),
		"GET /api/v1/nodes":    sampleNodes(),
		"GET /api/v1/alarms":   sampleAlarms(),
		"GET /api/v1/rules":    api.Rules{Rules: []api.Rule{{Listener: "mqtt", Rule: "no-test", Action: "deny", Matched: 1234}, {Listener: "mqtts", Rule: "office", Action: "allow"}}},
		"GET /api/v1/sessions": sampleSessions(),
		"GET /api/v1/route":    sampleRoute(),
		"GET /api/v1/config": api.Config{Generation: 3, File: "/etc/mqttlb.yaml", Read: *ago(time.Hour), Config: "listeners:\n  - {name: mqtt}\n",
			Errors: []string{"/etc/mqttlb.yaml:3:4: is wrong"}},
		"GET /api/v1/log":            api.Log{Level: "info", Fields: []string{"client_id", "node"}},
		"POST /api/v1/log":           api.Log{Level: "debug", Fields: []string{"client_id"}},
		"POST /api/v1/sessions/kick": api.Kicked{Kicked: 812},
		"GET /api/v1/bans": api.Bans{Total: 20_000, Bans: []api.Ban{{Address: "203.0.113.7", Cause: "not_mqtt", Remaining: 550, Refused: 12345},
			{Address: "2001:db8::/64", Cause: "operator", Remaining: 3}}},
		"POST /api/v1/bans":      api.Ban{Address: "203.0.113.7", Cause: "operator", Remaining: 3600},
		"POST /api/v1/bans/lift": api.Unbanned{Lifted: 1},
		"POST /api/v1/stop":      reply(http.StatusAccepted, ""),
		"POST /api/v1/reload": api.Reload{Generation: 4, Warnings: []string{"a pool has one node"},
			Changes: []api.Change{{Action: "changed", Name: "log.level", Before: "info", After: "debug"}}},
	} {
		p.on(request, answer)
	}
	for _, verb := range []string{"drain", "undrain", "disable", "enable", "weight"} {
		p.on("POST /api/v1/nodes/emqx-2/"+verb, node)
	}
	return p
}
