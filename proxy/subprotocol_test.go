package proxy

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"mqttlb/balancer"
	"mqttlb/proxy/outcome"
	"mqttlb/proxy/snapshot"
	"mqttlb/proxy/websocket"
)

// wsBroker is a node that speaks WebSocket and knows some subprotocols only.
type wsBroker struct {
	*node
	knows  []string
	refuse func(*asked) // an upgrade that offers none of them

	mu      sync.Mutex
	offered []string // in the upgrades so far; "none" without the header
	paths   []string
}

// What EMQX knows, and what Mosquitto does.
var (
	ofEMQX      = []string{"mqtt", "mqtt-v3", "mqtt-v3.1.1", "mqtt-v5"}
	ofMosquitto = []string{"mqtt", "mqttv3.1"}
)

func answers400(a *asked) {
	_, _ = io.WriteString(a, "HTTP/1.1 400 Bad Request\r\nserver: Cowboy\r\ncontent-length: 0\r\n\r\n")
	_, _ = io.Copy(io.Discard, a) // Cowboy waits for another request
}

func startWSBroker(t *testing.T, knows []string, refuse func(*asked)) *wsBroker {
	t.Helper()
	b := &wsBroker{knows: knows, refuse: refuse}
	b.node = startUpgradeNode(t, b.answer)
	return b
}

// answer chooses the first subprotocol of the offer that the broker knows.
func (b *wsBroker) answer(a *asked) {
	offer := websocket.Tokens(a.request.Header["Sec-Websocket-Protocol"])
	b.mu.Lock()
	b.offered = append(b.offered, pick(len(offer) > 0, strings.Join(a.request.Header["Sec-Websocket-Protocol"], "|"), "none"))
	b.paths = append(b.paths, a.request.RequestURI)
	b.mu.Unlock()
	for _, p := range offer {
		if slices.Contains(b.knows, p) {
			a.request.Header.Set("Sec-WebSocket-Protocol", p)
			_, _ = io.WriteString(a, a.switching())
			_, _ = a.Read(make([]byte, 1024))
			_, _ = a.Write(connackFrame)
			_, _ = io.Copy(struct{ io.Writer }{a}, struct{ io.Reader }{a})
			return
		}
	}
	b.refuse(a)
}

func (b *wsBroker) seen() (offered, paths []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.offered), slices.Clone(b.paths)
}

func optionalSubprotocol(s *snapshot.Snapshot) { s.Listeners[0].Routes[0].SubprotocolOptional = true }

// relayed sends an upgrade, and checks the subprotocol in its answer and that frames pass both ways.
func (r *rig) relayed(want, request string) {
	r.t.Helper()
	c := r.dialBare(r.srv.Addr("mqtt"))
	c.send([]byte(request))
	resp, body := c.response() //nolint:bodyclose // response has read and closed it
	if got := strings.Join(resp.Header["Sec-Websocket-Protocol"], "|"); resp.StatusCode != 101 || got != want {
		r.t.Fatalf("answered %s %q with the subprotocol %q, want %q", resp.Status, body, got, want)
	}
	c.send(clientFrame(finBinary, connect311))
	c.expect(connackFrame)
	ping := clientFrame(finBinary, []byte("\xc0\x00"))
	c.send(ping)
	c.expect(ping) // the broker echoes
	_ = c.Close()
}

