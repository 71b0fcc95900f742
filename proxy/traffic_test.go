package proxy

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"testing"

	"mqttlb/mqttparse"
	"mqttlb/proxy/snapshot"
	"mqttlb/proxy/websocket"
)

// talk is what the two sides of a session send after the CONNECT and the CONNACK, and the counts of it.
var talk = []struct {
	fromClient, fromNode string
	received, sent       PacketStats
}{
	{"\x30\x03\x00\x01a", "\xd0\x00", PacketStats{Packets: 1, Publish: [3]uint64{1}}, PacketStats{Packets: 1}},
	{"\x32\x05\x00\x01a\x00\x01\xc0\x00", "\x40\x02\x00\x01\x3d\x05\x00\x01a\x00\x01", // QoS 1 and PINGREQ; PUBACK and QoS 2 with flags
		PacketStats{Packets: 2, Publish: [3]uint64{0, 1}}, PacketStats{Packets: 2, Publish: [3]uint64{0, 0, 1}}},
	{string(publish), "\x32\x80\x02" + string(make([]byte, 256)), PacketStats{Packets: 1, Publish: [3]uint64{1}},
		PacketStats{Packets: 1, Publish: [3]uint64{0, 1}}},
}

// nodeConn returns the connection of the node with the client's first bytes, which are b.
func (r *leaving) nodeConn(b []byte) *client {
	r.t.Helper()
	c := &client{t: r.t, Conn: <-r.conns}
	c.expect(b)
	return c
}

// dialled has a client send b first, and returns its connection and that of the node.
func (r *leaving) dialled(b []byte) (c, node *client) {
	r.t.Helper()
	c = r.dial()
	c.send(b)
	return c, r.nodeConn(b)
}

// pass sends b in pieces of this size, each of which has arrived before the next is sent.
func pass(from, to *client, b string, size int) {
	from.t.Helper()
	for len(b) > 0 {
		piece := []byte(b[:min(size, len(b))])
		from.send(piece)
		to.expect(piece)
		b = b[len(piece):]
	}
}

// oneFlow returns the counters of the first flow.
func (r *rig) oneFlow() *FlowStats { return &r.srv.Stats().Flows[0] }

func TestPacketsAreCountedByDirectionAndQoS(t *testing.T) {
	inEachMode(t, func(t *testing.T, m mode) {
		r := startLeaving(t, m)
		var received, sent PacketStats
		for v, connect := range connects {
			for _, size := range []int{1, 1000} {
				first := append(bytes.Clone(connect), "\x34\x05\x00\x01a\x00\x02\xc0"...) // a QoS 2 and half a PINGREQ
				c, node := r.dialled(first)
				pass(node, c, string(pick(v == mqttparse.V5, connack5, connack311)), 100) // it is forwarded when it is whole
				pass(c, node, "\x00", size)
				received.Add(&PacketStats{Packets: 3, Publish: [3]uint64{0, 0, 1}})
				sent.Add(&PacketStats{Packets: 1})
				for _, said := range talk {
					pass(c, node, said.fromClient, size)
					pass(node, c, said.fromNode, size)
					received.Add(&said.received)
					sent.Add(&said.sent)
				}
				var packets [2]uint32
				r.each(func(s *session) { packets = s.packets })
				if f := r.oneFlow(); f.Packets != [2]PacketStats{received, sent} || packets != [2]uint32{7, 5} {
					t.Errorf("version %v, %d bytes at a time: counted %+v, of the session %d, want %+v and %+v", v, size, f.Packets, packets, received, sent)
				}
				_, _ = c.Close(), node.Close()
				eventually(t, "the end", func() bool { return r.srv.open() == 0 })
			}
		}
	})
}

// A frame may be cut anywhere, in its header, its mask and its payload, and so may a packet among frames.
func TestPacketsAreCountedInFramesThatPass(t *testing.T) {
	stream := []byte("\xc0\x00\x32\x05\x00\x01a\x00\x01\x34\x80\x01" + string(make([]byte, 128)) + "\xe0\x01\x04")
	want := PacketStats{Packets: 4, Publish: [3]uint64{0, 1, 1}}
	ping := clientFrame(finPing, []byte("\x30\x00"))
	for _, size := range []int{1, 2, 3, 7, len(stream)} {
		frames := append(bytes.Clone(ping), inFrames(stream, size)...)
		frames = append(frames, clientFrame(finClose, closeWith(websocket.Normal, ""))...)
		for cut := range frames {
			s := &session{version: mqttparse.V5, frames: new([2]websocket.Follower)}
			var got PacketStats
			s.follow(ToNode, frames[:cut], &got)
			s.follow(ToNode, frames[cut:], &got)
			if got != want || s.packets[ToNode] != 4 || !s.clientDisconnected() {
				t.Fatalf("frames of %d, cut at %d: %+v, %d packets, disconnected %v", size, cut, got, s.packets[ToNode], s.clientDisconnected())
			}
		}
	}
}

