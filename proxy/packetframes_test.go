package proxy

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"testing"

	"mqttlb/mqttparse"
	"mqttlb/proxy/outcome"
	"mqttlb/proxy/websocket"
)

// packetOf returns a PUBLISH with so many bytes behind its fixed header.
func packetOf(remaining int) []byte {
	b := []byte{0x30}
	for n := remaining; ; n >>= 7 {
		if n < 0x80 {
			b = append(b, byte(n))
			break
		}
		b = append(b, byte(n&0x7F|0x80))
	}
	return append(b, bytes.Repeat([]byte("p"), remaining)...)
}

// frame reads a whole frame, and nothing behind it. Like Paho's client in C it takes the frame for one packet.
func (p *peer) frame() (websocket.Opcode, []byte) {
	p.t.Helper()
	b := p.read(2)
	for {
		h, err := websocket.ParseHeader(b)
		if err == nil {
			return h.Opcode, p.read(int(h.Length))
		}
		b = append(b, p.read(1)...)
	}
}

// expectPacket reads a frame that is exactly one packet.
func (p *peer) expectPacket(want []byte) {
	p.t.Helper()
	if opcode, got := p.frame(); opcode != websocket.Binary || !bytes.Equal(got, want) {
		p.t.Fatalf("a frame with opcode %d has %d bytes, % x..., want the packet of %d bytes, % x...", opcode, len(got), got[:min(len(got), 8)], len(want), want[:min(len(want), 8)])
	}
}

// A node's packets come in cuts of all sizes: many at once, and parts of large ones.
func TestEachPacketHasAFrameOfItsOwn(t *testing.T) {
	packets := [][]byte{
		[]byte("\x40\x02\x00\x01"), packetOf(4), []byte("\xd0\x00"), packetOf(125), packetOf(126), packetOf(127), packetOf(128),
		packetOf(65530), packetOf(65535), packetOf(200 << 10), []byte("\xd0\x00"), packetOf(3 << 20), []byte("\x40\x02\x00\x02"),
	}
	for range 3000 {
		packets = append(packets, packetOf(len(packets)%7))
	}
	all := bytes.Join(packets, nil)
	for _, m := range []mode{singleWS, singleWSS} {
		for _, size := range []int{len(all), 1 << 20, 100_000, 1000, 17} {
			t.Run(fmt.Sprint(m.name, ", cuts of ", size), func(t *testing.T) {
				r := startLeaving(t, m)
				client, node := r.open(mqttparse.V5)
				go func() { // ends with the connection
					begin := all[:min(len(all), 2000*size)]
					for b := range slices.Chunk(begin, size) {
						if _, err := node.Write(b); err != nil {
							return
						}
					}
					_, _ = node.Write(all[len(begin):])
				}()
				for _, want := range packets {
					client.expectPacket(want)
				}
				_, _ = client.Close(), node.Close()
			})
		}
	}
}

// Every cut of two packets, one read at a time.
func TestAPacketIsInOneFrameWhereverItIsCut(t *testing.T) {
	r := startLeaving(t, singleWS)
	client, node := r.open(mqttparse.V311)
	both := append(bytes.Clone(publish), packetOf(20000)...)
	for cut := 1; cut < len(publish)+8; cut++ {
		node.send(both[:cut])
		eventually(t, "the loop has read the part", func() (read bool) {
			r.each(func(s *session) { read = s.server.moved == uint64(len(connack311)+(cut-1)*len(both)+cut) })
			return read
		})
		node.send(both[cut:])
		client.expectPacket(publish)
		client.expectPacket(both[len(publish):])
	}
}

func TestSeveralPacketsMayShareAFrame(t *testing.T) {
	r := startLeaving(t, wsToMQTT)
	client, node := r.open(mqttparse.V5)
	both := []byte("\x40\x02\x00\x01\xd0\x00")
	node.send(both)
	client.expectPacket(both)
}

// Within a frame nothing else may be said. Pongs come behind it, and so does our close frame.
func TestControlFramesWaitForTheEndOfAPacket(t *testing.T) {
	for _, m := range []mode{singleWS, singleWSS} {
		t.Run(m.name, func(t *testing.T) {
			r := startLeaving(t, m)
			client, node := r.open(mqttparse.V5)
			for _, end := range [][]byte{nil, clientFrame(finClose, closeWith(1001, ""))} {
				large := packetOf(5000)
				node.send(large[:100])
				got := client.read(4 + 100)
				client.send(append(clientFrame(finPing, []byte("one")), clientFrame(finBinary, []byte("\xc0\x00"))...))
				node.expect([]byte("\xc0\x00")) // the ping was read, too
				client.send(append(clientFrame(finPing, []byte("two")), end...))
				if end == nil {
					client.say([]byte("\xc0\x00"))
					node.expect([]byte("\xc0\x00"))
				} else if _, err := io.Copy(io.Discard, node.Conn); err != nil {
					t.Fatal(err)
				}
				node.send(append(large[100:], "\xd0\x00"...))
				got = append(got, client.read(len(large)-100)...)
				if !bytes.Equal(got[4:], large) || !bytes.Equal(got[:4], websocket.AppendHeader(nil, websocket.Binary, len(large))) {
					t.Fatalf("the frame begins with % x", got[:8])
				}
				for _, want := range []string{"one", "two"} {
					if opcode, payload := client.frame(); opcode != websocket.Pong || string(payload) != want {
						t.Fatalf("opcode %d, %q, want the pong %q", opcode, payload, want)
					}
				}
				if end == nil {
					client.expectPacket([]byte("\xd0\x00"))
				} else if opcode, payload := client.frame(); opcode != websocket.Close || codeOf(payload) != 1001 {
					t.Fatalf("opcode %d, % x, want the close frame", opcode, payload)
				}
			}
			_ = node.Close()
			if got, want := client.hear(), m.said("", 0, false, m.tls); !slices.Equal(got, want) {
				t.Errorf("then the client heard %q, want %q", got, want)
			}
		})
	}
}

