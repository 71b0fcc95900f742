package mqttparse

import (
	"encoding/binary"
	"testing"
)

// masked returns a chunk of a frame as a WebSocket client would mask it, and the mask of its first byte. before is the
// number of bytes of the frame before it.
func masked(chunk []byte, key uint32, before int) ([]byte, uint32) {
	var bytes [4]byte
	binary.LittleEndian.PutUint32(bytes[:], key)
	b := make([]byte, len(chunk))
	for i := range chunk {
		b[i] = chunk[i] ^ bytes[(before+i)%4]
	}
	var mask [4]byte
	for i := range mask {
		mask[i] = bytes[(before+i)%4]
	}
	return b, binary.LittleEndian.Uint32(mask[:])
}

// countAll counts a stream in chunks of the given sizes, repeating the last one.
func countAll(t testing.TB, stream []byte, key uint32, sizes ...int) (c PacketCounts, s Scanner) {
	t.Helper()
	total := uint32(0)
	for at := 0; at < len(stream); {
		size := min(max(sizes[0], 1), len(stream)-at)
		if len(sizes) > 1 {
			sizes = sizes[1:]
		}
		chunk, mask := masked(stream[at:at+size], key, at)
		total += s.Count(chunk, mask, &c)
		at += size
	}
	if uint64(total) != c.Packets {
		t.Errorf("counted %d packets and returned %d", c.Packets, total)
	}
	return c, s
}

var streams = []struct {
	name         string
	stream       []byte
	want         PacketCounts
	disconnected bool
	code         ReasonCode
}{
	{name: "nothing"},
	{name: "a PINGREQ", stream: []byte{0xC0, 0}, want: PacketCounts{Packets: 1}},
	{name: "each QoS, with flags", stream: bytesOf(packet(0x30, str("a")), packet(0x3B, str("a"), uint16(1)), packet(0x32, str("a"), uint16(2)),
		packet(0x3D, str("a"), uint16(3)), 0x40, 2, 0, 1), want: PacketCounts{Packets: 5, Publish: [3]uint64{1, 2, 1}}},
	{name: "a QoS of 3", stream: packet(0x36, str("a"), uint16(1)), want: PacketCounts{Packets: 1}},
	{name: "long ones", stream: bytesOf(packet(0x30, make([]byte, 127)), packet(0x32, make([]byte, 128)), packet(0x34, make([]byte, 20_000)), 0xD0, 0),
		want: PacketCounts{Packets: 4, Publish: [3]uint64{1, 1, 1}}},
	{name: "half a packet", stream: []byte{0xD0, 0, 0x30, 2, 'a'}, want: PacketCounts{Packets: 1}},
	{name: "DISCONNECT", stream: []byte{0xC0, 0, 0xE0, 0}, want: PacketCounts{Packets: 2}, disconnected: true},
	{name: "DISCONNECT with a code", stream: []byte{0xC0, 0, 0xE0, 1, 0x8E}, want: PacketCounts{Packets: 2}, disconnected: true, code: SessionTakenOver},
	{name: "DISCONNECT with properties", stream: []byte{0xE0, 7, 0x9C, 5, 0x11, 0, 0, 0, 0}, want: PacketCounts{Packets: 1}, disconnected: true, code: UseAnotherServer},
	{name: "DISCONNECT of an overlong length", stream: []byte{0xE0, 0x81, 0, 0x8B}, want: PacketCounts{Packets: 1}, disconnected: true, code: ServerShuttingDown},
	{name: "DISCONNECT with flags, which are forbidden", stream: []byte{0xE5, 0}, want: PacketCounts{Packets: 1}},
	{name: "two DISCONNECT", stream: []byte{0xE0, 1, 0x8E, 0xE0, 0}, want: PacketCounts{Packets: 2}, disconnected: true},
	{name: "DISCONNECT, not whole", stream: []byte{0xE0, 1}},
	{name: "DISCONNECT and a packet", stream: []byte{0xE0, 1, 0x8E, 0xD0, 0}, want: PacketCounts{Packets: 2}},
	{name: "DISCONNECT and a long packet", stream: bytesOf(0xE0, 0, packet(0x30, make([]byte, 200))), want: PacketCounts{Packets: 2, Publish: [3]uint64{1}}},
	{name: "DISCONNECT and a byte", stream: []byte{0xE0, 0, 0x30}, want: PacketCounts{Packets: 1}},
	{name: "DISCONNECT and type 0", stream: []byte{0xE0, 0, 0, 0xC0, 0}, want: PacketCounts{Packets: 1}},
	{name: "a length without an end", stream: []byte{0xC0, 0, 0x30, 0x80, 0x80, 0x80, 0x80, 0xC0, 0}, want: PacketCounts{Packets: 1}},
}

