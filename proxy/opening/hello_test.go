package opening

import "testing"

// A client can send its ClientHello byte by byte. The name must be parsed only once, because crypto/tls allocates some 20
// KB for each attempt.
func TestAHelloThatIsPassedOnIsNotParsedBeforeItIsWhole(t *testing.T) {
	bytes := []byte(hello(t, "a.example.com"))
	var sc Scratch
	var o Opening
	begin := func() {
		o = New(rules, stages["passthrough"], peer)
		if v := o.Feed(nil, &sc); v.Kind != Address {
			t.Fatalf("%+v", v)
		}
		o.Feed(nil, &sc)
	}
	n := testing.AllocsPerRun(10, func() {
		begin()
		for i := range len(bytes) - 1 {
			if v := o.Feed(bytes[i:i+1], &sc); v.Kind != More {
				t.Fatalf("after %d of %d bytes: %+v", i+1, len(bytes), v)
			}
		}
	})
	if most := 30.; n > most { // the buffer grows by doubling
		t.Errorf("%v allocations for %d bytes, at most %v are meant", n, len(bytes), most)
	}
	if v := o.Feed(bytes[len(bytes)-1:], &sc); v.Kind != Admit {
		t.Errorf("with its last byte: %+v", v)
	}
}
