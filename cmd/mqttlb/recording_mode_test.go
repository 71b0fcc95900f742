package main_test

import (
	"fmt"
	"strings"
)

// recordingMode holds the protocols of clients and nodes in a section of a recording.
// Listener and pool have its name, spelled as an identifier.
type recordingMode struct {
	name     string
	protocol string // of the listener
	tls      bool   // TLS of clients ends at the listener
	nodeWS   bool   // the nodes speak WebSocket
	nodeTLS  bool   // the nodes speak TLS
}

// recordingModes are the nine modes of proxy's tests, and the two that do not read the CONNECT.
var recordingModes = []recordingMode{
	{name: "mqtt", protocol: "mqtt"},
	{name: "mqtts", protocol: "mqtt", tls: true},
	{name: "mqtt to mqtts", protocol: "mqtt", nodeTLS: true},
	{name: "ws", protocol: "ws", nodeWS: true},
	{name: "http to ws", protocol: "http", nodeWS: true},
	{name: "wss to ws", protocol: "ws", tls: true, nodeWS: true},
	{name: "wss to wss", protocol: "ws", tls: true, nodeWS: true, nodeTLS: true},
	{name: "ws to mqtt", protocol: "ws"},
	{name: "wss to mqtt", protocol: "ws", tls: true},
	{name: "tcp", protocol: "tcp"},
	{name: "tls passthrough", protocol: "tls"},
}

// The methods below are the sets of modes that a scenario may choose. Without a set it runs in all modes.
func (m recordingMode) reads() bool       { return m.protocol != "tcp" && m.protocol != "tls" } // the CONNECT
func (m recordingMode) clientWS() bool    { return m.protocol == "ws" || m.protocol == "http" }
func (m recordingMode) clientTLS() bool   { return m.tls || m.passthrough() }
func (m recordingMode) passthrough() bool { return m.protocol == "tls" }
func (m recordingMode) translated() bool  { return m.clientWS() && !m.nodeWS }
func (m recordingMode) terminates() bool  { return m.tls }
func (m recordingMode) upgrades() bool    { return m.nodeWS }
func (m recordingMode) overTCP() bool     { return !m.clientWS() }

func (m recordingMode) id() string { return strings.ReplaceAll(m.name, " ", "_") }

// answersInTLS reports whether the node is the server of a TLS connection.
func (m recordingMode) answersInTLS() bool { return m.nodeTLS || m.passthrough() }

// config returns the listener and the pool of a mode, with a node at the address.
func (m recordingMode) config(sc *scenario, l lab, node string) (listener, pools string) {
	pool, protocol, path := m.id(), "mqtt", ""
	switch {
	case m.nodeWS:
		protocol = "ws"
	case !m.reads():
		protocol = "tcp"
	}
	listener = fmt.Sprintf(`{name: %[1]s, address: "${%[1]s}", protocol: %[2]s`, pool, m.protocol)
	if m.protocol == "http" {
		listener += fmt.Sprintf(", pool: web, routes: [{path: /mqtt, protocol: ws, pool: %s%s}]", pool, sc.route)
	} else {
		if m.protocol == "ws" {
			path = sc.ws + sc.route
		}
		listener += ", pool: " + pool + path
	}
	if m.tls {
		section := l.tls(sc.tls...)
		listener += ", tls: " + strings.ReplaceAll(section, "${ca}", l.file("ca.pem"))
	}
	health := "health: {probe: none}"
	if sc.health != "" {
		health = "health: " + sc.health
	}
	pools = fmt.Sprintf("{name: %s, protocol: %s, %s", pool, protocol, health)
	if m.nodeTLS {
		pools += fmt.Sprintf(", tls: {ca: %q, server_name: broker.example}", l.file("ca.pem"))
	}
	pools += fmt.Sprintf(`%s, nodes: [{name: a, address: %q%s}]}`, sc.pool, node, sc.node)
	return listener + sc.listener + "}", pools
}

// recordingConfig returns the configuration for all modes of a scenario.
func recordingConfig(sc *scenario, l lab, nodes map[string]string) string {
	listeners, pools := "listeners:\n", "pools:\n  - {name: web, protocol: http, health: {probe: none}, nodes: [{name: web, address: \"127.0.0.1:1\"}]}\n"
	for _, m := range sc.inModes() {
		listener, pool := m.config(sc, l, nodes[m.id()])
		listeners += "  - " + listener + "\n"
		pools += "  - " + pool + "\n"
	}
	return listeners + pools + patient(sc.settings) + "\n"
}

// patient adds timeouts for a busy machine to settings, where settings has none.
func patient(settings string) string {
	timeouts := "dial: 1m"
	if !strings.Contains(settings, "connect_packet") {
		timeouts += ", connect_packet: 1m"
	}
	if before, after, ok := strings.Cut(settings, "timeouts: {"); ok {
		return before + "timeouts: {" + timeouts + ", " + after
	}
	return settings + "\ntimeouts: {" + timeouts + "}"
}
