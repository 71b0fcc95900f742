package mqttparse

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"
)

// toleratedConnects are packets that Parse rejects with the error says, and ParseTolerant
// accepts because they break only these rules.
var toleratedConnects = []struct {
	name  string
	b     []byte
	rules []Rule
	says  string
}{
	{"3.1.1, DUP", bytesOf(0x18, connect311(2, str("i"))[1:]), []Rule{ReservedHeaderFlags}, "fixed header has flags that are reserved at byte 0 [MQTT-2.2.2-2]"},
	{"5, all flags", bytesOf(0x1F, connect5(2, nil, str("i"))[1:]), []Rule{ReservedHeaderFlags}, "fixed header has flags that are reserved at byte 0 [MQTT-2.2.2-2]"},
	{"5, overlong Remaining Length", bytesOf(0x10, 0x8E, 0, str("MQTT"), 5, 2, uint16(0), 0, str("i")), []Rule{OverlongLength}, "Remaining Length is longer than it needs to be at byte 1 [MQTT-1.5.5-1]"},
	{"5, overlong Property Length", packet(0x10, str("MQTT"), 5, 2, uint16(0), 0x80, 0, str("i")), []Rule{OverlongLength}, "Property Length is longer than it needs to be at byte 12 [MQTT-1.5.5-1]"},
	{"5, overlong Will Property Length", connect5(6, nil, str("i"), 0x80, 0x80, 0, str("t"), str("m")), []Rule{OverlongLength}, "Will Property Length is longer than it needs to be at byte 16 [MQTT-1.5.5-1]"},
	{"3.1, level 0x13", packet(0x10, str("MQIsdp"), 0x13, 2, uint16(0), str("i")), []Rule{ReservedLevelBits}, "Protocol Level is not served at byte 10 [MQTT-3.1.2-2]"},
	{"3.1.1, level 0x74", packet(0x10, str("MQTT"), 0x74, 2, uint16(0), str("i")), []Rule{ReservedLevelBits}, "Protocol Level is not served at byte 8 [MQTT-3.1.2-2]"},
	{"5, level 0x95", packet(0x10, str("MQTT"), 0x95, 2, uint16(0), 0, str("i")), []Rule{ReservedLevelBits}, "Protocol Level is not served at byte 8 [MQTT-3.1.2-2]"},
	{"3.1.1, Will QoS 1", connect311(0x0A, str("i")), []Rule{WillQoSWithoutWill}, "Will QoS is not 0 without a Will at byte 9 [MQTT-3.1.2-13]"},
	{"5, Will QoS 3", connect5(0x1A, nil, str("i")), []Rule{WillQoSWithoutWill}, "Will QoS is not 0 without a Will at byte 9 [MQTT-3.1.2-11]"},
	{"3.1.1, Will Retain", connect311(0x22, str("i")), []Rule{WillRetainWithoutWill}, "Will Retain is not 0 without a Will at byte 9 [MQTT-3.1.2-15]"},
	{"5, Will Retain", connect5(0x22, nil, str("i")), []Rule{WillRetainWithoutWill}, "Will Retain is not 0 without a Will at byte 9 [MQTT-3.1.2-13]"},
	{"3.1, only a password", connect31(0x42, str("i"), str("p")), []Rule{PasswordWithoutUsername}, "Password Flag is set without the User Name Flag at byte 11 [MQTT 3.1, 3.1]"},
	{"3.1.1, only a password", connect311(0x42, str("i"), str("p")), []Rule{PasswordWithoutUsername}, "Password Flag is set without the User Name Flag at byte 9 [MQTT-3.1.2-22]"},
	{"3.1, identifier not UTF-8", connect31(2, str("a\xffb")), []Rule{ClientIDNotUTF8}, "Client Identifier is not well-formed UTF-8 at byte 17 [MQTT 3.1, 2.5]"},
	{"3.1.1, identifier not UTF-8", connect311(2, str("a\xffb")), []Rule{ClientIDNotUTF8}, "Client Identifier is not well-formed UTF-8 at byte 15 [MQTT-1.5.3-1]"},
	{"3.1.1, surrogates", connect311(2, str("\xED\xA0\xBD\xED\xB8\x80")), []Rule{ClientIDNotUTF8}, "Client Identifier is not well-formed UTF-8 at byte 14 [MQTT-1.5.3-1]"},
	{"5, identifier not UTF-8", connect5(2, nil, str("a\xffb")), []Rule{ClientIDNotUTF8}, "Client Identifier is not well-formed UTF-8 at byte 16 [MQTT-1.5.4-1]"},
	{"3.1, identifier with U+0000", connect31(2, str("a\x00b")), []Rule{ClientIDNull}, "Client Identifier holds U+0000 at byte 17 [MQTT 3.1, 2.5]"},
	{"3.1.1, identifier with U+0000", connect311(2, str("a\x00b")), []Rule{ClientIDNull}, "Client Identifier holds U+0000 at byte 15 [MQTT-1.5.3-2]"},
	{"5, identifier of U+0000", connect5(2, nil, str("\x00")), []Rule{ClientIDNull}, "Client Identifier holds U+0000 at byte 15 [MQTT-1.5.4-2]"},
	{"3.1, user name not UTF-8", connect31(0x82, str("i"), str("\xff")), []Rule{UsernameNotUTF8}, "User Name is not well-formed UTF-8 at byte 19 [MQTT 3.1, 2.5]"},
	{"3.1.1, user name not UTF-8", connect311(0x82, str("i"), str("\xff")), []Rule{UsernameNotUTF8}, "User Name is not well-formed UTF-8 at byte 17 [MQTT-1.5.3-1]"},
	{"5, user name not UTF-8", connect5(0x82, nil, str("i"), str("\xff")), []Rule{UsernameNotUTF8}, "User Name is not well-formed UTF-8 at byte 18 [MQTT-1.5.4-1]"},
	{"3.1, user name with U+0000", connect31(0x82, str("i"), str("\x00")), []Rule{UsernameNull}, "User Name holds U+0000 at byte 19 [MQTT 3.1, 2.5]"},
	{"3.1.1, user name with U+0000", connect311(0x82, str("i"), str("\x00")), []Rule{UsernameNull}, "User Name holds U+0000 at byte 17 [MQTT-1.5.3-2]"},
	{"5, user name with U+0000", connect5(0x82, nil, str("i"), str("\x00")), []Rule{UsernameNull}, "User Name holds U+0000 at byte 18 [MQTT-1.5.4-2]"},
	{"5, User Property not UTF-8", connectWithProperties(0x26, str("k"), str("\xff")), []Rule{PropertyNotUTF8}, "User Property is not well-formed UTF-8 at byte 19 [MQTT-1.5.4-1]"},
	{"5, Authentication Method not UTF-8", connectWithProperties(0x15, str("\xff")), []Rule{PropertyNotUTF8}, "Authentication Method is not well-formed UTF-8 at byte 16 [MQTT-1.5.4-1]"},
	{"5, Response Topic not UTF-8", connectWithWill(8, str("\xff")), []Rule{PropertyNotUTF8}, "Response Topic is not well-formed UTF-8 at byte 21 [MQTT-1.5.4-1]"},
	{"5, Content Type with U+0000", connectWithWill(3, str("\x00")), []Rule{PropertyNull}, "Content Type holds U+0000 at byte 21 [MQTT-1.5.4-2]"},
	{"5, Session Expiry Interval twice", connectWithProperties(0x11, uint32(9), 0x11, uint32(0)), []Rule{RepeatedProperty}, "Session Expiry Interval comes twice at byte 18 [MQTT 5, 3.1.2.11.2]"},
	{"5, Will Delay Interval three times", connectWithWill(0x18, uint32(1), 0x18, uint32(2), 0x18, uint32(3)), []Rule{RepeatedProperty}, "Will Delay Interval comes twice at byte 23 [MQTT 5, 3.1.3.2.2]"},
	{"5, Will Delay Interval outside the Will", connectWithProperties(0x18, uint32(1)), []Rule{MisplacedProperty}, "Property has an identifier that is not allowed here at byte 13 [MQTT 5, 2.2.2.2]"},
	{"5, Session Expiry Interval in the Will", connectWithWill(0x11, uint32(1)), []Rule{MisplacedProperty}, "Property has an identifier that is not allowed here at byte 18 [MQTT 5, 2.2.2.2]"},
	{"5, Topic Alias", connectWithProperties(0x23, uint16(0)), []Rule{MisplacedProperty}, "Property has an identifier that is not allowed here at byte 13 [MQTT 5, 2.2.2.2]"},
	{"5, Subscription Identifier", connectWithProperties(0x0B, 0x80, 1), []Rule{MisplacedProperty}, "Property has an identifier that is not allowed here at byte 13 [MQTT 5, 2.2.2.2]"},
	{"5, Maximum QoS 7", connectWithProperties(0x24, 7), []Rule{MisplacedProperty}, "Property has an identifier that is not allowed here at byte 13 [MQTT 5, 2.2.2.2]"},
	{"5, Payload Format Indicator 2", connectWithWill(1, 2), []Rule{PayloadFormat}, "Payload Format Indicator is neither 0 nor 1 at byte 18 [MQTT 5, 3.1.3.2.3]"},
	{"5, empty Response Topic", connectWithWill(8, str("")), []Rule{ResponseTopicName}, "Response Topic is empty at byte 19 [MQTT-4.7.3-1]"},
	{"5, wildcard in Response Topic", connectWithWill(8, str("a/+")), []Rule{ResponseTopicName}, "Response Topic holds a wildcard at byte 23 [MQTT-4.7.0-1]"},
	{"5, Authentication Data alone", connectWithProperties(0x16, str("d")), []Rule{AuthenticationDataAlone}, "Authentication Data comes without Authentication Method at byte 13 [MQTT 5, 3.1.2.11.10]"},
	{"3.1.1, many faults", bytesOf(0x1F, connect311(0x7A, str("\xff\x00"), str("p"))[1:]),
		[]Rule{ReservedHeaderFlags, WillQoSWithoutWill, WillRetainWithoutWill, PasswordWithoutUsername, ClientIDNotUTF8, ClientIDNull}, "fixed header has flags that are reserved at byte 0 [MQTT-2.2.2-2]"},
}

