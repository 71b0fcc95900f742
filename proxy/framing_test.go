package proxy

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"testing"

	"mqttlb/balancer"
	"mqttlb/proxy/outcome"
	"mqttlb/proxy/snapshot"
	"mqttlb/proxy/websocket"
)

// A refusal is an MQTT packet in a frame, if MQTT has one for it, and a close frame for clients that
// know only WebSocket.
func TestRefusalsComeInAFrameBeforeAClose(t *testing.T) {
	for _, row := range []struct {
		name, connect string
		want          []string
		outcome       outcome.Outcome
	}{
		{"no MQTT", "GET / HTTP/1.1\r\n", []string{"close 1002"}, outcome.WrongProtocol},
		{"malformed, 3.1.1", "\x10\x0e\x00\x04MQTT\x04\x1e\x00\x3c\x00\x02c1", []string{"close 1002"}, outcome.MalformedConnect},
		{"malformed, 5", "\x10\x0f\x00\x04MQTT\x05\x1e\x00\x3c\x00\x00\x02c1", []string{"20 03 00 81 00", "close 1002"}, outcome.MalformedConnect},
		{"version, 3", "\x10\x0e\x00\x04MQTT\x03\x02\x00\x3c\x00\x02c1", []string{"20 02 00 01", "close 1002"}, outcome.UnsupportedVersion},
		{"version, 6", "\x10\x0e\x00\x04MQTT\x06\x02\x00\x3c\x00\x02c1", []string{"20 03 00 84 00", "close 1002"}, outcome.UnsupportedVersion},
		{"identifier, 3.1.1", "\x10\x0c\x00\x04MQTT\x04\x00\x00\x3c\x00\x00", []string{"20 02 00 02", "close 1002"}, outcome.IdentifierRejected},
		{"too large, 3.1.1", "\x10\x80\xc2\xd7\x5f\x00\x04MQTT\x04", []string{"close 1009"}, outcome.ConnectTooLarge},
		{"too large, 5", "\x10\x80\xc2\xd7\x5f\x00\x04MQTT\x05", []string{"20 03 00 95 00", "close 1009"}, outcome.ConnectTooLarge},
		{"no node, 3.1", string(connect31), []string{"20 02 00 03", "close 1013"}, outcome.NoNode},
		{"no node, 5", string(connect5), []string{"20 03 00 88 00", "close 1013"}, outcome.NoNode},
	} {
		t.Run(row.name, func(t *testing.T) {
			for _, drip := range []bool{false, true} {
				r := wsToMQTT.start(t, []string{startNode(t, nil).address()})
				r.node(0).SetOperator(balancer.Down)
				c := r.dialUpgraded()
				c.trickle(clientFrame(finBinary, []byte(row.connect)), drip)
				if got := c.frames(); !slices.Equal(got, row.want) {
					t.Errorf("drip %v: answered %q, want %q", drip, got, row.want)
				}
				_ = c.Close()
				r.waitOutcome(row.outcome, 1)
			}
		})
	}
}

// splits returns valid ways to frame the same bytes.
func splits(b []byte) map[string][]byte {
	half := len(b) / 2
	fragments := clientFrame(beginBinary, b[:half])
	for i := half; i < len(b); i++ {
		fragments = append(fragments, clientFrame(more, b[i:i+1])...)
	}
	return map[string][]byte{
		"one frame":                 clientFrame(finBinary, b),
		"a frame for each byte":     inFrames(b, 1),
		"frames of seven":           inFrames(b, 7),
		"two fragments":             append(clientFrame(beginBinary, b[:half]), clientFrame(last, b[half:])...),
		"fragments that end empty":  append(fragments, clientFrame(last, nil)...),
		"fragments that begin so":   slices.Concat(clientFrame(beginBinary, nil), clientFrame(more, nil), clientFrame(last, b)),
		"between empty messages":    slices.Concat(clientFrame(finBinary, nil), clientFrame(finBinary, b), clientFrame(finBinary, nil)),
		"a mask that masks nothing": append(websocket.AppendMaskedHeader(nil, websocket.Binary, len(b), [4]byte{}), b...),
	}
}

// The CONNECT and what follows it may be framed in any way, and come in segments of any size.
func TestFramesMeanNothingToMQTT(t *testing.T) {
	for _, large := range []int{2, 126, 1 << 16} {
		payload := append(bytes.Clone(connect311), bytes.Repeat([]byte{0xc0}, large)...)
		backend := startNode(t, nil)
		r := wsToMQTT.start(t, []string{backend.address()})
		for name, sent := range splits(payload) {
			if large > 1000 && len(sent) > 2*len(payload) {
				sent = inFrames(payload, 5000)
			}
			for _, drip := range []bool{false, true} {
				if drip && large > 1000 {
					continue
				}
				c := r.dialUpgraded()
				c.trickle(sent, drip)
				want := append(bytes.Clone(connack311), payload[len(connect311):]...)
				if got := c.payload(len(want)); !bytes.Equal(got, want) {
					t.Errorf("%s, %d bytes, drip %v: the node sent back %d bytes, or others", name, large, drip, len(got))
				}
				_ = c.Close()
			}
		}
	}
}

