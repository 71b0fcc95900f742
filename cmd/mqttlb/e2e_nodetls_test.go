package main_test

import (
	"fmt"
	"net"
	"strings"
	"testing"

	"mqttlb/proxy/proxytest"
)

// tlsBroker is a broker with several listeners: one node with several addresses. All
// listeners but the first speak TLS.
type tlsBroker struct {
	plain     *mosquitto
	mqtts     *mosquitto
	certified *mosquitto // requires a client certificate, and takes the user name from it
	wss       *mosquitto
}

// startTLSMosquitto starts a tlsBroker that shows the lab's certificate.
func startTLSMosquitto(t *testing.T, name string, l lab, settings ...string) *tlsBroker {
	t.Helper()
	var addrs []string
	listen := func(more ...string) {
		addr := proxytest.FreeAddr(t, "127.0.0.1")
		host, port, _ := net.SplitHostPort(addr)
		addrs = append(addrs, addr)
		settings = append(append(settings, "listener "+port+" "+host, "certfile "+l.file("server.pem"), "keyfile "+l.file("server.key")), more...)
	}
	listen()
	listen("cafile "+l.file("ca.pem"), "require_certificate true", "use_identity_as_username true")
	listen("protocol websockets")
	b := &tlsBroker{plain: startMosquitto(t, name, settings...)}
	at := func(addr string) *mosquitto {
		over := *b.plain
		over.addr = addr
		return &over
	}
	b.mqtts, b.certified, b.wss = at(addrs[0]), at(addrs[1]), at(addrs[2])
	return b
}

// startTLSMosquittos starts n brokers called a, b, c..., and returns them by their
// listeners.
func startTLSMosquittos(t *testing.T, n int, l lab) (plain, mqtts, certified, wss []*mosquitto) {
	t.Helper()
	for i := range n {
		b := startTLSMosquitto(t, string(rune('a'+i)), l)
		plain, mqtts, certified, wss = append(plain, b.plain), append(mqtts, b.mqtts), append(certified, b.certified), append(wss, b.wss)
	}
	return plain, mqtts, certified, wss
}

// toNodes returns the tls section of a pool.
func (l lab) toNodes(settings ...string) string {
	return fmt.Sprintf("{%s}", strings.Join(append([]string{fmt.Sprintf("ca: %q", l.file("ca.pem"))}, settings...), ", "))
}

// shown returns the settings of toNodes for a client certificate.
func (l lab) shown(name string) string {
	return fmt.Sprintf("cert: %q, key: %q", l.file("client-"+name+".pem"), l.file("client-"+name+".key"))
}

// everyWayToTLS has listeners for MQTT and WebSocket, with TLS and without, before
// nodes that speak only TLS.
func everyWayToTLS(l lab, mqtts, certified, wss []*mosquitto) string {
	return `
listeners:
  - {name: mqtt, address: "${mqtt}", protocol: mqtt, pool: brokers}
  - {name: mqtts, address: "${mqtts}", protocol: mqtt, pool: certified, tls: ` + l.tls() + `}
  - {name: ws, address: "${ws}", protocol: ws, pool: brokers-ws}
  - {name: wss, address: "${wss}", protocol: ws, pool: brokers-ws, tls: ` + l.tls() + `}
  - {name: translated, address: "${translated}", protocol: ws, pool: brokers, tls: ` + l.tls() + `}
pools:
  - name: brokers
    health: {probe: none}
    tls: ` + l.toNodes() + `
    nodes:
` + nodes(mqtts...) + `
  - name: certified
    health: {probe: none}
    tls: ` + l.toNodes(l.shown("balancer")) + `
    nodes:
` + nodes(certified...) + `
  - name: brokers-ws
    protocol: ws
    health: {probe: none}
    tls: ` + l.toNodes() + `
    nodes:
` + nodes(wss...)
}

// tlsNodeListeners are the listeners of everyWayToTLS, with the schemes of their URLs.
var tlsNodeListeners = map[string]string{"mqtt": "tcp://", "mqtts": "ssl://", "ws": "ws://", "wss": "wss://", "translated": "wss://"}