func TestToleratedRules(t *testing.T) {
	broken := map[Rule]map[Version]bool{}
	for _, test := range toleratedConnects {
		t.Run(test.name, func(t *testing.T) {
			var strict, c Connect
			_, err := strict.Parse(test.b, testMaxSize)
			var m *Malformed
			if !errors.As(err, &m) || m.Error() != test.says || strict.Tolerated != 0 {
				t.Errorf("Parse: %v\nwant   %s", err, test.says)
			}
			n, err := c.ParseTolerant(test.b, testMaxSize)
			if err != nil || n != len(test.b) {
				t.Fatalf("ParseTolerant: %d of %d bytes, %v", n, len(test.b), err)
			}
			if got := slices.Collect(c.Tolerated.All()); !slices.Equal(got, test.rules) {
				t.Errorf("tolerated %v, want %v", got, test.rules)
			}
			if name, _, _ := strings.Cut(test.name, ","); name != c.Version.String() {
				t.Errorf("version %s", c.Version)
			}
			for _, r := range test.rules {
				if broken[r] == nil {
					broken[r] = map[Version]bool{}
				}
				broken[r][c.Version] = true
			}
		})
	}
	names := map[string]bool{}
	for r := Rule(1); int(r) < NumRules; r++ {
		if len(broken[r]) == 0 || r.String() == "" || r.Fault() == "" || names[r.String()] {
			t.Errorf("rule %d, %q: broken in the versions %v", r, r, broken[r])
		}
		names[r.String()] = true
	}
}