// The client's subprotocol is fixed by its upgrade. The node gets the client's whole offer, and if it refuses that,
// mqtt alone.
func TestNodesAreOfferedWhatTheClientOffers(t *testing.T) {
	const offer = "Sec-WebSocket-Protocol: "
	closes := func(*asked) {}
	repeats := func(a *asked) { // as RabbitMQ 3.10 does
		_, _ = io.WriteString(a, strings.Replace(a.switching(), "Protocol: mqttv3.1\r", "Protocol: "+a.request.Header.Get("Sec-WebSocket-Protocol")+"\r", 1))
		_, _ = io.Copy(io.Discard, a)
	}
	for _, row := range []struct {
		name    string
		broker  []string
		refuse  func(*asked)
		changes []string
		client  string // its subprotocol
		node    []string
	}{
		{"mqtt", ofEMQX, answers400, nil, "mqtt", []string{"mqtt"}},
		{"others go along, in order", ofEMQX, answers400, []string{offer + "foo, mqttv3.1,mqtt ,bearer.eyJ"}, "mqtt", []string{"foo, mqttv3.1, mqtt, bearer.eyJ"}},
		{"over several lines", ofEMQX, answers400, []string{offer + "foo", "+" + offer + "mqtt", "+" + offer + "mqtt, bar"}, "mqtt", []string{"foo, mqtt, bar"}},
		{"not first in the first line", ofMosquitto, closes, []string{offer + "foo", "+" + offer + "mqttv3.1"}, "mqttv3.1", []string{"foo, mqttv3.1"}},
		{"the node chooses another one", ofMosquitto, closes, []string{offer + "mqttv3.1, mqtt"}, "mqtt", []string{"mqttv3.1, mqtt"}},
		{"what EMQX answers 400", ofEMQX, answers400, []string{offer + "mqttv3.1"}, "mqttv3.1", []string{"mqttv3.1", "mqtt"}},
		{"with others", ofEMQX, answers400, []string{offer + "mqttv3.1, token"}, "mqttv3.1", []string{"mqttv3.1, token", "mqtt"}},
		{"what Mosquitto closes", ofMosquitto, closes, []string{offer + "mqttv3.1.1"}, "mqttv3.1.1", []string{"mqttv3.1.1", "mqtt"}},
		{"what RabbitMQ repeats", []string{"mqtt"}, repeats, []string{offer + "mqttv3.1, token"}, "mqttv3.1", []string{"mqttv3.1, token", "mqtt"}},
		{"in capitals", ofEMQX, answers400, []string{offer + "MQTT"}, "MQTT", []string{"MQTT", "mqtt"}},
		{"capitals last", ofEMQX, answers400, []string{offer + "MQTT, mqtt-v5"}, "MQTT", []string{"MQTT, mqtt-v5"}},
		{"no token", ofEMQX, answers400, []string{offer + `"a b", mqtt, a/b`}, "mqtt", []string{"mqtt"}},
		{"none", ofEMQX, answers400, []string{"-Sec-WebSocket-Protocol"}, "", []string{"mqtt"}},
		{"an empty one", ofEMQX, answers400, []string{offer}, "", []string{"mqtt"}},
		{"empty items", ofEMQX, answers400, []string{offer + " , ,"}, "", []string{"mqtt"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			broker := startWSBroker(t, row.broker, row.refuse)
			r := start(t, []string{broker.address()}, wsToWS.set, optionalSubprotocol)
			r.relayed(row.client, upgradeRequest(row.changes...))
			r.waitOutcome(outcome.ClientClosed, 1)
			if got, _ := broker.seen(); !slices.Equal(got, row.node) {
				t.Errorf("the node was offered %q, want %q", got, row.node)
			}
			if f := r.srv.Stats().Flows[0]; f.DialErrors != 0 {
				t.Errorf("%d errors count against the node", f.DialErrors)
			}
			if len(row.node) > 1 {
				r.waitLine("level=DEBUG msg=dial listener=mqtt node=node-a error=\"upgrade refused: ")
			}
		})
	}
}

// A client that offers none of MQTT's names is refused, also where it need not offer any.
func TestUpgradeThatOffersNoMQTT(t *testing.T) {
	backend := startNode(t, nil)
	for _, row := range []struct {
		optional bool
		change   string
		says     string
	}{
		{false, "-Sec-WebSocket-Protocol", `Sec-WebSocket-Protocol "": one of mqtt, `},
		{false, "Sec-WebSocket-Protocol: ", "mqtt-v3 must be offered\n"},
		{false, "Sec-WebSocket-Protocol: wamp", `"wamp"`},
		{true, "Sec-WebSocket-Protocol: wamp", "must be offered, or nothing at all\n"},
		{true, "Sec-WebSocket-Protocol: mqtt v5", `"mqtt v5"`},
	} {
		settings := []setting{wsToMQTT.set}
		if row.optional {
			settings = append(settings, optionalSubprotocol)
		}
		r := start(t, []string{backend.address()}, settings...)
		c := r.dialBare(r.srv.Addr("mqtt"))
		c.send([]byte(upgradeRequest(row.change)))
		if resp, body := c.response(); resp.StatusCode != 400 || !strings.Contains(body, row.says) { //nolint:bodyclose // response has read and closed it
			t.Errorf("%q, optional %v: answered %s %q", row.change, row.optional, resp.Status, body)
		}
		_ = c.Close()
		r.waitOutcome(outcome.BadUpgrade, 1)
	}
}

