package main_test

import (
	"net"
	"testing"
)

// RabbitMQ reads the PROXY header before the ClientHello and then asks for our
// certificate. It lists the client, and refuses a connection without a certificate.
func TestRabbitMQSeesClientsThroughTLSOfOurs(t *testing.T) {
	t.Parallel()
	rabbit := startRabbitMQ(t)
	l := rabbit.lab
	const pool = `
    proxy_protocol: v2
    health: {probe: mqtt, interval: 10s, timeout: 10s, fall: 2}
    nodes: [{name: rabbit, address: "`
	b := serve(t, `
listeners:
  - {name: mqtt, address: "${mqtt}", protocol: mqtt, pool: rabbit}
  - {name: mqtts, address: "${mqtts}", protocol: mqtt, pool: rabbit, tls: `+l.tls()+`}
  - {name: ws, address: "${ws}", protocol: ws, pool: rabbit}
  - {name: stranger, address: "${stranger}", protocol: mqtt, pool: stranger}
pools:
  - name: rabbit
    tls: `+l.toNodes(l.shown("balancer"))+pool+rabbit.secure+`"}]
  - name: stranger
    tls: `+l.toNodes()+pool+rabbit.secure+`"}]
`)
	for listener, dial := range map[string]func() (*wire, error){
		"mqtt":  func() (*wire, error) { return tryDialWire(b.addrs["mqtt"], "") },
		"mqtts": func() (*wire, error) { return secureWire(t, b.addrs["mqtts"], l.client(t, "")) },
		"ws":    func() (*wire, error) { return tryDialWS(b.addrs["ws"], "") },
	} {
		t.Run(listener, func(t *testing.T) {
			w, err := dial()
			if err != nil {
				t.Fatal(err)
			}
			defer w.Close()
			id := "rabbit-over-tls-" + listener
			if err := w.open(4, id); err != nil {
				t.Fatal(err)
			}
			w.subscribe(t, id)
			host, port, err := net.SplitHostPort(w.LocalAddr().String())
			if err != nil {
				t.Fatal(err)
			}
			rabbit.waitFor(t, id, host, port)
		})
	}
	b.waitFor(t, `"msg":"node is down"`, `"pool":"stranger"`, "remote error: tls: ")
	w := dialWire(t, b.addrs["stranger"], "")
	if code, err := w.connect(5, "stranger"); err != nil || code != 0x88 {
		t.Errorf("without a certificate: code 0x%02x, %v", code, err)
	}
	if lines := b.said(`"msg":"node is down"`, `"pool":"rabbit"`); len(lines) > 0 {
		t.Errorf("the node is down: %s", lines[0])
	}
}