// The goodbye comes behind the rest of a packet, for every version: its frame has begun. If the rest does not come,
// nothing is said in it.
func TestAGoodbyeWaitsForTheEndOfAFrame(t *testing.T) {
	for _, m := range []mode{singleWS, singleWSS} {
		for v := range connects {
			for _, comes := range []bool{true, false} {
				r := startLeaving(t, m)
				client, node := r.open(v)
				node.send(publish[:50])
				before := client.read(4 + 50)
				r.leave(outcome.Kicked)
				if comes {
					node.send(append(bytes.Clone(publish[50:]), publish...))
					want := fmt.Sprintf("% x", publish)
					if v == mqttparse.V5 {
						want += " e0 02 98 00"
					}
					r.ends(t, outcome.Kicked, client, node, m.toClient(want, 1008), m.toNode(), before...)
					continue
				}
				r.timeIsOver()
				if got, want := client.hearRaw(before), m.said(fmt.Sprintf("% x", before), 0, false, m.tls); !slices.Equal(got, want) {
					t.Errorf("the client heard %q, want %q", got, want)
				}
				_, _ = client.Close(), node.Close()
				eventually(t, "the end of the session", func() bool { return r.srv.open() == 0 })
			}
		}
	}
}

// A node may end in a packet: the client gets all of it, and a close frame only where one may come.
func TestANodeThatEndsInAPacket(t *testing.T) {
	for cut, code := range map[int]int{1: 1000, 2: 1000, 3: 0, 50: 0} {
		r := startLeaving(t, singleWS)
		client, node := r.open(mqttparse.V5)
		node.send(publish[:cut])
		_ = node.Close()
		sent := websocket.AppendHeader(nil, websocket.Binary, len(publish))
		if code != 0 {
			sent = websocket.AppendHeader(nil, websocket.Binary, cut)
		}
		sent = append(sent, publish[:cut]...)
		if code != 0 {
			sent = websocket.AppendClose(sent, websocket.Normal, "")
		}
		if got, want := client.hearRaw(nil), []string{fmt.Sprintf("% x", sent), "FIN"}; !slices.Equal(got, want) {
			t.Errorf("after %d bytes the client heard %q, want %q", cut, got, want)
		}
		_ = client.Close()
		eventually(t, "the end of the session", func() bool { return r.srv.open() == 0 })
	}
}

// Bytes that are no packets are forwarded all the same, in frames of any length.
func TestBytesThatAreNoPacketsAreForwarded(t *testing.T) {
	for _, garbage := range []string{"\x00\x01\x02", "\x30\xff\xff\xff\xff\x01more", "\x40\x02\x00\x01\x00\x00\x00"} {
		r := startLeaving(t, singleWS)
		client, node := r.open(mqttparse.V5)
		node.send([]byte(garbage[:2]))
		node.send([]byte(garbage[2:] + "\xd0\x00"))
		if got := client.asClient().payload(len(garbage) + 2); string(got) != garbage+"\xd0\x00" {
			t.Errorf("%q came as %q", garbage, got)
		}
		client.say([]byte("\xc0\x00"))
		node.expect([]byte("\xc0\x00"))
		_, _ = client.Close(), node.Close()
	}
}

// Putting packets into frames allocates nothing, however they are cut.
func TestPacketFramesAllocateNothing(t *testing.T) {
	l := &loop{scratch: make([]byte, headroom+scratchSize)}
	f := &framing{single: true}
	all := bytes.Repeat(append(append(bytes.Clone(publish), "\xd0\x00\x40\x02\x00\x01"...), packetOf(3000)...), 20)
	play := func() {
		for at, n := 0, 1; at < len(all); n = n*3%4001 + 1 {
			b := l.scratch[headroom : headroom+copy(l.scratch[headroom:], all[at:min(at+n, len(all))])]
			at += len(b)
			l.inFrames(f, b)
		}
	}
	play()
	if n := testing.AllocsPerRun(20, play); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

// asClient returns a raw client on the peer's connection.
func (p *peer) asClient() *client { return &client{p.t, p.Conn} }