// A node that refuses mqtt, too, is asked twice and not more often, and the next one is offered everything again.
func TestRefusalsThatAreNotAboutTheSubprotocol(t *testing.T) {
	refuses, takes := startWSBroker(t, nil, answers400), startWSBroker(t, []string{"mqttv3.1"}, answers400)
	r := wsToWS.start(t, []string{refuses.address(), takes.address()})
	var met bool
	for i := range 16 {
		c := r.dialBare(r.srv.Addr("mqtt"))
		c.send([]byte(upgradeRequest("Sec-WebSocket-Protocol: mqttv3.1, token")))
		if resp, _ := c.response(); resp.StatusCode != 101 { //nolint:bodyclose // response has read and closed it
			t.Fatalf("answered %s", resp.Status)
		}
		c.send(clientFrame(finBinary, connectAs(fmt.Sprint("device-", i))))
		c.expect(connackFrame)
		_ = c.Close()
		offered, _ := refuses.seen()
		if met = len(offered) > 0; met {
			break
		}
	}
	if !met {
		t.Fatal("none of 16 identifiers met the node that refuses")
	}
	if got, _ := refuses.seen(); !slices.Equal(got, []string{"mqttv3.1, token", "mqtt"}) {
		t.Errorf("the node that refuses was offered %q", got)
	}
	if got, _ := takes.seen(); got[len(got)-1] != "mqttv3.1, token" {
		t.Errorf("the other node was offered %q", got)
	}
	if f := r.srv.Stats().Flows[0]; f.DialErrors != 1 {
		t.Errorf("%d errors of the node, want 1", f.DialErrors)
	}

	r.node(1).SetOperator(balancer.Draining)
	c := r.dialBare(r.srv.Addr("mqtt"))
	c.send([]byte(upgradeRequest()))
	_, _ = c.response() //nolint:bodyclose // response has read and closed it
	c.send(clientFrame(finBinary, connectAs("last")))
	if got := c.frames(); len(got) != 2 || got[1] != "close 1013" {
		t.Errorf("with no other node the client is told %q", got)
	}
	_ = c.Close()
	r.waitOutcome(outcome.UpgradeRefused, 1)
	if got, _ := refuses.seen(); len(got) != 3 {
		t.Errorf("mqtt was refused, and then offered again: %q", got)
	}
}

// The second try has a time limit like the first one.
func TestSecondTryIsBoundedInTime(t *testing.T) {
	tries := make(chan struct{}, 2)
	silent := startUpgradeNode(t, func(a *asked) {
		tries <- struct{}{}
		if a.request.Header.Get("Sec-WebSocket-Protocol") != "mqtt" {
			answers400(a)
		}
		_, _ = io.Copy(io.Discard, a)
	})
	r := wsToWS.start(t, []string{silent.address()}, func(s *snapshot.Snapshot) { s.Timeouts.Dial = time.Second })
	c := r.dialBare(r.srv.Addr("mqtt"))
	c.send([]byte(upgradeRequest("Sec-WebSocket-Protocol: mqttv3.1")))
	_, _ = c.response() //nolint:bodyclose // response has read and closed it
	c.send(clientFrame(finBinary, connect311))
	if got := c.frames(); !slices.Equal(got, []string{"20 02 00 03", "close 1013"}) {
		t.Errorf("answered %q", got)
	}
	_ = c.Close()
	r.waitOutcome(outcome.UpgradeRefused, 1)
	if len(tries) != 2 {
		t.Errorf("the node was asked %d times", len(tries))
	}
}

// A client that leaves during the second try leaves nothing behind.
func TestClientThatLeavesDuringTheSecondTry(t *testing.T) {
	second := make(chan struct{}, 1)
	broker := startUpgradeNode(t, func(a *asked) {
		if a.request.Header.Get("Sec-WebSocket-Protocol") == "mqtt" {
			second <- struct{}{}
		} else {
			answers400(a)
		}
		_, _ = io.Copy(io.Discard, a)
	})
	r := wsToWS.start(t, []string{broker.address()})
	c := r.dialBare(r.srv.Addr("mqtt"))
	c.send([]byte(upgradeRequest("Sec-WebSocket-Protocol: mqttv3.1")))
	_, _ = c.response() //nolint:bodyclose // response has read and closed it
	c.send(clientFrame(finBinary, connect311))
	<-second
	c.reset()
	r.waitOutcome(outcome.ClientGone, 1)
	if open := r.node(0).Open(); open != 0 {
		t.Errorf("%d sessions are open on the node", open)
	}
}

// The second try makes its own TLS connection to the node.
func TestSecondTryOverTLS(t *testing.T) {
	broker := &wsBroker{knows: ofEMQX, refuse: answers400}
	broker.node = startNode(t, func(c net.Conn) {
		over := tls.Server(&unwrapped{Conn: c, r: bufio.NewReader(c)}, nodeConfig())
		if request, err := http.ReadRequest(bufio.NewReader(over)); err == nil {
			broker.answer(&asked{Conn: over, request: request})
		}
	})
	r := start(t, []string{broker.address()}, wsToWS.set, sendProxy(2), func(s *snapshot.Snapshot) {
		s.Listeners[0].Pool.TLS = testNodeTLS(s.Listeners[0].Pool.Nodes())
	})
	for range 3 {
		r.relayed("mqttv3.1", upgradeRequest("Sec-WebSocket-Protocol: mqttv3.1"))
	}
	r.waitOutcome(outcome.ClientClosed, 3)
	if got, _ := broker.seen(); len(got) != 6 || got[4] != "mqttv3.1" || got[5] != "mqtt" {
		t.Errorf("the node was offered %q", got)
	}
}
