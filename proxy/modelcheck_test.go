//go:build linux

package proxy

import (
	"bytes"

	"mqttlb/mqttparse"
	"mqttlb/proxy/outcome"
	"mqttlb/proxy/reactor"
	"mqttlb/proxy/websocket"
)

// allowed returns the outcomes that the events so far allow.
func (m *model) allowed() (o []outcome.Outcome) {
	o = append(o, m.asks...)
	o = append(o, outcome.ClientClosed, outcome.ServerClosed) // both peers end when the script is over
	if bytes.IndexByte(m.packetsIn(m.sentBy(m.client), true), 0xE0) >= 0 {
		o = append(o, outcome.ClientDisconnected)
	}
	if m.client.closed {
		o = append(o, outcome.ClientReset)
	}
	if m.node.closed {
		o = append(o, outcome.ServerReset)
	}
	if m.passed >= reactor.Ticks(modelIdle) {
		o = append(o, outcome.IdleTimeout)
	}
	if m.passed >= reactor.Ticks(modelWrite) {
		o = append(o, outcome.WriteTimeout)
	}
	if m.passed >= reactor.Ticks(modelHalfClosed) {
		o = append(o, outcome.HalfClosedTimeout)
	}
	if m.kind == modelTranslated {
		o = append(o, outcome.FrameError) // the client did not read the pongs
	}
	return o
}

// carriedIn returns the payload of the data frames in b, which a framed peer has sent or got, and the
// rest of b from the first close frame on.
func carriedIn(m *model, b []byte, fromClient bool) (payload, ending []byte) {
	r := websocket.Reader{FromClient: fromClient}
	for b = bytes.Clone(b); ; {
		piece, err := r.Next(b)
		switch {
		case err == websocket.ErrShort:
			return payload, nil
		case err != nil:
			m.fail("frames of the client %v: %v", fromClient, err)
		case piece.Opcode == websocket.Close:
			return payload, b
		case piece.Opcode == websocket.Binary:
			payload = append(payload, piece.Payload...)
		}
		b = b[piece.Raw:]
	}
}

// sentBy returns the bytes that a peer has sent for the other.
func (m *model) sentBy(p *modelPeer) []byte {
	if m.kind == modelTranslated && p == m.client {
		payload, _ := carriedIn(m, p.sent, true)
		return payload
	}
	return p.sent
}

// gotBy returns the bytes that a peer has got, without a close frame where frames do not pass.
func (m *model) gotBy(p *modelPeer) (got, ending []byte) {
	if m.kind == modelTranslated && p == m.client {
		return carriedIn(m, p.got, false)
	}
	return p.got, nil
}

// checkWhole checks that to got all bytes that from has sent.
func (m *model) checkWhole(from, to *modelPeer) {
	sent := m.sentBy(from)
	got, _ := m.gotBy(to)
	if to.closed || from.closed {
		return
	}
	if m.client.said && m.kind == modelTranslated {
		return // a client that has sent a close frame gets nothing more
	}
	if m.kind == modelTranslated && to == m.client && !m.node.ended && !m.inFrame() { // our goodbye is the last frame
		if pings, pongs := controls(m.client.sent, websocket.Ping), controls(m.client.got, websocket.Pong); pings != pongs {
			m.fail("the client has got %d pongs for %d pings", pongs, pings)
		}
	}
	if m.single && to == m.client && !m.node.ended && len(got) == len(sent)-beginning(sent) {
		sent = sent[:len(got)] // the rest of a fixed header is missing
	}
	if len(got) < len(sent) {
		m.fail("the %s has got %d bytes of %d of the %s", to.name, len(got), len(sent), from.name)
	}
	if at := common(sent, got); at < len(sent) {
		m.fail("the %s has got others than the %s has sent, from %d of %d on", to.name, from.name, at, len(sent))
	}
}

// packetsIn returns the packets in bytes that a peer has sent, without frames that pass.
func (m *model) packetsIn(b []byte, fromClient bool) []byte {
	if m.kind == modelPasses {
		b, _ = carriedIn(m, b, fromClient)
	}
	return b
}

// checkCounts checks that all packets that a peer got are counted, and none that the other did not send.
func (m *model) checkCounts(direction int, from, to *modelPeer) {
	count := func(b []byte) (c PacketStats) {
		new(mqttparse.Scanner).Count(m.packetsIn(b, from == m.client), 0, &c)
		return c
	}
	sent := m.sentBy(from)
	got, _ := m.gotBy(to)
	counted, least, most := m.flow.Packets[direction], count(sent[:common(sent, got)]), count(sent)
	ok := counted.Packets >= least.Packets && counted.Packets <= most.Packets
	for qos, n := range counted.Publish {
		ok = ok && n >= least.Publish[qos] && n <= most.Publish[qos]
	}
	if !ok {
		m.fail("direction %d: counted %+v, the other got %+v of %+v", direction, counted, least, most)
	}
}