func TestEveryWholePacketIsCountedOnce(t *testing.T) {
	for _, test := range streams {
		check := func(how string, key uint32, sizes ...int) {
			t.Helper()
			c, s := countAll(t, test.stream, key, sizes...)
			code, disconnected := s.Disconnected()
			if c != test.want || disconnected != test.disconnected || code != test.code {
				t.Errorf("%s, %s, key %#x, %v:\ngot  %+v, disconnected %v, code %d\nwant %+v, disconnected %v, code %d",
					test.name, how, key, sizes, c, disconnected, code, test.want, test.disconnected, test.code)
			}
		}
		for _, key := range []uint32{0, 0x12345678, 0xE00000E0, 0xFF} {
			check("whole", key, len(test.stream))
			check("byte by byte", key, 1)
			for cut := 1; cut < min(len(test.stream), 400); cut++ {
				check("cut", key, cut, len(test.stream))
			}
		}
	}
}

func TestCountsAreAdded(t *testing.T) {
	c := PacketCounts{Packets: 5, Publish: [3]uint64{1, 2, 3}}
	c.Add(&PacketCounts{Packets: 10, Publish: [3]uint64{10, 20, 30}})
	if c != (PacketCounts{Packets: 15, Publish: [3]uint64{11, 22, 33}}) {
		t.Errorf("%+v", c)
	}
}

// FuzzCount checks that neither chunks nor masks matter, and that the counts are those of the pieces of Scan.
func FuzzCount(f *testing.F) {
	for _, test := range streams {
		f.Add(test.stream, uint32(0x12345678), uint8(1), uint8(3))
	}
	f.Fuzz(func(t *testing.T, stream []byte, key uint32, first, rest uint8) {
		var want PacketCounts
		var s Scanner
		for piece, err := range s.Scan(stream) {
			if err == nil && piece.Ends {
				want.count(piece.First)
			}
		}
		code, disconnected := s.Disconnected()
		for _, key := range []uint32{0, key} {
			for _, sizes := range [][]int{{len(stream)}, {1}, {int(first), int(rest)}} {
				c, s := countAll(t, stream, key, sizes...)
				if gotCode, got := s.Disconnected(); c != want || got != disconnected || gotCode != code {
					t.Fatalf("chunks of %v: %+v, disconnected %v %d, want %+v, %v %d", sizes, c, got, gotCode, want, disconnected, code)
				}
			}
		}
	})
}

func TestCountAllocatesNothing(t *testing.T) {
	stream := bytesOf(packet(0x32, make([]byte, 300)), 0xC0, 0, 0xE0, 1, 0x8E)
	var s Scanner
	var c PacketCounts
	if n := testing.AllocsPerRun(100, func() { s.Count(stream, 0, &c); s.Count(stream, 1, &c) }); n != 0 || c.Packets == 0 {
		t.Errorf("%v allocations, %+v", n, c)
	}
}

func BenchmarkCount(b *testing.B) {
	one := packet(0x32, str("a/b"), uint16(1), make([]byte, 64))
	var many []byte
	for range 16 {
		many = append(many, one...)
	}
	for name, stream := range map[string][]byte{"PUBLISH": one, "PUBACK": {0x40, 2, 0, 1}, "16 PUBLISH": many, "a part of 64 KiB": make([]byte, 64<<10)} {
		for mode, mask := range map[string]uint32{"plain": 0, "masked": 0x12345678} {
			b.Run(name+"/"+mode, func(b *testing.B) {
				var s Scanner
				var c PacketCounts
				chunk, mask := masked(stream, mask, 0)
				if name == "a part of 64 KiB" {
					s = Scanner{first: 0x30, state: inBody, left: 1 << 31}
				}
				b.ReportAllocs()
				for b.Loop() {
					s.Count(chunk, mask, &c)
				}
			})
		}
	}
}
