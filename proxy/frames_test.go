package proxy

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"testing"

	"mqttlb/proxy/outcome"
	"mqttlb/proxy/websocket"
)

// The first byte of a frame: FIN and the opcode.
const (
	finBinary, finText, finClose, finPing, finPong = 0x82, 0x81, 0x88, 0x89, 0x8a
	beginBinary, more, last                        = 0x02, 0x00, 0x80 // of a message in fragments
)

// clientFrame returns a client's frame with this first byte of the header: FIN, the reserved bits and
// the opcode.
func clientFrame(first byte, payload []byte) []byte {
	key := [4]byte{0x12, 0xa7, 0x00, 0xff}
	b := websocket.AppendMaskedHeader(nil, websocket.Binary, len(payload), key)
	b[0] = first
	b = append(b, payload...)
	websocket.Mask(b[len(b)-len(payload):], key, 0)
	return b
}

// inFrames returns b in frames of size bytes.
func inFrames(b []byte, size int) (frames []byte) {
	for piece := range slices.Chunk(b, size) {
		frames = append(frames, clientFrame(finBinary, piece)...)
	}
	return frames
}

// closeWith returns the payload of a close frame.
func closeWith(code websocket.CloseCode, reason string) []byte {
	return append(binary.BigEndian.AppendUint16(nil, uint16(code)), reason...)
}

// dialUpgraded opens and upgrades a connection. The test writes its own frames on it.
func (r *rig) dialUpgraded(changes ...string) *client {
	r.t.Helper()
	c := r.dialBare(r.srv.Addr("mqtt"))
	c.send([]byte(upgradeRequest(changes...)))
	if resp, body := c.response(); resp.StatusCode != http.StatusSwitchingProtocols { //nolint:bodyclose // response has read and closed it
		r.t.Fatalf("upgrade: %s %q", resp.Status, body)
	}
	return c
}

// frames reads to the end and describes each frame.
func (c *client) frames() (frames []string) {
	c.t.Helper()
	b := c.rest()
	var r websocket.Reader
	for len(b) > 0 {
		h, _ := websocket.ParseHeader(b)
		piece, err := r.Next(b)
		if err != nil || int64(len(piece.Payload)) != h.Length {
			c.t.Errorf("% x is no whole frame: %v", b, err)
			break
		}
		switch piece.Opcode {
		case websocket.Close:
			code, _ := websocket.CloseOf(piece.Payload)
			frames = append(frames, fmt.Sprint("close ", code))
		case websocket.Pong:
			frames = append(frames, fmt.Sprintf("pong %s", piece.Payload))
		default:
			frames = append(frames, fmt.Sprintf("% x", piece.Payload))
		}
		b = b[piece.Raw:]
	}
	return frames
}

// hostileFrames are frames that no client may send at any time, with the code of the close frame in
// reply.
var hostileFrames = []struct {
	name  string
	sent  []byte
	close websocket.CloseCode
}{
	{"5.1, a frame without mask", []byte("\x82\x02\xc0\x00"), 1002},
	{"5.1, an empty frame without mask", []byte("\x82\x00"), 1002},
	{"5.2, RSV1", clientFrame(finBinary|0x40, []byte("\xc0\x00")), 1002},
	{"5.2, RSV2", clientFrame(finBinary|0x20, []byte("\xc0\x00")), 1002},
	{"5.2, RSV3", clientFrame(finBinary|0x10, []byte("\xc0\x00")), 1002},
	{"5.2, RSV1 on a ping", clientFrame(finPing|0x40, nil), 1002},
	{"5.2, opcode 3", clientFrame(0x83, nil), 1002},
	{"5.2, opcode 7", clientFrame(0x87, []byte("x")), 1002},
	{"5.2, opcode 11", clientFrame(0x8b, nil), 1002},
	{"5.2, opcode 15", clientFrame(0x8f, []byte("x")), 1002},
	{"5.2, 16 bits of length for 125", []byte("\x82\xfe\x00\x7d"), 1002},
	{"5.2, 64 bits of length for 65,535", []byte("\x82\xff\x00\x00\x00\x00\x00\x00\xff\xff"), 1002},
	{"5.2, a length of 2^63", []byte("\x82\xff\x80\x00\x00\x00\x00\x00\x00\x00"), 1002},
	{"5.4, a continuation of nothing", clientFrame(last, []byte("\xc0\x00")), 1002},
	{"5.4, more of nothing", clientFrame(more, []byte("\xc0\x00")), 1002},
	{"5.4, a message in a message", append(clientFrame(beginBinary, nil), clientFrame(finBinary, nil)...), 1002},
	{"5.4, a continuation after the end", slices.Concat(clientFrame(beginBinary, nil), clientFrame(last, nil), clientFrame(last, nil)), 1002},
	{"5.5, a ping in fragments", clientFrame(0x09, []byte("x")), 1002},
	{"5.5, a close frame in fragments", clientFrame(0x08, nil), 1002},
	{"5.5, a ping of 126 bytes", clientFrame(finPing, make([]byte, 126)), 1002},
	{"5.5, a close frame of 64 KiB", clientFrame(finClose, make([]byte, 64<<10)), 1002},
	{"5.5.1, half a close code", clientFrame(finClose, []byte{3}), 1002},
	{"5.5.1, a reason that is not UTF-8", clientFrame(finClose, closeWith(1000, "\xff")), 1007},
	{"5.6, text", clientFrame(finText, []byte("\xc0\x00")), 1003},
	{"5.6, text in fragments", clientFrame(0x01, []byte("\xc0")), 1003},
	{"7.4.1, code 1005", clientFrame(finClose, closeWith(1005, "")), 1002},
	{"7.4.1, code 1006", clientFrame(finClose, closeWith(1006, "")), 1002},
	{"7.4.2, code 999", clientFrame(finClose, closeWith(999, "")), 1002},
	{"7.4.2, code 5000", clientFrame(finClose, closeWith(5000, "")), 1002},
}

