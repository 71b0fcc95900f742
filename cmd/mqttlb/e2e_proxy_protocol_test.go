package main_test

import (
	"net"
	"net/netip"
	"strings"
	"testing"

	"github.com/pires/go-proxyproto"
)

// The broker's own list of connections has the client's address, not the address that
// mqttlb dials from.
func TestRabbitMQSeesTheClientsAddress(t *testing.T) {
	t.Parallel()
	rabbit := startRabbitMQ(t)
	for _, header := range []string{"v1", "v2"} {
		t.Run(header, func(t *testing.T) {
			b := serve(t, `
listeners:
  - {name: mqtt, address: "${mqtt}", protocol: mqtt, pool: rabbit}
  - {name: mqtt6, address: "${mqtt6}", protocol: mqtt, pool: rabbit}
pools:
  - name: rabbit
    proxy_protocol: `+header+`
    nodes:
      - {name: rabbit, address: "`+rabbit.addr+`"}
`)
			for _, client := range []struct{ listener, from string }{
				{"mqtt", "127.0.0.2"},
				{"mqtt6", "::1"},
			} {
				id := "rabbit-" + header + client.listener
				c := connectClient(t, 4, clientConfig{addr: b.addrs[client.listener], from: client.from, id: id})
				c.subscribe(t, "carrots/"+header)
				c.publish(t, "carrots/"+header, []byte("hello"))
				if got := receive(t, c); string(got.payload) != "hello" {
					t.Errorf("got %q", got.payload)
				}
				port := c.(*clientV3).localPort(t)
				rabbit.waitFor(t, id, client.from, port)
				c.disconnect(t)
			}
		})
	}
}

// One mqttlb stands before another, as an appliance at the edge before a cluster. The
// second knows the client's address from the PROXY header of the first.
func TestTheClientsAddressTravelsThroughTwoBalancers(t *testing.T) {
	t.Parallel()
	rabbit := startRabbitMQ(t)
	inner := serve(t, `
listeners:
  - name: mqtt
    address: "${mqtt}"
    protocol: mqtt
    pool: rabbit
    proxy_protocol: accept
    trusted_proxies: [127.0.0.0/8]
pools:
  - name: rabbit
    proxy_protocol: v2
    nodes:
      - {name: rabbit, address: "`+rabbit.addr+`"}
`)
	for _, header := range []string{"v1", "v2"} {
		t.Run(header, func(t *testing.T) {
			outer := serve(t, `
listeners:
  - {name: edge, address: "${edge}", protocol: mqtt, pool: inner}
pools:
  - name: inner
    proxy_protocol: `+header+`
    health: {probe: none}
    nodes:
      - {name: inner, address: "`+inner.addrs["mqtt"]+`"}
`)
			id := "edge-" + header
			c := connectClient(t, 4, clientConfig{addr: outer.addrs["edge"], from: "127.0.0.3", id: id})
			port := c.(*clientV3).localPort(t)
			rabbit.waitFor(t, id, "127.0.0.3", port)
			c.disconnect(t)
			for _, b := range []*balancer{outer, inner} {
				if s := b.sessionsEnded(t, 1, id)[0]; s.Client != "127.0.0.3:"+port {
					t.Errorf("listener %s logs the client as %s, want 127.0.0.3:%s", s.Listener, s.Client, port)
				}
			}
		})
	}
}

func TestAHeaderFromHAProxyNamesTheClient(t *testing.T) {
	t.Parallel()
	broker := startMosquitto(t, "a")
	b := serve(t, acceptFrom("127.0.0.0/8")+nodes(broker))
	for _, sendProxy := range []string{"send-proxy", "send-proxy-v2"} {
		t.Run(sendProxy, func(t *testing.T) {
			w := join(t, startHAProxy(t, sendProxy, b.addrs["mqtt"]), "127.0.0.4", 5, sendProxy)
			w.disconnect(t)
			if s := b.sessionsEnded(t, 1, `"`+sendProxy+`"`)[0]; s.Client != w.LocalAddr().String() {
				t.Errorf("the log has client %s, want %s", s.Client, w.LocalAddr())
			}
		})
	}
}

func TestAHeaderFromAStrangerIsRefused(t *testing.T) {
	t.Parallel()
	broker := startMosquitto(t, "a")
	b := serve(t, acceptFrom("127.0.0.9/32")+nodes(broker))

	for _, version := range []byte{1, 2} {
		w := dialWire(t, b.addrs["mqtt"], "127.0.0.5")
		w.sendProxyHeader(t, version, "192.0.2.1:1000")
		w.Write(connectPacket(4, "stranger"))
		w.waitClosed(t)
		if s := b.sessionsEnded(t, int(version), "127.0.0.5:")[version-1]; s.Outcome != "untrusted_proxy" || s.Client != w.LocalAddr().String() {
			t.Errorf("v%d from a stranger: %s as %s, want untrusted_proxy as %s", version, s.Outcome, s.Client, w.LocalAddr())
		}

		w = dialWire(t, b.addrs["mqtt"], "127.0.0.9")
		w.sendProxyHeader(t, version, "192.0.2.1:1000")
		if code, err := w.connect(4, "trusted"); err != nil || code != 0 {
			t.Errorf("v%d from a trusted proxy: code %d, %v", version, code, err)
		}
		w.disconnect(t)
		if s := b.sessionsEnded(t, int(version), "192.0.2.1:1000")[version-1]; s.ClientID != "trusted" {
			t.Errorf("the log has %+v", s)
		}
	}

	w := dialWire(t, b.addrs["mqtt"], "127.0.0.9")
	w.Write(connectPacket(4, "bare"))
	w.waitClosed(t)
	if s := b.sessionsEnded(t, 1, "127.0.0.9:")[0]; s.Outcome != "bad_proxy_header" {
		t.Errorf("a trusted proxy that sends no header: %s, want bad_proxy_header", s.Outcome)
	}
	if n := broker.connects(); n["stranger"]+n["bare"] != 0 {
		t.Errorf("the broker has seen %v", n)
	}
}

// acceptFrom returns the settings of a listener that trusts these proxies.
func acceptFrom(prefix string) string {
	return strings.Replace(oneBroker, "pool: brokers}",
		"pool: brokers, proxy_protocol: accept, trusted_proxies: [\""+prefix+"\"]}", 1)
}

// sendProxyHeader sends a PROXY header that names another client.
func (w *wire) sendProxyHeader(t *testing.T, version byte, client string) {
	t.Helper()
	source := net.TCPAddrFromAddrPort(netip.MustParseAddrPort(client))
	h := proxyproto.HeaderProxyFromAddrs(version, source, w.RemoteAddr())
	if _, err := h.WriteTo(w); err != nil {
		t.Fatal(err)
	}
}
