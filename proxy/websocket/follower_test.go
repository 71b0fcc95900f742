package websocket

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"testing"
)

// bounds holds the boundaries in a stream that is passed on: the offsets after which a frame may begin, those after
// which a message may begin, and the unchanged payload of the data frames.
type bounds struct {
	frames, messages []int
	payload          []byte
}

func (b bounds) equal(o bounds) bool {
	return slices.Equal(b.frames, o.frames) && slices.Equal(b.messages, o.messages) && bytes.Equal(b.payload, o.payload)
}

func (b bounds) String() string {
	return fmt.Sprintf("frames %v, messages %v, %d bytes of payload", b.frames, b.messages, len(b.payload))
}

// readBounds finds the bounds with a Reader. end is where it stopped: at an error or at a close frame.
func readBounds(fromClient bool, stream []byte) (b bounds, end int) {
	r := Reader{FromClient: fromClient}
	for {
		if r.left == 0 {
			b.frames = append(b.frames, end)
			if !r.inMessage {
				b.messages = append(b.messages, end)
			}
		}
		_, piece, err := r.Copy(nil, stream[end:])
		if err != nil {
			return b, end
		}
		if r.left > math.MaxUint32 {
			return b, end // too long for a Follower
		}
		end += piece.Raw
		switch {
		case piece.Opcode == Close:
			return b, end
		case !piece.Opcode.Control():
			b.payload = append(b.payload, stream[end-len(piece.Payload):end]...)
		}
	}
}

// followBounds finds the bounds with a Follower, in a stream that arrives in chunks.
func followBounds(t testing.TB, chunks ...[]byte) (b bounds) {
	t.Helper()
	var f Follower
	at := 0
	look := func() {
		if f.Between() {
			b.frames = append(b.frames, at)
		}
		if f.BetweenMessages() {
			b.messages = append(b.messages, at)
		}
	}
	look()
	for _, chunk := range chunks {
		for len(chunk) > 0 {
			n, payload, _ := f.Next(chunk)
			if n < 1 || n > len(chunk) || len(payload) > n {
				t.Fatalf("of %d bytes it took %d, %d of them payload", len(chunk), n, len(payload))
			}
			b.payload = append(b.payload, payload...)
			chunk, at = chunk[n:], at+n
			look()
		}
	}
	return b
}

func TestFollowerKnowsWhereFramesAndMessagesEnd(t *testing.T) {
	for side, fromClient := range sides {
		frameOf := func(first byte, payload string) []byte { return frame(fromClient, first, []byte(payload)) }
		for name, tt := range map[string]struct {
			frames   [][]byte
			messages []int // how many frames end where a message may begin
			closed   bool  // the last frame is a close frame
		}{
			"none":                   {nil, []int{0}, false},
			"a message":              {[][]byte{frameOf(binaryFrame, "ab")}, []int{0, 1}, false},
			"an empty message":       {[][]byte{frameOf(binaryFrame, "")}, []int{0, 1}, false},
			"two, one longer":        {[][]byte{frameOf(binaryFrame, "ab"), frame(fromClient, binaryFrame, numbered(300))}, []int{0, 1, 2}, false},
			"of 64 bits of length":   {[][]byte{frame(fromClient, binaryFrame, numbered(1<<16))}, []int{0, 1}, false},
			"text":                   {[][]byte{frameOf(textFrame, "ab")}, []int{0, 1}, false},
			"fragments":              {[][]byte{frameOf(firstOfMany, "ab"), frameOf(continued, ""), frameOf(lastOfMany, "c")}, []int{0, 3}, false},
			"a ping among fragments": {[][]byte{frameOf(firstOfMany, "ab"), frameOf(pingFrame, "p"), frameOf(lastOfMany, "c")}, []int{0, 3}, false},
			"pings":                  {[][]byte{frameOf(pingFrame, ""), frameOf(pongFrame, "p")}, []int{0, 1, 2}, false},
			"a close frame":          {[][]byte{frameOf(binaryFrame, "ab"), frameOf(closeFrame, "\x03\xE8")}, []int{0, 1}, true},
			"an empty close frame":   {[][]byte{frameOf(closeFrame, "")}, []int{0}, true},
		} {
			var want bounds
			ends := []int{0}
			for _, b := range tt.frames {
				ends = append(ends, ends[len(ends)-1]+len(b))
			}
			want.frames = ends
			if tt.closed {
				want.frames = ends[:len(ends)-1]
			}
			for _, i := range tt.messages {
				want.messages = append(want.messages, ends[i])
			}
			stream := slices.Concat(tt.frames...)
			want.payload = followBounds(t, stream).payload // the fuzz target compares it with the Reader's
			if got := followBounds(t, stream); !got.equal(want) {
				t.Errorf("%s, %s: %v, want %v", side, name, got, want)
			}
			if got := followBounds(t, each(1, stream)...); !got.equal(want) {
				t.Errorf("%s, %s, byte by byte: %v, want %v", side, name, got, want)
			}
			for cut := 1; cut < min(len(stream), 400); cut++ {
				if got := followBounds(t, stream[:cut], stream[cut:]); !got.equal(want) {
					t.Fatalf("%s, %s, cut at %d: %v, want %v", side, name, cut, got, want)
				}
			}
		}
	}
}

