package tlsterm

import (
	"bytes"
	"testing"
)

// inRecords splits the record of a message into records of the given size.
func inRecords(hello []byte, size int) (cut []byte) {
	message := hello[5:]
	for len(message) > 0 {
		n := min(size, len(message))
		cut = append(append(cut, 22, 3, 1, byte(n>>8), byte(n)), message[:n]...)
		message = message[n:]
	}
	return cut
}

func TestHelloIsWholeWithItsLastByte(t *testing.T) {
	hello := []byte(clientHello(t))
	for _, size := range []int{len(hello), 100, 5, 3, 1} {
		b := inRecords(hello, size)
		var h HelloScanner
		for n := range b {
			if h.Whole(b[:n]) {
				t.Fatalf("records of %d bytes: whole after %d bytes of %d", size, n, len(b))
			}
		}
		if !h.Whole(b) {
			t.Errorf("records of %d bytes: not whole", size)
		}
		var atOnce HelloScanner
		if !atOnce.Whole(append(b, "more"...)) {
			t.Errorf("records of %d bytes: not whole at once", size)
		}
	}
}

func TestWhatIsNoHelloIsKnownAtOnce(t *testing.T) {
	for name, b := range map[string][]byte{
		"HTTP":                []byte("G"),
		"a CONNECT":           {0x10},
		"an alert":            {21},
		"version 2":           {22, 2},
		"an empty record":     {22, 3, 1, 0, 0},
		"a record too long":   {22, 3, 1, 0x40, 1},
		"another message":     {22, 3, 1, 0, 4, 2, 0, 0, 9},
		"an empty hello":      {22, 3, 1, 0, 4, 1, 0, 0, 0},
		"a hello of 16 MB":    {22, 3, 1, 0, 4, 1, 0xff, 0xff, 0xff},
		"another, in records": {22, 3, 1, 0, 1, 2, 22, 3, 1, 0, 3, 0, 0, 9},
	} {
		var h HelloScanner
		if !h.Whole(b) {
			t.Errorf("%s: more is wanted", name)
		}
	}
}

func TestHelloScannerAllocatesNothing(t *testing.T) {
	hello := []byte(clientHello(t))
	if n := testing.AllocsPerRun(100, func() {
		var h HelloScanner
		h.Whole(hello)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// FuzzHelloScanner checks that crypto/tls also needs more bytes wherever the scanner does, so that no ClientHello
// waits that could be answered. The size of the pieces must not matter.
func FuzzHelloScanner(f *testing.F) {
	hello := []byte(clientHello(f))
	f.Add(hello, uint16(1))
	f.Add(inRecords(hello, 7), uint16(100))
	f.Add([]byte("GET / HTTP/1.1\r\n\r\n"), uint16(3))
	f.Add([]byte{22, 3, 1, 0, 4, 1, 0, 0, 0}, uint16(2))
	f.Fuzz(func(t *testing.T, b []byte, at uint16) {
		var whole, pieces HelloScanner
		got := whole.Whole(b)
		n := min(int(at), len(b))
		early := pieces.Whole(b[:n])
		if late := early || pieces.Whole(b); late != got {
			t.Fatalf("%v at once, %v in two pieces", got, late)
		}
		if _, err := ServerName(bytes.Clone(b)); !got && err != ErrShort {
			t.Fatalf("more is wanted, and crypto/tls says %v", err)
		}
	})
}