// What is not MQTT any more is passed on and not counted.
func TestCountingStopsAtWhatIsNotMQTT(t *testing.T) {
	inEachMode(t, func(t *testing.T, m mode) {
		r := startLeaving(t, m)
		c, node := r.dialled(connect311)
		pass(node, c, string(connack311), 100)
		pass(c, node, "\xc0\x00\x00\xc0\x00\xe0\x00", 100) // type 0 is forbidden
		pass(node, c, "\xd0\x00\x30\xff\xff\xff\xff\xff\xd0\x00", 100)
		if f := r.oneFlow(); f.Packets != [2]PacketStats{{Packets: 2}, {Packets: 2}} {
			t.Errorf("%+v", f.Packets)
		}
		_, _ = c.Close(), node.Close()
	})
}

// Where a node turns our certificate away after it was sent the CONNECT, the next one gets it.
func TestPacketsCountOnceWhenTheirNodeTurnsUsAway(t *testing.T) {
	for _, m := range []mode{mqttToMQTTS, wssToWSS} {
		t.Run(m.name, func(t *testing.T) {
			turns := startNode(t, func(c net.Conn) { rejectCertificate(t, c) })
			good := m.startNode(t, nil)
			r := m.start(t, []string{turns.address(), good.address()})
			const clients = 20
			for i := range clients {
				c := r.dial()
				c.send(append(connectAs(fmt.Sprint("device-", i)), "\x30\x03"...)) // and a half
				c.expect(append(bytes.Clone(connack311), "\x30\x03"...))
				c.send([]byte("\x00\x01a"))
				c.expect([]byte("\x00\x01a"))
				r.each(func(s *session) {
					if s.packets != [2]uint32{2, 2} {
						t.Errorf("the session has counted %d", s.packets)
					}
				})
				_ = c.Close()
				eventually(t, "the end", func() bool { return r.srv.open() == 0 })
			}
			want := PacketStats{Packets: 2 * clients, Publish: [3]uint64{clients}}
			flows := r.srv.Stats().Flows
			if flows[0].Packets != [2]PacketStats{} || flows[1].Packets != [2]PacketStats{want, want} || flows[0].DialErrors == 0 {
				t.Errorf("after %d refusals: %+v and %+v, want %+v", flows[0].DialErrors, flows[0].Packets, flows[1].Packets, want)
			}
		})
	}
}

func TestListenersThatDoNotReadMQTTCountNoPackets(t *testing.T) {
	backend := startNode(t, func(c net.Conn) { _, _ = io.Copy(struct{ io.Writer }{c}, struct{ io.Reader }{c}) })
	r := start(t, []string{backend.address()}, func(s *snapshot.Snapshot) { s.Listeners[0].Protocol = snapshot.TCP })
	c := r.dial()
	b := append(bytes.Clone(connect311), "\xc0\x00\xe0\x00"...)
	c.send(b)
	c.expect(b)
	if f := r.oneFlow(); f.Packets != [2]PacketStats{} || f.OpenByVersion != [4]int64{1} || f.Received != uint64(len(b)) {
		t.Errorf("packets %+v, open by version %v", f.Packets, f.OpenByVersion)
	}
	_ = c.Close()
	r.waitLine("outcome=client_closed")
}

func TestSessionsAreCountedByVersion(t *testing.T) {
	inEachMode(t, func(t *testing.T, m mode) {
		r := startLeaving(t, m)
		for i, v := range []mqttparse.Version{mqttparse.V31, mqttparse.V311, mqttparse.V311, mqttparse.V5} {
			r.open(v)
			if got, want := r.oneFlow().OpenByVersion, [][4]int64{{0, 1}, {0, 1, 1}, {0, 1, 2}, {0, 1, 2, 1}}[i]; got != want {
				t.Errorf("%v, want %v", got, want)
			}
		}
		if VersionIndex(0) != 0 || VersionIndex(6) != 0 {
			t.Error("an unknown version has an index of a known one")
		}
	})
}
