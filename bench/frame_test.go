package bench

import (
	"bytes"
	"encoding/hex"
	"errors"
	"slices"
	"strings"
	"testing"
)

// deframe passes stream to d in pieces of n bytes, or in one if n is 0, and returns the
// results.
func deframe(d *deframer, stream []byte, n int) (data, replies []byte, err error) {
	b := bytes.Clone(stream)
	if n == 0 {
		n = max(len(b), 1)
	}
	for piece := range slices.Chunk(b, n) {
		var got []byte
		got, replies, err = d.next(piece, replies)
		data = append(data, got...)
		if err != nil {
			break
		}
	}
	return data, replies, err
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestExamplesOfRFC6455(t *testing.T) {
	for _, c := range []struct {
		name, stream, data, replies string
		client                      bool
	}{
		{"unmasked, in two fragments", "02 03 48656c  80 02 6c6f", "48656c6c6f", "", true},
		{"masked", "82 85 37fa213d 7f9f4d5158", "48656c6c6f", "", false},
		{"ping, answered with its data", "89 05 48656c6c6f", "", "8a 85", true},
		{"ping amid fragments", "02 01 48  89 00  80 01 65", "4865", "8a 80", true},
		{"masked ping", "89 85 37fa213d 7f9f4d5158", "", "8a 05 48656c6c6f", false},
		{"pong", "8a 01 41  82 01 42", "42", "", true},
		{"empty frames", "82 00 02 00 80 00 82 01 41", "41", "", true},
	} {
		stream := unhex(t, c.stream)
		for n := range len(stream) + 1 {
			data, replies, err := deframe(&deframer{client: c.client}, stream, n)
			if err != nil || !bytes.Equal(data, unhex(t, c.data)) {
				t.Errorf("%s in pieces of %d: % x, %v", c.name, n, data, err)
			}
			want := unhex(t, c.replies)
			if !bytes.HasPrefix(replies, want) || (len(replies) > 0) != (len(want) > 0) {
				t.Errorf("%s in pieces of %d: replies % x", c.name, n, replies)
			}
		}
	}
}

func TestFramesOfEveryLengthPassInAnyPieces(t *testing.T) {
	for _, masked := range []bool{false, true} {
		var stream, want []byte
		for i, length := range []int{0, 1, 7, 8, 9, 125, 126, 127, 65535, 65536, 70000, 3} {
			payload := bytes.Repeat([]byte{byte(i + 1), 0xa5, 0x5a, byte(i)}, length/4+1)[:length]
			stream = appendFrame(stream, opBinary, masked, payload)
			want = append(want, payload...)
		}
		for _, n := range []int{0, 1, 2, 3, 13, 14, 127, 4096} {
			d := deframer{client: !masked}
			data, replies, err := deframe(&d, stream, n)
			if err != nil || len(replies) > 0 || !bytes.Equal(data, want) || d.inFrame {
				t.Errorf("masked %v, pieces of %d: %d of %d bytes, replies % x, %v", masked, n, len(data), len(want), replies, err)
			}
		}
	}
}

func TestWhatRFC6455ForbidsIsRefused(t *testing.T) {
	for _, c := range []struct {
		name, stream string
		client       bool
		want         error
	}{
		{"reserved bit", "c2 00", true, errReserved},
		{"reserved data opcode", "83 00", true, errReserved},
		{"reserved control opcode", "8b 00", true, errReserved},
		{"text", "81 01 41", true, errText},
		{"masked by the server", "82 81 00000000 41", true, errMasking},
		{"not masked by the client", "82 01 41", false, errMasking},
		{"continuation of nothing", "80 01 41", true, errFragments},
		{"message within a message", "02 01 41 82 01 41", true, errFragments},
		{"fragmented ping", "09 00", true, errControl},
		{"ping of 126 bytes", "89 7e 007e", true, errControl},
		{"125 in two bytes", "82 7e 007d", true, errReserved},
		{"65535 in eight bytes", "82 7f 000000000000ffff", true, errReserved},
		{"negative length", "82 7f 8000000000000000", true, errReserved},
		{"close", "88 02 03e9 82 01 41", true, closeError(1001)},
		{"close without a status", "88 00", true, closeError(1005)},
	} {
		stream := unhex(t, c.stream)
		for n := range len(stream) + 1 {
			_, _, err := deframe(&deframer{client: c.client}, stream, n)
			if !errors.Is(err, c.want) {
				t.Errorf("%s in pieces of %d: %v", c.name, n, err)
			}
		}
	}
}

func TestCloseIsAnsweredAndWhatCameBeforeItIsKept(t *testing.T) {
	data, replies, err := deframe(&deframer{}, unhex(t, "82 81 00000000 41  88 84 00000000 03e84142"), 0)
	if string(data) != "A" || !bytes.Equal(replies, unhex(t, "88 02 03e8")) || !errors.Is(err, closeError(1000)) {
		t.Errorf("%q, % x, %v", data, replies, err)
	}
}

// FuzzFrames checks that the size of the pieces does not change the result.
func FuzzFrames(f *testing.F) {
	for _, s := range []string{
		"02 03 48656c 80 02 6c6f", "82 85 37fa213d 7f9f4d5158", "89 05 48656c6c6f 82 7e 0080 00", "88 02 03e9", "82 7f 0000000000010000 41",
	} {
		f.Add(unhex(f, s), true, 1)
		f.Add(unhex(f, s), false, 3)
	}
	f.Fuzz(func(t *testing.T, stream []byte, client bool, n int) {
		whole, replies, err := deframe(&deframer{client: client}, stream, 0)
		pieces, again, err2 := deframe(&deframer{client: client}, stream, 1+n&0xff)
		if !bytes.Equal(whole, pieces) || len(replies) != len(again) || !errors.Is(err2, err) {
			t.Errorf("% x, % x, %v; in pieces: % x, % x, %v", whole, replies, err, pieces, again, err2)
		}
		if !client && !bytes.Equal(replies, again) { // a client's replies have a random mask
			t.Errorf("replies % x; in pieces: % x", replies, again)
		}
	})
}

func TestFramingAllocatesNothing(t *testing.T) {
	payload := make([]byte, 64)
	out := make([]byte, 0, 256)
	d := deframer{}
	if n := testing.AllocsPerRun(100, func() {
		out = appendFrame(out[:0], opBinary, true, payload)
		if data, _, err := d.next(out, nil); err != nil || len(data) != 64 {
			t.Fatal(len(data), err)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkMask(b *testing.B) {
	for name, size := range map[string]int{"72B": 72, "256KiB": 256 << 10} {
		payload := make([]byte, size)
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(size))
			key := uint32(0x12345678)
			for b.Loop() {
				key = mask(payload, key)
			}
		})
	}
}
