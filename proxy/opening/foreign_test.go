package opening

import (
	"strings"
	"testing"
)

// The order of the signatures does not matter, and more bytes never change a decision.
func TestSignaturesOfDifferentProtocolsDiffer(t *testing.T) {
	for i, a := range signatures {
		for _, b := range signatures[:i] {
			if a.of == b.of {
				continue
			}
			differ := false
			x, y := []rune(a.bytes), []rune(b.bytes)
			for k := range min(len(x), len(y)) {
				differ = differ || x[k] != y[k] && x[k] != anyByte && y[k] != anyByte
			}
			if !differ {
				t.Errorf("%q is %s and %q is %s", a.bytes, a.of, b.bytes, b.of)
			}
		}
	}
}

func TestEveryProtocolHasASignatureAndANameOfItsOwn(t *testing.T) {
	seen := map[string]Foreign{}
	for _, s := range signatures {
		seen[s.of.String()] = s.of
	}
	if n := int(ForeignCount) - 2; len(seen) != n { // without NotForeign and ForeignUnknown
		t.Errorf("%d protocols have a name and a signature, want %d: %v", len(seen), n, seen)
	}
	for f := ForeignTLS; f < ForeignCount; f++ {
		if f.String() == "" || foreignNames[f].words == "" {
			t.Errorf("protocol %d has no name", f)
		}
	}
}

// FuzzIdentify checks that a decision comes soon and that more bytes do not change it.
func FuzzIdentify(f *testing.F) {
	for _, s := range signatures {
		var b []byte
		for _, r := range s.bytes {
			b = append(b, byte(r))
		}
		f.Add(b)
	}
	f.Add([]byte("FOO / HTTP/1.1\r\n"))
	f.Add([]byte(strings.Repeat("a", 2*maxMethod)))
	f.Fuzz(func(t *testing.T, b []byte) {
		for name, identify := range map[string]func([]byte) (Foreign, bool){
			"MQTT":  func(b []byte) (Foreign, bool) { return Identify(b, ForeignMQTT) },
			"PROXY": func(b []byte) (Foreign, bool) { return Identify(b, ForeignProxy) },
			"TLS":   IdentifyNotTLS, "HTTP": IdentifyNotHTTP,
		} {
			decided := false
			var first Foreign
			for n := range len(b) + 1 {
				got, undecided := identify(b[:n])
				switch {
				case undecided && (decided || n > maxMethod || got != NotForeign):
					t.Errorf("%s: %q is %s, undecided", name, b[:n], got)
				case !undecided && decided && got != first:
					t.Errorf("%s: %q is %s and then %s", name, b[:n], first, got)
				case !undecided:
					decided, first = true, got
				}
			}
		}
	})
}
