package hostname

import (
	"strings"
	"testing"
	"time"
)

func TestEachHostHasOneSpelling(t *testing.T) {
	for host, want := range map[string]string{
		"":                             "",
		"a.example.com":                "a.example.com",
		"A.Example.COM":                "a.example.com",
		"a.example.com.":               "a.example.com",
		"a.example.com:8883":           "a.example.com",
		"a.example.com.:8883":          "a.example.com",
		"xn--bcher-kva.example":        "xn--bcher-kva.example",
		"XN--Bcher-KVA.Example":        "xn--bcher-kva.example",
		"bücher.example":               "xn--bcher-kva.example",
		"BÜCHER.example.":              "xn--bcher-kva.example",
		"bu\u0308cher.example":         "xn--bcher-kva.example", // u and a diaeresis
		"bücher。example。":              "xn--bcher-kva.example",
		"ｂücher.example":               "xn--bcher-kva.example", // a wide b
		"straße.example":               "xn--strae-oqa.example", // not strasse, another name since IDNA2008
		"例え.テスト":                       "xn--r8jz45g.xn--zckzah",
		"*.bücher.example":             "*.xn--bcher-kva.example",
		"bücher.*":                     "xn--bcher-kva.*",
		"my_broker":                    "my_broker",
		"_mqtt.bücher.example":         "_mqtt.xn--bcher-kva.example",
		"10.0.0.1":                     "10.0.0.1",
		"10.0.0.1.":                    "10.0.0.1",
		"10.0.0.1:8883":                "10.0.0.1",
		"::ffff:10.0.0.1":              "10.0.0.1",
		"2001:DB8:0::1":                "2001:db8::1",
		"[2001:db8::1]":                "2001:db8::1",
		"[2001:db8::1]:8883":           "2001:db8::1",
		"broker1":                      "broker1",
		"\xff.Example":                 "\xff.Example",
		"a..b":                         "a..b",
		".":                            "",
		"ü" + strings.Repeat("a", 300): "ü" + strings.Repeat("a", 300),
	} {
		if got := Canonical(host); got != want {
			t.Errorf("%.40q is %.60q, want %.60q", host, got, want)
		}
	}
}

func TestAHostInItsSpellingCostsNothing(t *testing.T) {
	for _, host := range []string{"a.example.com", "*.example.com", "xn--bcher-kva.example"} {
		if n := testing.AllocsPerRun(10, func() { Canonical(host) }); n > 0 {
			t.Errorf("%q: %v allocations", host, n)
		}
	}
}

// Punycode takes the square of the time for twice the characters. The name is a client's, in an SNI of up to 64 KiB.
func TestALongNameTakesNoTime(t *testing.T) {
	var long strings.Builder
	for c := rune(0x4e00); long.Len() < 60_000; c++ {
		long.WriteRune(c)
	}
	begun := time.Now()
	for range 10 {
		Canonical(long.String())
	}
	if d := time.Since(begun); d > 5*time.Second { // converted it takes ten times as long
		t.Errorf("10 names took %v", d)
	}
}

func FuzzCanonical(f *testing.F) {
	for _, s := range []string{"Bücher.example.", "[::1]:80", "10.0.0.1.", "*.a", "xn--a", "a:b:c", "[", "ａ。。"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if c := Canonical(s); len(c) > 2000 && len(c) > 2*len(s) {
			t.Errorf("%q grows to %d bytes", s, len(c))
		}
	})
}
