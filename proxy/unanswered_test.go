package proxy

import (
	"fmt"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"

	"mqttlb/balancer"
	"mqttlb/proxy/outcome"
	"mqttlb/proxy/proxytest"
	"mqttlb/proxy/snapshot"
)

// unanswered returns how many sessions got no CONNACK, by why.
func (r *rig) unanswered() (n [RetryReasons]uint64) {
	for _, f := range r.srv.Stats().Flows {
		for why := range f.Unanswered {
			n[why] += f.Unanswered[why]
		}
	}
	return n
}

// writes answers the first bytes of a client with b, and waits for the end.
func writes(b string) func(net.Conn) {
	return func(c net.Conn) {
		_, _ = c.Read(make([]byte, 1024))
		_, _ = c.Write([]byte(b))
		_, _ = io.Copy(io.Discard, c)
	}
}

// closesAtPROXY closes as Mosquitto does if the first packet is no CONNECT.
func closesAtPROXY(c net.Conn) {
	if b := make([]byte, 1024); readSome(c, b) && b[0] != 0x10 {
		_ = c.Close()
		return
	}
	_, _ = c.Write(connack311)
	_, _ = io.Copy(io.Discard, c)
}

func readSome(c net.Conn, b []byte) bool {
	_, err := c.Read(b)
	return err == nil
}

func TestTheLogNamesTheLikelyCauseOfAMissingCONNACK(t *testing.T) {
	proxy := func(version int) setting {
		return func(s *snapshot.Snapshot) { s.Listeners[0].Pool.SendProxy = version }
	}
	tests := map[string]func(*testing.T){}
	for name, row := range map[string]struct {
		mode   mode
		node   func(net.Conn)
		set    setting
		why    RetryReason
		likely string
	}{
		"PROXY that is not expected":     {mqttToMQTT, closesAtPROXY, proxy(2), RetryClosed, "PROXY header (pools[].proxy_protocol: v2), which the node probably does not expect"},
		"PROXY v1 that is not expected":  {mqttToMQTT, closesAtPROXY, proxy(1), RetryClosed, "(pools[].proxy_protocol: v1)"},
		"PROXY that is expected, or TLS": {mqttToMQTT, closes, proxy(0), RetryClosed, "expects TLS (pools[].tls) or a PROXY header (pools[].proxy_protocol: off)"},
		"a close after a while":          {mqttToMQTT, closes, proxy(0), RetryClosed, "the node probably waits for a PROXY header"},
		"a reset":                        {mqttToMQTT, resets, proxy(0), RetryReset, "or is at a limit of its own"},
		"HTTP":                           {mqttToMQTT, writes("HTTP/1.1 400 Bad Request\r\n\r\n"), proxy(0), RetryOther, "it answers with HTTP: its port is for HTTP or WebSocket"},
		"a TLS alert":                    {mqttToMQTT, writes("\x15\x03\x01\x00\x02\x02\x46"), proxy(0), RetryOther, "set pools[].tls"},
		"AMQP":                           {mqttToMQTT, writes("AMQP\x00\x00\x09\x01"), proxy(0), RetryOther, "it answers with AMQP"},
		"another protocol":               {mqttToMQTT, writes("220 mail.example ESMTP\r\n"), proxy(0), RetryOther, `its answer begins with \"220 mail\"`},
		"a close frame":                  {wsToWS, saysClose, proxy(0), RetryClosed, "or is at a limit of its own"},
		"no HTTP for an upgrade":         {wsToWS, nil, proxy(0), RetryReasons, "see pools[].protocol"},
		"a close in place of HTTP":       {wsToWS, nil, proxy(2), RetryReasons, "PROXY header (pools[].proxy_protocol: v2)"},
	} {
		tests[name] = func(t *testing.T) {
			var address string
			switch {
			case row.node != nil:
				address = row.mode.startNode(t, row.node).address()
			case strings.HasPrefix(name, "no HTTP"):
				address = startNode(t, writes("\x20\x02\x00\x00")).address()
			default:
				address = startNode(t, func(c net.Conn) { _ = c.(*net.TCPConn).CloseWrite(); _, _ = io.Copy(io.Discard, c) }).address()
			}
			r := prepare(t, []string{address}, row.set, row.mode.set)
			r.srv.waits.patientClose = pick(strings.HasSuffix(name, "after a while"), 0, patience) // a busy machine is slow, too
			r.run()
			c := r.dial()
			c.send(connectAs("c1"))
			if row.why != RetryReasons {
				eventually(t, "a session without a CONNACK", func() bool { return r.unanswered()[row.why] == 1 })
			}
			r.waitLine(`msg="node has given sessions no CONNACK" node=node-a pool=pool address=` + address)
			r.waitLine(row.likely)
			if n := r.node(0).UnansweredTotal(); n != 1 {
				t.Errorf("the node has %d", n)
			}
			if strings.Contains(r.log.String(), "level=WARN msg=\"node accepts") {
				t.Error("one session has made the node mute")
			}
		}
	}
	proxytest.RunAbreast(t, tests)
}

