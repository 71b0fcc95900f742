package websocket

import (
	"bufio"
	"bytes"
	"errors"
	"net/http"
	"testing"
)

func FuzzParseHeader(f *testing.F) {
	for _, tt := range hostile {
		f.Add(unhex(f, tt.hex))
	}
	for _, n := range sizes {
		f.Add(AppendHeader(nil, Binary, n))
		f.Add(AppendMaskedHeader(nil, Ping, n, [4]byte{1, 2, 3, 4}))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		h, err := ParseHeader(b)
		var broken *Error
		switch {
		case err == nil:
			if h.Size < 2 || h.Size > len(b) || h.Length < 0 {
				t.Fatalf("of %d bytes %+v", len(b), h)
			}
			checkHeaderRoundTrip(t, h, b)
		case err == ErrShort:
			if len(b) >= MaxHeaderSize {
				t.Fatalf("%d bytes are here and it wants more", len(b))
			}
		case !errors.As(err, &broken):
			t.Fatalf("an error of no kind: %v", err)
		}
		for n := range min(len(b), MaxHeaderSize) { // fewer bytes: the same verdict or ErrShort
			if less, lessErr := ParseHeader(b[:n]); lessErr != ErrShort && (lessErr != err || less != h) {
				t.Fatalf("%d bytes: %+v, %v; all: %+v, %v", n, less, lessErr, h, err)
			}
		}
	})
}

// checkHeaderRoundTrip encodes h again. The encoding of a header is unique.
func checkHeaderRoundTrip(t *testing.T, h Header, b []byte) {
	t.Helper()
	if int64(int(h.Length)) != h.Length {
		return // overflows int on 32 bits
	}
	again := AppendHeader(nil, h.Opcode, int(h.Length))
	if h.Masked {
		again = AppendMaskedHeader(nil, h.Opcode, int(h.Length), h.Mask)
	}
	if !h.Fin {
		again[0] &^= fin
	}
	if !bytes.Equal(again, b[:h.Size]) {
		t.Fatalf("%x reads as %+v, which writes as %x", b[:h.Size], h, again)
	}
}

func FuzzReader(f *testing.F) {
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
		before := bytes.Clone(stream)
		whole := follow(t, fromClient, stream)
		var chunks [][]byte
		for rest := stream; len(rest) > 0; {
			n := len(rest)
			if len(cuts) > 0 {
				n, cuts = min(n, int(cuts[0])), cuts[1:]
			}
			chunks = append(chunks, rest[:n])
			rest = rest[n:]
		}
		if split := follow(t, fromClient, chunks...); !split.equal(whole) {
			t.Fatalf("whole: %v; in %d chunks: %v", whole, len(chunks), split)
		}
		if single := follow(t, fromClient, each(1, stream)...); !single.equal(whole) {
			t.Fatalf("whole: %v; byte by byte: %v", whole, single)
		}
		if !bytes.Equal(stream, before) {
			t.Fatal("the test itself unmasks the stream that it compares")
		}
		checkReread(t, fromClient, whole)
	})
}

// checkReread encodes the result as one message and its control frames, and reads it
// again.
func checkReread(t *testing.T, fromClient bool, f followed) {
	t.Helper()
	stream := frame(fromClient, binaryFrame, f.data)
	for i, c := range f.controls {
		stream = append(stream, frame(fromClient, fin|byte(c.opcode), []byte(c.payload))...)
		f.controls[i].after = len(f.data)
	}
	f.raw, f.err = len(stream), nil
	if again := follow(t, fromClient, stream); !again.equal(f) {
		t.Fatalf("%v, written and read again: %v", f, again)
	}
}

func FuzzMask(f *testing.F) {
	f.Add([]byte("Hello"), uint32(0x37FA213D), uint32(0))
	f.Add(numbered(100), uint32(0x01020304), uint32(3))
	f.Fuzz(func(t *testing.T, b []byte, k, offset uint32) {
		key := [4]byte{byte(k >> 24), byte(k >> 16), byte(k >> 8), byte(k)}
		masked := bytes.Clone(b)
		Mask(masked, key, int(offset>>1))
		if want := maskByte(b, key, int(offset>>1)); !bytes.Equal(masked, want) {
			t.Fatalf("%x, want %x", masked, want)
		}
		Mask(masked, key, int(offset>>1))
		if !bytes.Equal(masked, b) {
			t.Fatal("the second time does not restore")
		}
	})
}

func FuzzReadResponse(f *testing.F) {
	for _, b := range upgrades {
		f.Add([]byte(b))
	}
	for _, tt := range refusals {
		f.Add([]byte(tt.b[:min(len(tt.b), 1000)]))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		n, err := ReadResponse(b, &sample)
		var refused *ResponseError
		switch {
		case err == nil:
			checkUpgrade(t, b, n)
		case n != 0:
			t.Fatalf("%v, and %d bytes taken", err, n)
		case err == ErrShort: // nothing more to check
		case !errors.As(err, &refused) || refused.Reason == "" || len(err.Error()) > 1500:
			t.Fatalf("an error that says too little or too much: %v", err)
		}
		more, moreErr := ReadResponse(append(bytes.Clone(b), "\r\n\r\n"...), &sample)
		if err == nil && (moreErr != nil || more != n) {
			t.Fatalf("%d bytes; with more after them %d, %v", n, more, moreErr)
		}
	})
}

// checkUpgrade compares the end of the answer with the position where net/http stops
// reading.
func checkUpgrade(t *testing.T, b []byte, n int) {
	t.Helper()
	source := bytes.NewReader(b)
	in := bufio.NewReader(source)
	for {
		resp, err := http.ReadResponse(in, nil)
		if err != nil {
			t.Fatalf("taken, and net/http says %v", err)
		}
		resp.Body.Close()
		if resp.StatusCode == http.StatusSwitchingProtocols {
			if resp.Header.Get("Sec-Websocket-Accept") != "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" {
				t.Fatalf("taken: %q", b[:n])
			}
			break
		}
	}
	if end := len(b) - source.Len() - in.Buffered(); end != n {
		t.Fatalf("%d bytes were taken, net/http took %d", n, end)
	}
	for _, less := range []int{n - 1, n / 2, 0} {
		if got, err := ReadResponse(b[:less], &sample); got != 0 || err != ErrShort {
			t.Fatalf("all %d bytes were taken, the first %d: %d, %v", n, less, got, err)
		}
	}
}