func TestMosquittosClientsReachNodesOfTLS(t *testing.T) {
	t.Parallel()
	l := newLab(t, "balancer")
	plain, mqtts, certified, wss := startTLSMosquittos(t, 1, l)
	b := serve(t, everyWayToTLS(l, mqtts, certified, wss))
	for listener, flags := range map[string][]string{"mqtt": nil, "mqtts": l.flags("")} {
		for _, version := range []string{"mqttv311", "mqttv5"} {
			t.Run(listener+" "+version, func(t *testing.T) {
				topic := listener + "-" + version
				passMessage(t, b, plain[0], listener, topic, append(flags, "-V", version)...)
				if listener == "mqtts" {
					plain[0].waitFor(t, "New client connected", "as sub-"+topic, "u'balancer'") // the broker has got the certificate
				}
			})
		}
	}
}

func TestPahosClientsReachNodesOfTLS(t *testing.T) {
	t.Parallel()
	l := newLab(t, "balancer")
	_, mqtts, certified, wss := startTLSMosquittos(t, 1, l)
	b := serve(t, everyWayToTLS(l, mqtts, certified, wss))
	for listener, scheme := range tlsNodeListeners {
		for _, version := range []byte{4, 5} {
			t.Run(listener+" "+versionName(version), func(t *testing.T) {
				sizes := []int{0, 1, 16 << 10, 700_000} // from less than a TLS record to more than one read
				if listener == "ws" || listener == "wss" {
					sizes[3] = 20_000 // Mosquitto 2.0 sends 40 KB a second over WebSocket
				}
				passThroughPaho(t, b, listener, scheme, version, l.client(t, ""), sizes...)
			})
		}
	}
}

// An identifier goes to the same node over every protocol, also over TLS. After kill -9
// of one node of three only its clients are disconnected.
func TestAClientHasOneNodeOfTLSAndAKilledOneMovesItsOwn(t *testing.T) {
	t.Parallel()
	l := newLab(t, "balancer")
	plain, mqtts, certified, wss := startTLSMosquittos(t, 3, l)
	b := serve(t, everyWayToTLS(l, mqtts, certified, wss))
	clients := ids("roamer", 90)
	forEach(t, clients, func(_ int, id string) error {
		w, err := tryJoinWS(b.addrs["ws"], "", 4, id)
		if err == nil {
			w.Close()
		}
		return err
	})
	sessions := make([]*wire, len(clients))
	joinAll(t, b.addrs["mqtt"], clients, sessions)
	home := homes(t, plain, clients, 2)
	dead, alive := plain[1], []*mosquitto{plain[0], plain[2]}
	b.sessionsEnded(t, len(clients)) // the WebSocket sessions
	dead.kill()

	moving := clientsCut(t, b, clients, sessions, home, dead, len(clients))
	back := make([]*wire, len(moving))
	joinAll(t, b.addrs["mqtt"], moving, back)
	homes(t, alive, moving, 1)
	for i, id := range moving {
		if err := back[i].ping(); err != nil {
			t.Errorf("%s does not answer after it has moved: %v", id, err)
		}
	}
	for i, id := range clients {
		if home[id] == dead {
			continue
		}
		if err := sessions[i].ping(); err != nil {
			t.Errorf("%s of %s does not answer: %v", id, home[id].name, err)
		}
	}
}

// One session carries 20 MB to the broker and the same 20 MB back, through TLS on
// both sides.
func TestBulkArrivesUnchangedThroughTLSOnBothSides(t *testing.T) {
	t.Parallel()
	const count, size = 20, 1_000_000
	l := newLab(t, "balancer")
	_, mqtts, certified, wss := startTLSMosquittos(t, 1, l)
	b := serve(t, everyWayToTLS(l, mqtts, certified, wss))
	echo(t, b, pahoClientV3(t, "ssl://"+b.addrs["mqtts"], "echo", l.client(t, "")).(*clientV3), count, size)
}

// TestASubscriberThatPausesLosesNothing with TLS on both sides.
func TestASubscriberThatPausesLosesNothingThroughTLS(t *testing.T) {
	t.Parallel()
	l := newLab(t, "balancer")
	broker := startTLSMosquitto(t, "a", l, "max_queued_messages 0", "max_inflight_messages 0")
	b := serve(t, everyWayToTLS(l, []*mosquitto{broker.mqtts}, []*mosquitto{broker.certified}, []*mosquitto{broker.wss}))
	publisher := connectClient(t, 4, clientConfig{addr: broker.plain.addr, id: "publisher"})
	paused, err := secureWire(t, b.addrs["mqtts"], l.client(t, ""))
	if err != nil {
		t.Fatal(err)
	}
	if err := paused.open(4, "paused"); err != nil {
		t.Fatal(err)
	}
	paused.readsLate(t, publisher)
}
