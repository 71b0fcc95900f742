package main_test

import (
	"net"
	"testing"

	"mqttlb/proxy/proxytest"
)

// startWSMosquittos starts n brokers called a, b, c... that speak MQTT at one address
// and MQTT over WebSocket at another. It returns each broker twice under the same node
// name, once with each address.
func startWSMosquittos(t *testing.T, n int) (tcp, ws []*mosquitto) {
	t.Helper()
	for i := range n {
		addr := proxytest.FreeAddr(t, "127.0.0.1")
		host, port, _ := net.SplitHostPort(addr)
		m := startMosquitto(t, string(rune('a'+i)), "listener "+port+" "+host, "protocol websockets")
		over := *m
		over.addr = addr
		tcp, ws = append(tcp, m), append(ws, &over)
	}
	return tcp, ws
}

// everyWay has listeners for MQTT, for WebSocket before nodes that speak it, and for
// WebSocket before nodes that do not.
func everyWay(tcp, ws []*mosquitto) string {
	return `
listeners:
  - {name: mqtt, address: "${mqtt}", protocol: mqtt, pool: brokers}
  - {name: ws, address: "${ws}", protocol: ws, pool: brokers-ws}
  - {name: translated, address: "${translated}", protocol: ws, pool: brokers}
` + poolsOfBoth(tcp, ws)
}

// poolsOfBoth returns the pools brokers and brokers-ws.
func poolsOfBoth(tcp, ws []*mosquitto) string {
	return `
pools:
  - name: brokers
    health: {probe: none}
    nodes:
` + nodes(tcp...) + `
  - name: brokers-ws
    protocol: ws
    health: {probe: none}
    nodes:
` + nodes(ws...)
}

// wsListeners are the WebSocket listeners of everyWay.
var wsListeners = []string{"ws", "translated"}