// payload reads frames until it has n bytes of payload.
func (c *client) payload(n int) (payload []byte) {
	c.t.Helper()
	var r websocket.Reader
	var rest []byte
	b := make([]byte, 64<<10)
	for len(payload) < n {
		got, err := c.Read(b)
		if err != nil {
			c.t.Fatalf("%d of %d bytes: %v", len(payload), n, err)
		}
		rest = append(rest, b[:got]...)
		for {
			piece, err := r.Next(rest)
			if err == websocket.ErrShort {
				break
			}
			if err != nil || piece.Opcode != websocket.Binary {
				c.t.Fatalf("opcode %d, error %v", piece.Opcode, err)
			}
			payload, rest = append(payload, piece.Payload...), rest[piece.Raw:]
		}
	}
	return payload
}

// Pings are answered at every point, also between fragments, and are not forwarded.
func TestPingsAreAnsweredAndNotPassedOn(t *testing.T) {
	ping := func(s string) []byte { return clientFrame(finPing, []byte(s)) }
	largest := strings.Repeat("p", 125)
	sent := slices.Concat(
		ping("before"), clientFrame(finPong, []byte("unsolicited")),
		clientFrame(beginBinary, connect311[:3]), ping(""), clientFrame(more, connect311[3:9]), ping(largest), clientFrame(last, connect311[9:]),
		ping("behind"), clientFrame(beginBinary, []byte("on")), ping("in"), clientFrame(finPong, nil), clientFrame(last, []byte("e")),
		clientFrame(finClose, closeWith(1000, "bye")),
	)
	for _, drip := range []bool{false, true} {
		backend, got := collect(t)
		r := wsToMQTT.start(t, []string{backend.address()})
		c := r.dialUpgraded()
		c.trickle(sent, drip)
		answer := slices.DeleteFunc(c.frames(), func(s string) bool { return s == "20 02 00 00" }) // at any point after the CONNECT
		if want := []string{"pong before", "pong ", "pong " + largest, "pong behind", "pong in", "close 1000"}; !slices.Equal(answer, want) {
			t.Errorf("drip %v: answered %q, want %q", drip, answer, want)
		}
		if b := <-got; string(b.payload) != "one" || b.err != nil {
			t.Errorf("drip %v: the node saw %q, %v", drip, b.payload, b.err)
		}
		_ = c.Close()
		r.waitOutcome(outcome.ClientClosed, 1)
	}
}

func TestClientThatBringsNoConnectInItsFramesIsLetGo(t *testing.T) {
	const maxPings, framedConnect = 100, 8 // of package opening
	small := func(s *snapshot.Snapshot) { s.MaxConnectSize = 1024 }
	for _, row := range []struct {
		name  string
		sent  []byte
		want  string // the last frame
		pongs int
	}{
		{"pings", bytes.Repeat(clientFrame(finPing, nil), maxPings+1), "close 1008", maxPings},
		{"pongs", bytes.Repeat(clientFrame(finPong, nil), maxPings+1), "close 1008", 0},
		{"empty frames", bytes.Repeat(clientFrame(finBinary, nil), framedConnect*1024/6+2), "close 1009", 0},
		{"empty fragments", append(clientFrame(beginBinary, nil), bytes.Repeat(clientFrame(more, nil), framedConnect*1024/6+2)...), "close 1009", 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := wsToMQTT.start(t, []string{startNode(t, nil).address()}, small)
			c := r.dialUpgraded()
			c.send(row.sent)
			got := c.frames()
			if len(got) == 0 || got[len(got)-1] != row.want {
				t.Errorf("answered %q, want %s at the end", got, row.want)
			} else if pongs := len(got) - 1; pongs > row.pongs {
				t.Errorf("%d pongs", pongs)
			}
			_ = c.Close()
			r.waitOutcome(outcome.FrameError, 1)
		})
	}
}

func TestCloseBeforeTheConnectIsAnswered(t *testing.T) {
	for _, before := range [][]byte{nil, clientFrame(finBinary, connect311[:5]), clientFrame(beginBinary, connect311[:5])} {
		r := wsToMQTT.start(t, []string{startNode(t, nil).address()})
		c := r.dialUpgraded()
		c.send(append(bytes.Clone(before), clientFrame(finClose, closeWith(1001, "going away"))...))
		if got := c.frames(); !slices.Equal(got, []string{"close 1000"}) {
			t.Errorf("after %d bytes: answered %q", len(before), got)
		}
		_ = c.Close()
		r.waitOutcome(outcome.ClientGone, 1)
	}
}

