package mqttparse

import (
	"bytes"
	"testing"

	paho5 "github.com/eclipse/paho.golang/packets"
)

func TestDisconnectIsReadByClientsOf5(t *testing.T) {
	for i := range 256 {
		code := ReasonCode(i)
		b := AppendDisconnect([]byte("before"), code)
		packet, intact := bytes.CutPrefix(b, []byte("before"))
		if !intact {
			t.Fatalf("%v: %q", code, b)
		}
		r := bytes.NewReader(packet)
		read, err := paho5.ReadPacket(r)
		if err != nil || r.Len() != 0 {
			t.Fatalf("%v: % x: %v", code, packet, err)
		}
		disconnect, ok := read.Content.(*paho5.Disconnect)
		if !ok || disconnect.ReasonCode != byte(code) {
			t.Errorf("%v: paho.golang reads %v", code, read)
		}
		var s Scanner
		s.Skip(packet)
		if !s.Between() {
			t.Errorf("%v: % x is no whole packet", code, packet)
		}
	}
}

func TestDisconnectInBytes(t *testing.T) {
	for code, want := range map[ReasonCode]string{
		ServerShuttingDown:   "\xe0\x02\x8b\x00",
		KeepAliveTimeout:     "\xe0\x02\x8d\x00",
		AdministrativeAction: "\xe0\x02\x98\x00",
		UseAnotherServer:     "\xe0\x02\x9c\x00",
		ServerMoved:          "\xe0\x02\x9d\x00",
	} {
		if got := AppendDisconnect(nil, code); string(got) != want {
			t.Errorf("%v: % x, want % x", code, got, want)
		}
	}
}

// Skip leaves a Scanner in the same state as Scan, however the stream is cut, also after an
// error.
func TestSkipIsScanWithoutThePieces(t *testing.T) {
	for _, test := range scans {
		for cut := range len(test.stream) + 1 {
			var skipped, scanned Scanner
			for _, chunk := range [][]byte{test.stream[:cut], test.stream[cut:], {0xC0}} {
				skipped.Skip(chunk)
				for range scanned.Scan(chunk) {
				}
				if skipped != scanned {
					t.Fatalf("%s, cut at %d: Skip leaves %+v, Scan %+v", test.name, cut, skipped, scanned)
				}
			}
		}
	}
}

func TestSkipAllocatesNothing(t *testing.T) {
	stream := bytes.Repeat([]byte{0xC0, 0, 0x30, 2, 'a', 'b'}, 100)
	var s Scanner
	if n := testing.AllocsPerRun(100, func() { s.Skip(stream) }); n != 0 || !s.Between() {
		t.Errorf("%v allocations, between packets: %v", n, s.Between())
	}
}