// The rows name the packets of the tables that ParseTolerant accepts; it rejects all
// others with the error of Parse.
func TestWhatIsNotToleratedIsMalformed(t *testing.T) {
	accepted := map[string]bool{}
	for _, test := range toleratedConnects {
		accepted[string(test.b)] = true
	}
	rejected := 0
	check := func(name string, b []byte) {
		var strict, c Connect
		_, want := strict.Parse(b, testMaxSize)
		_, err := c.ParseTolerant(b, testMaxSize)
		if err == nil {
			if c.Tolerated == 0 {
				t.Errorf("%s: accepted, and no rule is broken; Parse: %v", name, want)
			}
			return
		}
		rejected++
		if accepted[string(b)] || strict.Version != c.Version && c.Version == 0 {
			t.Errorf("%s: %v, version %v; Parse: %v, version %v", name, err, c.Version, want, strict.Version)
		}
	}
	for _, test := range rejectedConnects {
		check(test.name, test.b)
	}
	for _, test := range rejectedProperties {
		check(test.name, test.b)
	}
	if rejected < 40 {
		t.Errorf("only %d packets are rejected", rejected)
	}
	for name, test := range map[string]struct {
		b    []byte
		says string
	}{
		"Remaining Length of five bytes": {bytesOf(0x10, 0x8D, 0x80, 0x80, 0x80, 0, str("MQTT"), 4, 2, uint16(0), str("i")), "Remaining Length has more than four bytes at byte 1 [MQTT 3.1.1, 2.2.3]"},
		"level 0x16":                     {packet(0x10, str("MQTT"), 0x16, 2, uint16(0), str("i")), "Protocol Level is not served at byte 8 [MQTT-3.1.2-2]"},
		"reserved Connect Flag":          {connect311(3, str("i")), "reserved flag is not 0 at byte 9 [MQTT-3.1.2-3]"},
		"Will QoS 3":                     {connect311(0x1E, str("i"), str("t"), str("m")), "Will QoS is 3 at byte 9 [MQTT-3.1.2-14]"},
		"empty identifier":               {connect311(0, str("")), "Client Identifier is empty without Clean Session at byte 12 [MQTT-3.1.3-8]"},
		"Will Topic not UTF-8":           {connect311(6, str("i"), str("\xff"), str("m")), "Will Topic is not well-formed UTF-8 at byte 17 [MQTT-1.5.3-1]"},
		"Will Topic with U+0000":         {connect311(6, str("i"), str("\x00"), str("m")), "Will Topic holds U+0000 at byte 17 [MQTT-1.5.3-2]"},
		"Will Topic with a wildcard":     {connect311(6, str("i"), str("#"), str("m")), "Will Topic holds a wildcard at byte 17 [MQTT-4.7.1-1]"},
		"bytes after the last field":     {connect311(2, str("i"), str("u")), "payload goes on after its last field at byte 15 [MQTT-3.1.2-18]"},
		"Receive Maximum 0":              {connectWithProperties(0x21, uint16(0)), "Receive Maximum is 0 at byte 13 [MQTT 5, 3.1.2.11.3]"},
		"Receive Maximum 0 after 1":      {connectWithProperties(0x21, uint16(1), 0x21, uint16(0)), "Receive Maximum is 0 at byte 16 [MQTT 5, 3.1.2.11.3]"},
		"Maximum Packet Size 0":          {connectWithProperties(0x27, uint32(0)), "Maximum Packet Size is 0 at byte 13 [MQTT 5, 3.1.2.11.4]"},
		"Request Problem Information 2":  {connectWithProperties(0x17, 2), "Request Problem Information is neither 0 nor 1 at byte 13 [MQTT 5, 3.1.2.11.7]"},
		"unknown property":               {connectWithProperties(0x7F, 1), "Property has an identifier that is not allowed here at byte 13 [MQTT 5, 2.2.2.2]"},
		"unknown property 0x04":          {connectWithProperties(4, 1), "Property has an identifier that is not allowed here at byte 13 [MQTT 5, 2.2.2.2]"},
		"misplaced and cut":              {connectWithProperties(0x23, 0), "Topic Alias runs past the end at byte 13 [MQTT 5, 2.2.2.2]"},
		"Subscription Identifier cut":    {connectWithProperties(0x0B, 0x80), "Subscription Identifier runs past the end at byte 13 [MQTT 5, 2.2.2.2]"},
	} {
		var c Connect
		if _, err := c.ParseTolerant(test.b, testMaxSize); err == nil || err.Error() != test.says {
			t.Errorf("%s: %v, want %s", name, err, test.says)
		}
	}
}