// Each row is sent before the CONNECT and in the middle of it, whole and byte by byte.
func TestHostileFramesBeforeTheConnectIsWhole(t *testing.T) {
	backend := startNode(t, nil)
	r := wsToMQTT.start(t, []string{backend.address()})
	var n uint64
	for _, row := range hostileFrames {
		t.Run(row.name, func(t *testing.T) {
			for _, before := range [][]byte{nil, clientFrame(finBinary, connect5[:7])} {
				for _, drip := range []bool{false, true} {
					c := r.dialUpgraded()
					c.t = t
					c.trickle(append(bytes.Clone(before), row.sent...), drip)
					if got, want := c.frames(), []string{fmt.Sprint("close ", row.close)}; !slices.Equal(got, want) {
						t.Errorf("after %d bytes, drip %v: answered %q, want %q", len(before), drip, got, want)
					}
					_ = c.Close()
					n++
					r.waitOutcome(outcome.FrameError, n)
				}
			}
		})
	}
	r.waitLine(`outcome=frame_error error="a client's frame is not masked [RFC 6455, 5.1], close code 1002"`)
	if got := backend.firstWrites(); len(got) > 0 {
		t.Errorf("the node was sent % x", got)
	}
}

// brokenStream is the bytes that a node read of a client, and how they ended.
type brokenStream struct {
	payload []byte
	err     error
}

// collect starts a node that answers the CONNECT and collects the bytes after it.
func collect(t *testing.T) (*node, chan brokenStream) {
	got := make(chan brokenStream, 1)
	return startNode(t, func(c net.Conn) {
		if _, err := io.ReadFull(c, make([]byte, len(connect311))); err != nil {
			return
		}
		_, _ = c.Write(connack311)
		b, err := io.ReadAll(c)
		got <- brokenStream{b, err}
	}), got
}

// A node that speaks plain MQTT reads the earlier bytes and then a clean end.
func TestHostileFramesAfterTheConnectEndTheSession(t *testing.T) {
	backend, got := collect(t)
	r := wsToMQTT.start(t, []string{backend.address()})
	var n uint64
	for _, row := range hostileFrames {
		t.Run(row.name, func(t *testing.T) {
			for _, withConnect := range []bool{true, false} {
				for _, drip := range []bool{false, true} {
					c := r.dialUpgraded()
					c.t = t
					connect := clientFrame(finBinary, connect311)
					if !withConnect {
						c.send(connect)
						c.expect([]byte("\x82\x04\x20\x02\x00\x00"))
						connect = nil
					}
					c.trickle(append(connect, append(clientFrame(finBinary, []byte("before")), row.sent...)...), drip)
					answer := c.frames()
					if len(answer) == 2 && withConnect && answer[0] == "20 02 00 00" {
						answer = answer[1:] // it came before or after
					}
					if want := []string{fmt.Sprint("close ", row.close)}; !slices.Equal(answer, want) {
						t.Errorf("with the CONNECT %v, drip %v: answered %q, want %q", withConnect, drip, answer, want)
					}
					_ = c.Close()
					if b := <-got; string(b.payload) != "before" || b.err != nil {
						t.Errorf("with the CONNECT %v, drip %v: the node saw %q, %v", withConnect, drip, b.payload, b.err)
					}
					n++
					r.waitOutcome(outcome.FrameError, n)
				}
			}
		})
	}
}