// An answer that is no CONNACK sends the client on to the next candidate, as a close does.
func TestAnAnswerThatIsNoCONNACKIsNotForTheClient(t *testing.T) {
	stubs := mqttToMQTT.startStubs(t, writes("HTTP/1.1 400 Bad Request\r\n\r\n"), accepts(t))
	r := start(t, stubs.addresses, confirming)
	_ = r.open("c1").Close()
	r.wantRetries(RetryOther, 1)
}

// A client that leaves before its CONNACK says nothing about its node.
func TestAClientThatLeavesIsNotUnanswered(t *testing.T) {
	for name, leave := range map[string]func(*client){"FIN": (*client).halfClose, "RST": (*client).reset} {
		got := make(chan bool, 1)
		n := startNode(t, func(c net.Conn) {
			readConnectFrom(c, 0)
			got <- true
			_, _ = io.Copy(io.Discard, c) // closes after the client
		})
		r := start(t, []string{n.address()})
		c := r.dial()
		c.send(connectAs("c1"))
		<-got
		leave(c)
		eventually(t, name+": the end", func() bool { return r.outcomes(outcome.ClientClosed)+r.outcomes(outcome.ClientReset) == 1 })
		if n := r.unanswered(); n != [RetryReasons]uint64{} || r.node(0).UnansweredTotal() != 0 {
			t.Errorf("%s: %v", name, n)
		}
	}
}

// A pool of one node that closes every connection has a mute node, until it answers.
func TestANodeThatAnswersNoSessionIsMute(t *testing.T) {
	works := &atomic.Bool{}
	n := startNode(t, func(c net.Conn) {
		if !works.Load() {
			closes(c)
			return
		}
		(&node{t: t}).serve(c)
	})
	hastened := make(chan *balancer.Node, 10)
	r := start(t, []string{n.address()}, func(s *snapshot.Snapshot) {
		s.Listeners[0].Pool.DialFailed = func(n *balancer.Node) { hastened <- n }
	})
	i := 0
	eventually(t, "a mute node", func() bool {
		i++
		c := r.dial()
		c.send(connectAs(fmt.Sprint("c", i)))
		_ = c.rest()
		_ = c.Close()
		_, mute := r.node(0).Mute()
		return mute
	})
	r.waitLine(`level=WARN msg="node accepts connections, but no session gets a CONNACK" node=node-a`)
	if <-hastened != r.node(0) {
		t.Error("the probes are not told")
	}
	works.Store(true)
	c := r.open("good")
	eventually(t, "a node that is not mute", func() bool { _, mute := r.node(0).Mute(); return !mute })
	if n := r.node(0).Served(); n != 1 {
		t.Errorf("it serves %d", n)
	}
	_ = c.Close()
	eventually(t, "no session", func() bool { return r.node(0).Served() == 0 })
}
