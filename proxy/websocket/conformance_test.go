package websocket

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// A sent is a frame before masking.
type sent struct {
	first   byte
	payload []byte
}

// conformance holds the frames of one case of Autobahn's test suite, with binary messages
// instead of text, and the expected error.
type conformance struct {
	name   string
	frames []sent
	err    *Error // nil: all frames are valid
}

func repeated(n int, frames ...sent) []sent { return slices.Repeat(frames, n) }

func closeOf(code uint16, reason string) sent {
	return sent{closeFrame, append(binary.BigEndian.AppendUint16(nil, code), reason...)}
}

func conformanceCases() []conformance {
	some, other := []byte("fragment1"), []byte("fragment2")
	ping, pong := sent{pingFrame, []byte("ping payload")}, sent{pongFrame, []byte("pong payload")}
	cases := []conformance{
		{"2.1 a ping without payload", []sent{{pingFrame, nil}}, nil},
		{"2.3 a binary ping", []sent{{pingFrame, []byte{0, 0xFF, 0xFE, 0xFD, 0}}}, nil},
		{"2.4 a ping of 125 bytes", []sent{{pingFrame, numbered(125)}}, nil},
		{"2.5 a ping of 126 bytes", []sent{{pingFrame, numbered(126)}}, errControlTooLong},
		{"2.7 a pong without payload", []sent{{pongFrame, nil}}, nil},
		{"2.9 a pong, then a ping", []sent{pong, ping}, nil},
		{"2.10 ten pings", repeated(10, ping), nil},

		{"5.1 a ping in two fragments", []sent{{0x9, some}, {lastOfMany, other}}, errControlFragmented},
		{"5.2 a pong in two fragments", []sent{{0xA, some}, {lastOfMany, other}}, errControlFragmented},
		{"5.3 a message in two fragments", []sent{{firstOfMany, some}, {lastOfMany, other}}, nil},
		{"5.6 a ping between two fragments", []sent{{firstOfMany, some}, ping, {lastOfMany, other}}, nil},
		{"5.9 a continuation of nothing, then a message", []sent{{lastOfMany, some}, {binaryFrame, other}}, errNothingToContinue},
		{"5.12 the same, not the last", []sent{{continued, some}, {binaryFrame, other}}, errNothingToContinue},
		{"5.15 a message, then a continuation of nothing", []sent{{firstOfMany, some}, {lastOfMany, other}, {continued, some}, {binaryFrame, other}}, errNothingToContinue},
		{"5.18 two first fragments", []sent{{firstOfMany, some}, {firstOfMany, other}}, errMessageUnfinished},
		{"5.19 five fragments, pings among them", []sent{{firstOfMany, some}, {continued, other}, ping, {continued, some}, {continued, other}, ping, {lastOfMany, some}}, nil},
		{"6.1 an empty message", []sent{{binaryFrame, nil}}, nil},
		{"6.1.2 three empty fragments", []sent{{firstOfMany, nil}, {continued, nil}, {lastOfMany, nil}}, nil},
		{"6.1.3 an empty first and last fragment", []sent{{firstOfMany, nil}, {continued, some}, {lastOfMany, nil}}, nil},

		{"7.1.1 a message, then a close frame", []sent{{binaryFrame, some}, closeOf(1000, "")}, nil},
		{"7.1.5 a close frame within a message", []sent{{firstOfMany, some}, closeOf(1000, "")}, nil},
		{"7.3.1 an empty close frame", []sent{{closeFrame, nil}}, nil},
		{"7.3.2 a close frame of one byte", []sent{{closeFrame, []byte{3}}}, errCloseOneByte},
		{"7.3.4 a reason", []sent{closeOf(1000, "Hello World!")}, nil},
		{"7.3.5 a reason of 123 bytes", []sent{closeOf(1000, string(bytes.Repeat([]byte("*"), 123)))}, nil},
		{"7.3.6 a reason of 124 bytes", []sent{closeOf(1000, string(bytes.Repeat([]byte("*"), 124)))}, errControlTooLong},
		{"7.5.1 a reason that is not UTF-8", []sent{closeOf(1000, "\xCE\xBA\xE1\xBD\xB9\xCF\x83\xED\xA0\x80edited")}, errCloseReason},
		{"7.5 a reason in Greek", []sent{closeOf(1000, "κόσμε")}, nil},
	}
	for _, n := range []int{0, 1, 125, 126, 127, 128, 65535, 65536} {
		cases = append(cases, conformance{fmt.Sprintf("1.2 a message of %d bytes", n), []sent{{binaryFrame, numbered(n)}}, nil})
	}
	for rsv := byte(1); rsv < 8; rsv++ {
		for _, first := range []byte{binaryFrame, firstOfMany, pingFrame, pongFrame, closeFrame} {
			cases = append(cases, conformance{fmt.Sprintf("3 reserved bits %d on %02X", rsv, first),
				[]sent{{binaryFrame, some}, {first | rsv<<4, other}}, errReservedBits})
		}
	}
	for _, opcode := range []byte{3, 4, 5, 6, 7, 11, 12, 13, 14, 15} {
		cases = append(cases, conformance{fmt.Sprintf("4 opcode %d", opcode), []sent{{binaryFrame, some}, {fin | opcode, nil}, ping}, errReservedOpcode})
	}
	for _, code := range []uint16{1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999} {
		cases = append(cases, conformance{fmt.Sprintf("7.7 close code %d", code), []sent{closeOf(code, "")}, nil})
	}
	for _, code := range []uint16{0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535} {
		cases = append(cases, conformance{fmt.Sprintf("7.9 close code %d", code), []sent{closeOf(code, "")}, errCloseCode})
	}
	for _, size := range []int{64, 256, 1024, 4096, 65536} { // 9.4: 256 KiB in fragments
		frames := append([]sent{{firstOfMany, numbered(size)}}, repeated(256<<10/size-1, sent{continued, numbered(size)})...)
		frames[len(frames)-1].first = lastOfMany
		cases = append(cases, conformance{fmt.Sprintf("9.4 256 KiB in fragments of %d bytes", size), frames, nil})
	}
	return cases
}