func TestFollowerOfWhatIsNoFrameKnowsNoBoundAnyMore(t *testing.T) {
	for _, tt := range hostile {
		b := unhex(t, tt.hex)
		if _, err := ParseHeader(b); err == nil || err == ErrShort {
			continue // the error depends on earlier frames or on the side
		}
		for size := 1; size <= len(b); size++ {
			var f Follower
			for _, chunk := range append(each(size, b), frame(false, binaryFrame, []byte("more"))) {
				for len(chunk) > 0 {
					n, payload, _ := f.Next(chunk)
					if len(payload) > 0 {
						t.Fatalf("%x in chunks of %d: payload %x", b, size, payload)
					}
					chunk = chunk[n:]
				}
			}
			if f.Between() || f.BetweenMessages() {
				t.Errorf("%x in chunks of %d: a frame could come", b, size)
			}
		}
	}
}

// FuzzFollower checks that the chunk sizes do not matter and that the bounds equal the
// Reader's.
func FuzzFollower(f *testing.F) {
	for _, tt := range hostile {
		f.Add(!tt.server, unhex(f, tt.hex), []byte{1, 2, 3})
	}
	for _, c := range conformanceCases() {
		for _, fromClient := range sides {
			if stream, _ := c.want(fromClient); len(stream) < 1000 {
				f.Add(fromClient, stream, []byte{5, 0, 9})
			}
		}
	}
	f.Fuzz(func(t *testing.T, fromClient bool, stream, cuts []byte) {
		want, end := readBounds(fromClient, stream)
		stream = stream[:end]
		var chunks [][]byte
		for rest := stream; len(rest) > 0; {
			n := len(rest)
			if len(cuts) > 0 {
				n, cuts = min(n, int(cuts[0])), cuts[1:]
			}
			chunks = append(chunks, rest[:n])
			rest = rest[n:]
		}
		for _, chunks := range [][][]byte{{stream}, each(1, stream), chunks} {
			if got := followBounds(t, chunks...); !got.equal(want) {
				t.Fatalf("%d chunks: %v, want %v", len(chunks), got, want)
			}
		}
	})
}

func TestFollowerAllocatesNothing(t *testing.T) {
	stream := slices.Concat(frame(true, firstOfMany, numbered(70000)), frame(true, pingFrame, numbered(125)),
		frame(true, lastOfMany, nil), frame(true, closeFrame, []byte("\x03\xE8")))
	taken := 0
	if n := testing.AllocsPerRun(10, func() {
		var f Follower
		for chunk := stream; len(chunk) > 0; {
			n, payload, _ := f.Next(chunk)
			chunk = chunk[n:]
			taken += len(payload)
		}
	}); n != 0 || taken == 0 {
		t.Errorf("%v allocations, %d bytes of payload", n, taken)
	}
}

func BenchmarkFollower(b *testing.B) {
	const frames = 100
	stream := bytes.Repeat(frame(true, binaryFrame, numbered(64)), frames)
	b.ReportAllocs()
	b.SetBytes(int64(len(stream)))
	for b.Loop() {
		var f Follower
		for rest := stream; len(rest) > 0; {
			n, _, _ := f.Next(rest)
			rest = rest[n:]
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/frames, "ns/frame")
}