// Bytes of a node after the client's close frame cannot be forwarded: no frame may follow our close
// frame.
func TestCloseBeforeTheConnackIsTheLastWord(t *testing.T) {
	closed := make(chan struct{})
	backend := startNode(t, func(c net.Conn) {
		b, err := io.ReadAll(c)
		if string(b) != string(connect311)+"\xe0\x00" || err != nil {
			t.Errorf("the node saw % x, %v", b, err)
		}
		_, _ = c.Write(connack311)
		_, _ = c.Write([]byte("more"))
		close(closed)
	})
	r := wsToMQTT.start(t, []string{backend.address()})
	c := r.dialUpgraded()
	c.send(append(clientFrame(finBinary, append(bytes.Clone(connect311), 0xe0, 0)), clientFrame(finClose, nil)...))
	<-closed
	if got := c.frames(); !slices.Equal(got, []string{fmt.Sprint("close ", websocket.NoStatus)}) {
		t.Errorf("answered %q", got)
	}
	_ = c.Close()
	r.waitOutcome(outcome.ClientDisconnected, 1)
}

// The node gets the DISCONNECT before a close frame, and then the end.
func TestCloseFrameIsAnsweredInKindAndEndsTheNodesStream(t *testing.T) {
	for _, row := range []struct {
		payload []byte
		want    string
	}{{nil, "close 1005"}, {closeWith(1000, ""), "close 1000"}, {closeWith(1001, "the page is left"), "close 1001"}, {closeWith(4999, "mine"), "close 4999"}} {
		for _, drip := range []bool{false, true} {
			backend, got := collect(t)
			r := wsToMQTT.start(t, []string{backend.address()})
			c := r.dialUpgraded()
			c.send(clientFrame(finBinary, connect311))
			c.expect([]byte("\x82\x04\x20\x02\x00\x00"))
			c.trickle(slices.Concat(clientFrame(finBinary, []byte("\xe0\x00")), clientFrame(finClose, row.payload), clientFrame(finBinary, []byte("late"))), drip)
			if answer := c.frames(); !slices.Equal(answer, []string{row.want}) {
				t.Errorf("% x, drip %v: answered %q", row.payload, drip, answer)
			}
			if b := <-got; string(b.payload) != "\xe0\x00" || b.err != nil {
				t.Errorf("% x, drip %v: the node saw % x, %v", row.payload, drip, b.payload, b.err)
			}
			_ = c.Close()
			r.waitOutcome(outcome.ClientDisconnected, 1)
		}
	}
}

func TestEndOfAPlainNodeIsACloseFrame(t *testing.T) {
	for _, row := range []struct {
		name  string
		first bool // the client's stream ends before the node's
		want  []string
	}{
		{"node first", false, []string{"20 02 00 00", "64", "close 1000"}},
		{"client first", true, []string{"20 02 00 00", "64", "close 1000"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			next := make(chan struct{})
			backend := startNode(t, func(c net.Conn) {
				_, _ = io.ReadFull(c, make([]byte, len(connect311)))
				_, _ = c.Write(connack311)
				<-next
				if row.first {
					_, _ = io.ReadAll(c)
				}
				_, _ = c.Write([]byte("d"))
			})
			r := wsToMQTT.start(t, []string{backend.address()})
			c := r.dialUpgraded()
			c.send(clientFrame(finBinary, connect311))
			c.expect([]byte("\x82\x04\x20\x02\x00\x00"))
			if row.first {
				c.halfClose()
			}
			close(next)
			if got := c.frames(); !slices.Equal(got, row.want[1:]) {
				t.Errorf("answered %q, want %q", got, row.want[1:])
			}
			if !row.first {
				c.send(clientFrame(finClose, closeWith(1000, "")))
			}
			r.waitOutcome(pick(row.first, outcome.ClientClosed, outcome.ServerClosed), 1)
		})
	}
}

// Pongs are kept behind the client's backlog, up to a limit.
func TestClientThatPingsAndDoesNotReadIsLetGo(t *testing.T) {
	r := wsToMQTT.start(t, []string{startNode(t, nil).address()})
	c := r.dialUpgraded()
	c.send(clientFrame(finBinary, connect311))
	flood := bytes.Repeat(clientFrame(finPing, make([]byte, 125)), 100)
	for range 10000 {
		if _, err := c.Write(flood); err != nil {
			break
		}
	}
	r.waitOutcome(outcome.FrameError, 1)
	r.waitLine("pings whose answers are not read")
}
