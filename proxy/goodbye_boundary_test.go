package proxy

import (
	"bytes"
	"fmt"
	"io"
	"testing"

	"mqttlb/mqttparse"
	"mqttlb/proxy/outcome"
	"mqttlb/proxy/proxytest"
	"mqttlb/proxy/websocket"
)

// begun is the beginning of a node's packet, the rest of it, and whether the cut is within a frame
// that passes.
type begun struct {
	name       string
	sent, rest []byte
	inFrame    bool
}

// ways returns the cuts of a PUBLISH in this mode. The beginning of the next packet follows the rest.
func (m mode) ways() (ways []begun) {
	for _, cut := range []int{1, 2, 3, len(publish) - 1} {
		half, rest := publish[:cut], publish[cut:]
		next := publish[:5]
		if !m.nodeWS {
			ways = append(ways, begun{fmt.Sprint("a packet, at ", cut), half, append(bytes.Clone(rest), next...), false})
			continue
		}
		message := func(b []byte) []byte { return websocket.AppendFrame(nil, websocket.Binary, b) }
		ways = append(ways,
			begun{fmt.Sprint("a packet in two messages, at ", cut), message(half), append(message(rest), message(next)...), false})
		whole := message(publish)
		ways = append(ways,
			begun{fmt.Sprint("a frame, at ", cut), whole[:cut], append(bytes.Clone(whole[cut:]), message(next)[:4]...), true})
	}
	if m.nodeWS {
		ping := websocket.AppendFrame(nil, websocket.Ping, []byte("p"))
		fragment := websocket.AppendFrame(nil, websocket.Binary, publish)
		fragment[0] &^= 0x80 // FIN
		end := websocket.AppendFrame(nil, websocket.Continuation, nil)
		ways = append(ways, begun{"a message, behind a whole packet", fragment, append(end, ping[:1]...), false})
	}
	return ways
}

// seen returns how many bytes the client gets for the bytes sent.
func (m mode) seen(sent []byte) int {
	if m.translated() {
		return len(websocket.AppendFrame(nil, websocket.Binary, sent))
	}
	return len(sent)
}

// begin opens a session, has its node begin a packet and waits until the client has that much, and
// then has the session leave.
func (r *leaving) begin(v mqttparse.Version, w begun) (client, node *peer, before []byte) {
	r.t.Helper()
	client, node = r.open(v)
	node.send(w.sent)
	before = client.read(r.mode.seen(w.sent))
	r.leave(outcome.Shutdown)
	return client, node, before
}

// The client gets the rest of the packet, and nothing of the next one.
func TestAPacketThatANodeHasBegunIsPassedOnBeforeTheGoodbye(t *testing.T) {
	inEachMode(t, func(t *testing.T, m mode) {
		r := startLeaving(t, m)
		for _, w := range m.ways() {
			client, node, before := r.begin(mqttparse.V5, w)
			node.send(w.rest)
			want := m.toClient(fmt.Sprintf("% x e0 02 8b 00", publish), 1001)
			r.ends(t, outcome.Shutdown, client, node, want, m.toNode(), before...)
			if t.Failed() {
				t.Fatal(w.name)
			}
		}
	})
}

// A 3.1.1 client gets no goodbye packet, so a goodbye may follow any whole frame.
func TestClientOf311IsToldBetweenFrames(t *testing.T) {
	for _, m := range []mode{wsToWS, wssToWSS} {
		t.Run(m.name, func(t *testing.T) {
			r := startLeaving(t, m)
			for _, w := range m.ways() {
				client, node, before := r.begin(mqttparse.V311, w)
				var want []byte
				if w.inFrame {
					node.send(w.rest)
					want = publish
				} else {
					want = payloadOf(t, w.sent)
				}
				r.ends(t, outcome.Shutdown, client, node, m.toClient(fmt.Sprintf("% x", want), 1001), m.toNode(), before...)
				if t.Failed() {
					t.Fatal(w.name)
				}
			}
		})
	}
}

// payloadOf returns the payload of one frame.
func payloadOf(t *testing.T, frame []byte) []byte {
	t.Helper()
	h, err := websocket.ParseHeader(frame)
	if err != nil {
		t.Fatal(err)
	}
	return frame[h.Size:]
}

