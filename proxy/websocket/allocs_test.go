package websocket

import (
	"bytes"
	"fmt"
	"testing"
	"unsafe"
)

// restart restores the original bytes, which Next has unmasked, and returns a new Reader.
func restart(dst, src []byte, fromClient bool) ([]byte, Reader) {
	return append(dst[:0], src...), Reader{FromClient: fromClient}
}

func TestNothingAllocatesOnTheBytePath(t *testing.T) {
	stream := frame(true, binaryFrame, numbered(64))
	stream = append(stream, frame(true, firstOfMany, numbered(70000))...)
	stream = append(stream, frame(true, pingFrame, numbered(125))...)
	stream = append(stream, frame(true, lastOfMany, nil)...)
	stream = append(stream, frame(true, closeFrame, []byte("\x03\xE8κόσμε"))...)
	work, copied, out := make([]byte, 0, len(stream)), make([]byte, 0, len(stream)), make([]byte, 0, 256)
	var wrong [][]byte
	for _, tt := range hostile {
		wrong = append(wrong, unhex(t, tt.hex))
	}
	taken := 0
	for name, run := range map[string]func(){
		"Next": func() {
			b, r := restart(work, stream, true)
			for len(b) > 0 {
				piece, err := r.Next(b)
				if err != nil {
					t.Fatal(err)
				}
				b = b[piece.Raw:]
				taken++
			}
		},
		"Copy": func() {
			var r = Reader{FromClient: true}
			dst := copied[:0]
			for b := stream; len(b) > 0; {
				longer, piece, err := r.Copy(dst, b)
				if err != nil {
					t.Fatal(err)
				}
				dst, b = longer, b[piece.Raw:]
				taken++
			}
		},
		"hostile frames": func() {
			for i, b := range wrong {
				r := Reader{FromClient: !hostile[i].server}
				for err := error(nil); err == nil; taken++ {
					var piece Piece
					piece, err = r.Next(b)
					b = b[piece.Raw:]
				}
			}
		},
		"writing": func() {
			out = AppendHeader(out[:0], Binary, 70000)
			out = AppendMaskedHeader(out, Pong, 3, [4]byte{1, 2, 3, 4})
			out = AppendClose(out, TryAgainLater, errReservedBits.Reason)
			Mask(out, [4]byte{1, 2, 3, 4}, 1)
			taken++
		},
	} {
		taken = 0
		if n := testing.AllocsPerRun(100, run); n != 0 || taken == 0 {
			t.Errorf("%s: %v allocations, %d pieces", name, n, taken)
		}
	}
}

func TestReaderStaysSmall(t *testing.T) {
	if n := unsafe.Sizeof(Reader{}); n > 16 {
		t.Errorf("a Reader has %d bytes, and every idle session has one", n)
	}
}

func BenchmarkMask(b *testing.B) {
	for _, n := range []int{16, 64, 1024, 128 << 10} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			payload := numbered(n)
			b.SetBytes(int64(n))
			b.ReportAllocs()
			for b.Loop() {
				Mask(payload, [4]byte{0x37, 0xFA, 0x21, 0x3D}, 1)
			}
		})
	}
}

// BenchmarkNext reads 100 frames of 64 bytes, each a PUBLISH, from one chunk.
func BenchmarkNext(b *testing.B) {
	for side, fromClient := range sides {
		b.Run(side, func(b *testing.B) {
			const frames = 100
			stream := bytes.Repeat(frame(fromClient, binaryFrame, numbered(64)), frames)
			// Unmasking the same bytes repeatedly does no harm here: headers do not
			// change.
			b.ReportAllocs()
			b.SetBytes(int64(len(stream)))
			for b.Loop() {
				r := Reader{FromClient: fromClient}
				for rest := stream; len(rest) > 0; {
					piece, err := r.Next(rest)
					if err != nil {
						b.Fatal(err)
					}
					rest = rest[piece.Raw:]
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/frames, "ns/frame")
		})
	}
}

func BenchmarkCopy(b *testing.B) {
	stream := frame(true, binaryFrame, numbered(64))
	dst := make([]byte, 0, 64)
	b.ReportAllocs()
	for b.Loop() {
		r := Reader{FromClient: true}
		if _, piece, err := r.Copy(dst, stream); err != nil || piece.Raw != len(stream) {
			b.Fatal(err)
		}
	}
}

func BenchmarkAppendHeader(b *testing.B) {
	dst := make([]byte, 0, MaxHeaderSize)
	b.ReportAllocs()
	for b.Loop() {
		dst = AppendHeader(dst[:0], Binary, 1000)
	}
}

func BenchmarkReadResponse(b *testing.B) {
	response := []byte(upgrades["as RFC 6455 shows it"])
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ReadResponse(response, &sample); err != nil {
			b.Fatal(err)
		}
	}
}