// want returns what must be read: the frames before the wrong one.
func (c *conformance) want(fromClient bool) (stream []byte, f followed) {
	if c.err != nil {
		f.err = c.err
	}
	message, ended := false, false
	for _, s := range c.frames {
		stream = append(stream, frame(fromClient, s.first, s.payload)...)
		ended = ended || c.err != nil && wrong(c.err, s, message)
		if ended {
			continue
		}
		f.raw = len(stream)
		if opcode := Opcode(s.first & 0xF); opcode.Control() {
			f.controls = append(f.controls, control{opcode, string(s.payload), len(f.data)})
		} else {
			f.data = append(f.data, s.payload...)
			message = s.first&fin == 0
		}
	}
	return stream, f
}

// wrong reports whether s is the frame that causes err. message says whether a message is
// unfinished before s.
func wrong(err *Error, s sent, message bool) bool {
	switch opcode := Opcode(s.first & 0xF); err {
	case errNothingToContinue:
		return opcode == Continuation && !message
	case errMessageUnfinished:
		return opcode == Binary && message
	case errReservedBits:
		return s.first&0x70 != 0
	case errReservedOpcode:
		return opcode.reserved()
	default: // an error of control frames; each of these cases has only one
		return opcode.Control()
	}
}

func TestConformance(t *testing.T) {
	const seed = 6455
	random := rand.New(rand.NewPCG(seed, 0))
	for _, c := range conformanceCases() {
		for side, fromClient := range sides {
			t.Run(c.name+"/"+side, func(t *testing.T) {
				stream, want := c.want(fromClient)
				check := func(how string, chunks ...[]byte) {
					t.Helper()
					if got := follow(t, fromClient, chunks...); !got.equal(want) {
						t.Fatalf("%s: %v, want %v", how, got, want)
					}
				}
				check("whole", stream)
				if len(stream) > 1000 {
					for i := range 20 {
						check(fmt.Sprintf("random cuts %d of seed %d", i, seed), randomCuts(random, stream)...)
					}
					check("997 bytes at a time", each(997, stream)...)
					return
				}
				check("byte by byte", each(1, stream)...)
				for cut := range stream {
					check(fmt.Sprintf("cut at %d", cut), stream[:cut], stream[cut:])
				}
			})
		}
	}
}

// randomCuts cuts b into chunks. A few are tiny, because cuts within a header find the
// most faults.
func randomCuts(random *rand.Rand, b []byte) (chunks [][]byte) {
	for len(b) > 0 {
		n := 1 + random.IntN(1<<(1+random.IntN(16)))
		n = min(n, len(b))
		chunks = append(chunks, b[:n])
		b = b[n:]
	}
	return chunks
}