// checkGoodbye checks that the outcome of a client that has closed tells of its DISCONNECT.
func (m *model) checkGoodbye(o outcome.Outcome) {
	var packets mqttparse.Scanner
	packets.Skip(m.packetsIn(m.sentBy(m.client), true))
	// Before MQTT 5 a DISCONNECT has no reason code.
	code, disconnected := packets.Disconnected()
	if disconnected && (code == 0 || m.version == mqttparse.V5) && o == outcome.ClientClosed {
		m.fail("the client has sent a DISCONNECT and closed, and the outcome is %v", o)
	}
}

// controls returns how many whole control frames of a kind are in b.
func controls(b []byte, kind websocket.Opcode) (n int) {
	for len(b) > 0 {
		h, err := websocket.ParseHeader(b)
		if err != nil || int64(len(b)) < int64(h.Size)+h.Length {
			break
		}
		if h.Opcode == kind {
			n++
		}
		b = b[h.Size+int(h.Length):]
	}
	return n
}

// common returns the length of the common prefix of a and b.
func common(a, b []byte) (n int) {
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}

// goodbyeAfter returns where in got a goodbye takes the place of the rest of sent, or -1 if other
// bytes follow.
func goodbyeAfter(sent, got []byte, may func(at int, goodbye []byte) bool) int {
	n := common(sent, got)
	for at := n; at >= max(n-8, 0); at-- {
		if at == len(got) || may(at, got[at:]) {
			return at
		}
	}
	return -1
}

// checkNode checks that the node got a prefix of the client's bytes and nothing of ours.
func (m *model) checkNode() {
	got, _ := m.gotBy(m.node)
	if !bytes.HasPrefix(m.sentBy(m.client), got) {
		m.fail("the node has got others than the client has sent, from %d on", common(m.sentBy(m.client), got))
	}
}

// mustSay reports whether a session with this outcome had to say goodbye if it could.
func (m *model) mustSay(o outcome.Outcome) bool {
	return m.calm && m.asked != outcome.None && o == m.asked && !m.client.closed
}

// reachable reports whether one of the places lies between at and end.
func reachable(places map[int]bool, at, end int) bool {
	for place, may := range places {
		if may && place >= at && place <= end {
			return true
		}
	}
	return false
}

// checkClient checks that the client got a prefix of the node's bytes and then at most the goodbye of
// the outcome, at a place where a packet may come. It also checks that the client got the goodbye if
// that was possible.
func (m *model) checkClient(o outcome.Outcome) {
	m.checkFrames()
	got, ending := m.gotBy(m.client)
	g := goodbyes[o]
	var packet []byte
	if m.version == mqttparse.V5 && g.disconnect != 0 {
		packet = mqttparse.AppendDisconnect(nil, g.disconnect)
	}
	closing := websocket.AppendClose(nil, pick(g.close == 0, websocket.Normal, g.close), "")
	at := goodbyeAfter(m.sentBy(m.node), got, func(at int, goodbye []byte) bool {
		with := packet
		if m.kind == modelPasses {
			with = websocket.AppendFrame(nil, websocket.Binary, packet)
			if g.close == 0 {
				return false
			}
			if m.node.frames[at] && bytes.Equal(goodbye, closing) {
				return len(packet) == 0 || !m.node.ends[at] || m.client.closed
			}
			with = append(with, closing...)
		}
		return len(packet) > 0 && m.node.ends[at] && (bytes.Equal(goodbye, with) || !m.calm && bytes.HasPrefix(with, goodbye))
	})
	if at < 0 {
		n := common(m.sentBy(m.node), got)
		m.fail("the client has got % x instead of what the node sent, from %d on, with outcome %v", got[n:min(len(got), n+40)], n, o)
	}
	normal := websocket.AppendClose(nil, websocket.Normal, "") // this is how the node's end is passed on
	if m.kind == modelTranslated && len(ending) > 0 && !bytes.Equal(ending, closing) && (!m.node.ended && !m.client.said || !bytes.Equal(ending, normal)) && o != outcome.FrameError {
		m.fail("the client's last frames are % x, want % x", ending, closing)
	}
	if !m.mustSay(o) {
		return
	}
	told, may := at < len(got), len(packet) > 0 && reachable(m.node.ends, at, len(m.node.sent))
	switch m.kind {
	case modelPasses:
		may = m.node.frames[at] && (m.version != mqttparse.V5 || m.node.ends[at]) || may
	case modelTranslated:
		told, may = (told || !may) && len(ending) > 0, !m.inFrame()
	case modelBare, modelKinds:
	}
	if may && !told {
		m.fail("the client is not told of %v", o)
	}
}