// The last value of a repeated property holds, as in EMQX, and a misplaced one does not.
func TestLastValueOfARepeatedPropertyHolds(t *testing.T) {
	var c, want Connect
	first := bytesOf(0x11, uint32(1), 0x21, uint16(1), 0x27, uint32(1), 0x22, uint16(1), 0x19, 0, 0x17, 1, 0x15, str("a"), 0x16, str("a"))
	last := bytesOf(0x11, uint32(0), 0x21, uint16(9), 0x27, uint32(9), 0x22, uint16(0), 0x19, 1, 0x17, 0, 0x15, str("b"), 0x16, str(""))
	firstWill := bytesOf(0x18, uint32(1), 1, 1, 2, uint32(1), 3, str("a"), 8, str("a"), 9, str("a"))
	lastWill := bytesOf(0x18, uint32(0), 1, 0, 2, uint32(0), 3, str(""), 8, str("b"), 9, str("b"))
	misplaced := bytesOf(0x18, uint32(7), 1, 1, 8, str("x"))
	misplacedWill := bytesOf(0x11, uint32(7), 0x21, uint16(7), 0x15, str("x"))
	with := func(properties, will []byte) []byte {
		return connect5(6, properties, str("id"), counted(will), str("t"), str("m"))
	}
	if _, err := want.Parse(with(last, lastWill), testMaxSize); err != nil {
		t.Fatal(err)
	}
	if _, err := c.ParseTolerant(with(bytesOf(first, last, misplaced), bytesOf(firstWill, lastWill, misplacedWill)), testMaxSize); err != nil {
		t.Fatal(err)
	}
	c.Properties, c.WillProperties, c.Tolerated = want.Properties, want.WillProperties, 0
	if exact(c) != exact(want) {
		t.Errorf("got  %+v\nwant %+v", c, want)
	}
}

