package mqttparse

import "testing"

// The benchmarked packets, as a device sends them.
var (
	typical311 = connect311(0xC2, str("device-0000000000001"), str("tenant-7"), str("9f86d081884c7d65"))
	typical5   = connect5(0xC2, bytesOf(0x11, uint32(3600), 0x21, uint16(20)), str("device-0000000000001"), str("tenant-7"), str("9f86d081884c7d65"))
	connack5   = packet(0x20, 1, 0, counted(0x21, uint16(32), 0x22, uint16(10), 0x13, uint16(60), 0x27, uint32(1<<20)))
)

func TestNothingAllocates(t *testing.T) {
	var connect Connect
	var connack Connack
	var scanner Scanner
	reply := make([]byte, 0, 16)
	stream := append(append([]byte{}, typical311...), 0xC0, 0, 0xC0, 0)
	ends := 0
	for name, run := range map[string]func(){
		"CONNECT of 3.1.1":      func() { mustParse(t, &connect, typical311) },
		"CONNECT of 5":          func() { mustParse(t, &connect, typical5) },
		"CONNECT that is short": func() { _, _ = connect.Parse(typical311[:len(typical311)-1], testMaxSize) },
		"CONNECT malformed":     func() { _, _ = connect.Parse(rejectedConnects[0].b, testMaxSize) },
		"every accepted CONNECT": func() {
			for i := range acceptedConnects {
				mustParse(t, &connect, acceptedConnects[i].b)
			}
		},
		"every rejected CONNECT": func() {
			for i := range rejectedConnects {
				_, _ = connect.Parse(rejectedConnects[i].b, testMaxSize)
			}
			for i := range rejectedProperties {
				_, _ = connect.Parse(rejectedProperties[i].b, testMaxSize)
			}
		},
		"CONNECT that is tolerated": func() {
			for i := range toleratedConnects {
				if _, err := connect.ParseTolerant(toleratedConnects[i].b, testMaxSize); err != nil {
					t.Fatal(err)
				}
			}
		},
		"CONNACK": func() {
			if _, err := connack.Parse(connack5, V5, testMaxSize); err != nil {
				t.Fatal(err)
			}
		},
		"CONNACK malformed": func() { _, _ = connack.Parse(typical311, V5, testMaxSize) },
		"refusals": func() {
			for code := range 256 {
				for v := range V5 + 1 {
					reply = AppendRefusal(reply[:0], v, ReasonCode(code))
				}
			}
		},
		"scanner": func() {
			for piece, err := range scanner.Scan(stream) {
				if err != nil {
					t.Fatal(err)
				}
				if piece.Ends {
					ends++
				}
			}
		},
	} {
		if n := testing.AllocsPerRun(100, run); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
	mustParse(t, &connect, acceptedConnects[len(acceptedConnects)-1].b)
	walked := 0
	if n := testing.AllocsPerRun(100, func() {
		for range connect.Properties.UserProperties() {
			walked++
		}
	}); n != 0 || walked == 0 || ends == 0 {
		t.Errorf("User Properties: %v allocations; %d walked, %d packets scanned", n, walked, ends)
	}
}

func mustParse(t *testing.T, c *Connect, b []byte) {
	if n, err := c.Parse(b, testMaxSize); err != nil || n != len(b) {
		t.Fatal(n, err)
	}
}

func benchmarkConnect(b *testing.B, packet []byte) {
	var c Connect
	b.ReportAllocs()
	for b.Loop() {
		if n, err := c.Parse(packet, testMaxSize); err != nil || n != len(packet) {
			b.Fatal(n, err)
		}
	}
}

func BenchmarkConnect311(b *testing.B) { benchmarkConnect(b, typical311) }
func BenchmarkConnect5(b *testing.B)   { benchmarkConnect(b, typical5) }

func BenchmarkConnectMalformed(b *testing.B) {
	var c Connect
	request := []byte("GET / HTTP/1.1\r\n\r\n")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.Parse(request, testMaxSize); err == nil {
			b.Fatal("taken")
		}
	}
}

func BenchmarkConnack5(b *testing.B) {
	var c Connack
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.Parse(connack5, V5, testMaxSize); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkScanner(b *testing.B) {
	var stream []byte
	for range 100 { // a PUBLISH of 64 bytes and its PUBACK
		stream = append(stream, packet(0x32, str("a/b"), uint16(1), make([]byte, 64))...)
		stream = append(stream, 0x40, 2, 0, 1)
	}
	var s Scanner
	ends := 0
	b.ReportAllocs()
	b.SetBytes(int64(len(stream)))
	for b.Loop() {
		for piece, err := range s.Scan(stream) {
			if err != nil {
				b.Fatal(err)
			}
			if piece.Ends {
				ends++
			}
		}
	}
	if ends == 0 {
		b.Fatal("no packet ended")
	}
}

func BenchmarkRefusal5(b *testing.B) {
	reply := make([]byte, 0, 16)
	b.ReportAllocs()
	for b.Loop() {
		reply = AppendRefusal(reply[:0], V5, ServerBusy)
	}
}