// If the rest does not arrive, the client gets no MQTT goodbye, which it would parse as a part of the
// packet, and no close frame within a frame.
func TestWhereTheRestDoesNotComeNothingIsSaidInIt(t *testing.T) {
	inEachMode(t, func(t *testing.T, m mode) {
		r := startLeaving(t, m)
		for _, w := range m.ways() {
			client, node, before := r.begin(mqttparse.V5, w)
			r.timeIsOver()
			got := client.hearRaw(before)
			checkCut(t, m, w, got)
			if got, want := fmt.Sprint(node.hear()), fmt.Sprint(m.toNode()); got != want {
				t.Errorf("the node heard %s, want %s", got, want)
			}
			_, _ = client.Close(), node.Close()
			eventually(t, "the end of the session", func() bool { return r.srv.open() == 0 })
			if t.Failed() {
				t.Fatal(w.name)
			}
		}
	})
}

// hearRaw is hear for incomplete frames: it returns all bytes to the end, and what the lower layers
// say.
func (p *peer) hearRaw(before []byte) []string {
	p.t.Helper()
	ws := p.ws
	p.ws = false
	defer func() { p.ws = ws }()
	return p.hear(before...)
}

func checkCut(t *testing.T, m mode, w begun, got []string) {
	t.Helper()
	sent := bytes.Clone(w.sent)
	if m.translated() {
		sent = websocket.AppendFrame(nil, websocket.Binary, sent)
	}
	if m.clientWS() && !w.inFrame {
		sent = append(sent, "\x88\x02\x03\xe9"...)
	}
	if want := m.said(fmt.Sprintf("% x", sent), 0, false, m.tls); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("the client heard %q, want %q", got, want)
	}
}

// waits.boundary ends the wait.
func TestTheWaitForTheRestIsBounded(t *testing.T) {
	proxytest.WaitAbreast(t)
	m := wsToWS
	r := startLeaving(t, m)
	client, node, before := r.begin(mqttparse.V5, begun{sent: []byte("\x82\x04\x30\x02\x00")})
	if got := fmt.Sprint(client.hearRaw(before)); got != "[82 04 30 02 00 FIN]" {
		t.Errorf("the client heard %s", got)
	}
	_, _ = client.Close(), node.Close()
	r.waitOutcome(outcome.Shutdown, 1)
}

// A node that closes within a packet ends the wait.
func TestANodeThatEndsInItsPacketEndsTheWait(t *testing.T) {
	inEachMode(t, func(t *testing.T, m mode) {
		r := startLeaving(t, m)
		w := m.ways()[0]
		client, node, before := r.begin(mqttparse.V5, w)
		if end, ok := node.Conn.(interface{ CloseWrite() error }); ok {
			_ = end.CloseWrite() // TLS
		} else {
			_ = tcp(node.socket.Conn).CloseWrite()
		}
		checkCut(t, m, w, client.hearRaw(before))
		_, _ = client.Close(), node.Close()
		r.waitOutcome(outcome.Shutdown, 1)
	})
}

// A client that does not read its goodbye, or the backlog before it, is given up.
func TestClientThatDoesNotReadItsGoodbyeIsGivenUp(t *testing.T) {
	proxytest.WaitAbreast(t)
	for _, m := range []mode{mqttToMQTT, wssToWSS} {
		t.Run(m.name, func(t *testing.T) {
			r := startLeaving(t, m)
			client, node := r.open(mqttparse.V5)
			go func() { // ends with the connection
				packet := append([]byte("\x30\x80\x80\x40"), make([]byte, 1<<20)...)
				if m.nodeWS {
					packet = websocket.AppendFrame(nil, websocket.Binary, packet)
				}
				for {
					if _, err := node.Write(packet); err != nil {
						return
					}
				}
			}()
			eventually(t, "bytes are kept for the client", func() bool { return r.held() > 0 })
			r.leave(outcome.Shutdown)
			r.waitOutcome(outcome.Shutdown, 1)
			if n, err := io.Copy(io.Discard, client.socket); n == 0 {
				t.Errorf("the client got %d bytes, %v", n, err)
			}
		})
	}
}