// Properties that break rules are still iterated over to their end.
func TestUserPropertiesAmongBrokenRules(t *testing.T) {
	var c Connect
	broken := bytesOf(0x26, str("\xff"), str("1"), 0x11, uint32(1), 0x11, uint32(1), 0x23, uint16(0), 0x26, str("k"), str("2"))
	if _, err := c.ParseTolerant(connectWithProperties(broken), testMaxSize); err != nil {
		t.Fatal(err)
	}
	var values []byte
	for _, value := range c.Properties.UserProperties() {
		values = append(values, value...)
	}
	if string(values) != "12" {
		t.Errorf("values %q", values)
	}
}

// checkTolerant checks, for any bytes, that ParseTolerant accepts what Parse accepts and
// beyond that only packets of which it names the broken rules.
func checkTolerant(t *testing.T, b []byte, maxSize int) {
	t.Helper()
	var strict, c Connect
	want, wantErr := strict.Parse(b, maxSize)
	n, err := c.ParseTolerant(b, maxSize)
	var m *Malformed
	switch {
	case wantErr == nil, errors.Is(wantErr, ErrShort) && c.Tolerated == 0:
		if n != want || !errors.Is(err, wantErr) || c.Tolerated != 0 || wantErr == nil && exact(c) != exact(strict) {
			t.Fatalf("tolerant: %d, %v, %+v\nstrict:   %d, %v, %+v", n, err, c, want, wantErr, strict)
		}
	case err == nil:
		if c.Tolerated == 0 || n < 14 || n > len(b) || n > maxSize || !strings.Contains(string(b[:n]), string(c.ClientID)) {
			t.Fatalf("%d of %d bytes, rules %b; strict: %v", n, len(b), c.Tolerated, wantErr)
		}
	case errors.As(err, &m):
		if n != 0 || m.Clause == "" || m.Field == "" || m.Reason == "" || !m.Code.inConnack() || m.Code == Success {
			t.Fatalf("an error that says too little: %+v", *m)
		}
	case !errors.Is(err, ErrShort):
		t.Fatalf("an error of no kind: %v", err)
	}
	// The verdict does not depend on how many bytes there are, once they are enough.
	for _, cut := range []int{0, 1, 2, 5, 9, 13, len(b) - 1} {
		if cut < 0 || cut >= len(b) {
			continue
		}
		var prefix Connect
		short, prefixErr := prefix.ParseTolerant(b[:cut], maxSize)
		if !errors.Is(prefixErr, ErrShort) && (short != n || (prefixErr == nil) != (err == nil) || *errOr(prefixErr, &prefix) != *errOr(err, &c)) {
			t.Fatalf("%d bytes: %d, %v; all %d: %d, %v", cut, short, prefixErr, len(b), n, err)
		}
	}
	var more Connect
	if moreN, moreErr := more.ParseTolerant(append(bytes.Clone(b), 0xC0, 0), maxSize); err == nil && (moreN != n || moreErr != nil || exact(more) != exact(c)) {
		t.Fatalf("%d, %+v; with more behind it %d, %v, %+v", n, c, moreN, moreErr, more)
	}
}
