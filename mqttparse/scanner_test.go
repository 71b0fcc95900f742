package mqttparse

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

// scanAll scans the stream in chunks of the given sizes, repeating the last one, and
// reports the packet boundaries.
func scanAll(stream []byte, sizes ...int) (said string, between bool) {
	var s Scanner
	var b strings.Builder
	for base := 0; base < len(stream); {
		size := min(max(sizes[0], 1), len(stream)-base)
		if len(sizes) > 1 {
			sizes = sizes[1:]
		}
		at := 0
		for piece, err := range s.Scan(stream[base : base+size]) {
			if piece.Begin != at || piece.End < piece.Begin || piece.End > size {
				return fmt.Sprintf("piece [%d,%d) of %d after %d", piece.Begin, piece.End, size, at), false
			}
			at = piece.End
			if piece.Starts {
				fmt.Fprintf(&b, "%d@%d", piece.Type(), base+piece.Begin)
			}
			if err != nil {
				fmt.Fprintf(&b, " %v at %d", err, base+piece.End-1)
				return b.String(), s.Between()
			}
			if piece.Ends {
				fmt.Fprintf(&b, "-%d ", base+piece.End)
			}
		}
		if at != size {
			return fmt.Sprintf("pieces end at %d of %d", at, size), false
		}
		base += size
	}
	return b.String(), s.Between()
}

var scans = []struct {
	name    string
	stream  []byte
	want    string
	between bool
}{
	{"nothing", nil, "", true},
	{"one packet", []byte{0xC0, 0}, "12@0-2 ", true},
	{"three packets", bytesOf(connect311(2, str("i")), packet(0x82, uint16(1), str("a"), 0), 0xE0, 0), "1@0-15 8@15-23 14@23-25 ", true},
	{"length of two bytes", packet(0x30, make([]byte, 200)), "3@0-203 ", true},
	{"length of four bytes, overlong", bytesOf(0x30, 0x82, 0x80, 0x80, 0, "ab"), "3@0-7 ", true},
	{"first byte alone", []byte{0x30}, "3@0", false},
	{"half a length", []byte{0x30, 0x80}, "3@0", false},
	{"half a packet", []byte{0xC0, 0, 0x30, 2, 'a'}, "12@0-2 3@2", false},
	{"the longest packet, its beginning", []byte{0x30, 0xFF, 0xFF, 0xFF, 0x7F, 'a'}, "3@0", false},
	{"length of five bytes", []byte{0xC0, 0, 0x30, 0x80, 0x80, 0x80, 0x80, 0}, "12@0-2 3@2 mqttparse: Remaining Length has more than four bytes at 6", false},
	{"type 0", []byte{0xC0, 0, 0x0F, 0}, "12@0-2 0@2 mqttparse: packet type 0 is forbidden at 2", false},
}

func TestScannerFindsEveryBoundary(t *testing.T) {
	for _, test := range scans {
		for size := 1; size <= len(test.stream)+1; size++ {
			if got, between := scanAll(test.stream, size); got != test.want || between != test.between {
				t.Errorf("%s, chunks of %d:\ngot  %s, between %v\nwant %s, between %v", test.name, size, got, between, test.want, test.between)
			}
		}
		for cut := 1; cut < len(test.stream); cut++ {
			if got, _ := scanAll(test.stream, cut, len(test.stream)); got != test.want {
				t.Errorf("%s, cut at %d:\ngot  %s\nwant %s", test.name, cut, got, test.want)
			}
		}
	}
}

func TestBrokenStreamStaysBroken(t *testing.T) {
	for _, test := range []struct {
		stream []byte
		want   error
	}{
		{[]byte{0x30, 0x80, 0x80, 0x80, 0x80}, ErrRemainingLength},
		{[]byte{0x05}, ErrPacketType},
	} {
		var s Scanner
		for _, chunk := range [][]byte{test.stream, {0xC0, 0}, {0xC0, 0}} {
			pieces := 0
			for _, err := range s.Scan(chunk) {
				if pieces++; !errors.Is(err, test.want) || pieces > 1 {
					t.Fatalf("% x: %v, piece %d", chunk, err, pieces)
				}
			}
			if pieces != 1 || s.Between() {
				t.Fatalf("% x: %d pieces, between %v", chunk, pieces, s.Between())
			}
		}
	}
}

func TestLeavingTheLoopLeavesTheScannerAfterThePiece(t *testing.T) {
	var s Scanner
	stream := []byte{0xC0, 0, 0x30, 2, 'a', 'b', 0xE0, 0}
	for piece := range s.Scan(stream) {
		stream = stream[piece.End:]
		break
	}
	for piece, err := range s.Scan(stream) {
		if err != nil || piece.Type() != 3 || piece.End != 4 {
			t.Fatalf("%+v, %v", piece, err)
		}
		break
	}
}

// FuzzScanner checks that the chunk sizes do not matter, and that the boundaries equal
// those found by walking the whole stream packet by packet.
func FuzzScanner(f *testing.F) {
	for _, test := range scans {
		f.Add(test.stream, uint8(1), uint8(3))
	}
	f.Fuzz(func(t *testing.T, stream []byte, first, rest uint8) {
		var b strings.Builder
		for at := 0; at < len(stream); {
			fmt.Fprintf(&b, "%d@%d", stream[at]>>4, at)
			if stream[at] < 0x10 {
				fmt.Fprintf(&b, " %v at %d", ErrPacketType, at)
				break
			}
			length, size := variableByteInteger(stream[at+1:])
			if size < 0 {
				fmt.Fprintf(&b, " %v at %d", ErrRemainingLength, at+4)
				break
			}
			if at += 1 + size + length; size == 0 || at > len(stream) {
				break
			}
			fmt.Fprintf(&b, "-%d ", at)
		}
		want := b.String()
		for _, sizes := range [][]int{{len(stream)}, {1}, {int(first), int(rest)}} {
			if got, _ := scanAll(stream, sizes...); got != want {
				t.Fatalf("chunks of %v:\ngot  %s\nwant %s", sizes, got, want)
			}
		}
	})
}
