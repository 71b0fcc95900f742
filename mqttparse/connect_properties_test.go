package mqttparse

import (
	"errors"
	"fmt"
	"testing"
)

// rejectedProperties are invalid properties of a CONNECT and of a Will. In a CONNECT of 5
// the Property Length is at byte 12 and the first property at 13; in connectWithWill the
// Will Property Length is at byte 17.
var rejectedProperties = []struct {
	name string
	b    []byte
	code ReasonCode
	says string
}{
	{"no Property Length", bytesOf(0x10, 12, str("MQTT"), 5, 2, uint16(0), 0xFF, 0xFF), MalformedPacket, "Property Length runs past the end at byte 12 [MQTT-2.2.2-1]"},
	{"Property Length of five bytes", packet(0x10, str("MQTT"), 5, 2, uint16(0), 0x80, 0x80, 0x80, 0x80, 0, str("i")), MalformedPacket, "Property Length has more than four bytes at byte 12 [MQTT 5, 1.5.5]"},
	{"overlong Property Length", packet(0x10, str("MQTT"), 5, 2, uint16(0), 0x80, 0, str("i")), MalformedPacket, "Property Length is longer than it needs to be at byte 12 [MQTT-1.5.5-1]"},
	{"Property Length past the end", packet(0x10, str("MQTT"), 5, 2, uint16(0), 4, str("i")), MalformedPacket, "Property Length counts more than the packet holds at byte 12 [MQTT 5, 2.2.2.1]"},
	{"identifier 0", connectWithProperties(0), MalformedPacket, "Property has an identifier that is not allowed here at byte 13 [MQTT 5, 2.2.2.2]"},
	{"identifier 0x7F", connectWithProperties(0x7F), MalformedPacket, "Property has an identifier that is not allowed here at byte 13 [MQTT 5, 2.2.2.2]"},
	{"identifier of two bytes", connectWithProperties(0x91, 0, uint32(1)), MalformedPacket, "Property has an identifier that is not allowed here at byte 13 [MQTT 5, 2.2.2.2]"},
	{"identifier of PUBLISH", connectWithProperties(0x23, uint16(1)), MalformedPacket, "Property has an identifier that is not allowed here at byte 13 [MQTT 5, 2.2.2.2]"},
	{"identifier of CONNACK", connectWithProperties(0x13, uint16(1)), MalformedPacket, "Property has an identifier that is not allowed here at byte 13 [MQTT 5, 2.2.2.2]"},
	{"Will Delay Interval outside the Will", connectWithProperties(0x18, uint32(1)), MalformedPacket, "Property has an identifier that is not allowed here at byte 13 [MQTT 5, 2.2.2.2]"},
	{"Session Expiry Interval in the Will", connectWithWill(0x11, uint32(1)), MalformedPacket, "Property has an identifier that is not allowed here at byte 18 [MQTT 5, 2.2.2.2]"},
	{"no Will Property Length", connect5(6, nil, str("id")), MalformedPacket, "Will Property Length runs past the end at byte 17 [MQTT-2.2.2-1]"},

	{"Receive Maximum 0", connectWithProperties(0x21, uint16(0)), ProtocolError, "Receive Maximum is 0 at byte 13 [MQTT 5, 3.1.2.11.3]"},
	{"Maximum Packet Size 0", connectWithProperties(0x27, uint32(0)), ProtocolError, "Maximum Packet Size is 0 at byte 13 [MQTT 5, 3.1.2.11.4]"},
	{"Request Response Information 2", connectWithProperties(0x19, 2), ProtocolError, "Request Response Information is neither 0 nor 1 at byte 13 [MQTT 5, 3.1.2.11.6]"},
	{"Request Problem Information 255", connectWithProperties(0x17, 255), ProtocolError, "Request Problem Information is neither 0 nor 1 at byte 13 [MQTT 5, 3.1.2.11.7]"},
	{"Payload Format Indicator 2", connectWithWill(1, 2), ProtocolError, "Payload Format Indicator is neither 0 nor 1 at byte 18 [MQTT 5, 3.1.3.2.3]"},
	{"Authentication Data without method", connectWithProperties(userPropertyAB, 0x16, str("d")), ProtocolError, "Authentication Data comes without Authentication Method at byte 20 [MQTT 5, 3.1.2.11.10]"},
	{"Authentication Method not UTF-8", connectWithProperties(0x15, str("\xff")), MalformedPacket, "Authentication Method is not well-formed UTF-8 at byte 16 [MQTT-1.5.4-1]"},
	{"name of a User Property not UTF-8", connectWithProperties(0x26, str("\xff"), str("v")), MalformedPacket, "User Property is not well-formed UTF-8 at byte 16 [MQTT-1.5.4-1]"},
	{"value of a User Property with U+0000", connectWithProperties(0x26, str("k"), str("\x00")), MalformedPacket, "User Property holds U+0000 at byte 19 [MQTT-1.5.4-2]"},
	{"Content Type with U+0000", connectWithWill(3, str("\x00")), MalformedPacket, "Content Type holds U+0000 at byte 21 [MQTT-1.5.4-2]"},
	{"empty Response Topic", connectWithWill(8, str("")), ProtocolError, "Response Topic is empty at byte 19 [MQTT-4.7.3-1]"},
	{"wildcard in Response Topic", connectWithWill(8, str("a/+")), ProtocolError, "Response Topic holds a wildcard at byte 23 [MQTT-4.7.0-1]"},
}

// valueOf is a valid value for each kind of property.
var valueOf = map[kind][]byte{
	boolean: {1}, twoByte: {0, 1}, fourByte: {0, 0, 0, 1},
	text: bytesOf(str("x")), binaryData: bytesOf(str("\xff")), stringPair: bytesOf(str("k"), str("v")), variable: {1},
}

func TestPropertyThatBreaksARuleIsMalformed(t *testing.T) {
	for _, test := range rejectedProperties {
		t.Run(test.name, func(t *testing.T) {
			var c Connect
			_, err := c.Parse(test.b, testMaxSize)
			var m *Malformed
			if !errors.As(err, &m) {
				t.Fatalf("Parse: %v, want it malformed: %s", err, test.says)
			}
			if m.Error() != test.says || m.Code != test.code || c.Version != V5 {
				t.Errorf("got  %s, code %v, version %v\nwant %s, code %v, version 5", m, m.Code, c.Version, test.says, test.code)
			}
		})
	}
}

// The test covers the whole of table 2-4: Parse accepts an identifier where the
// specification allows it, once and complete, and nowhere else. The table here is a copy
// of its own, from the specification.
func TestEveryPropertyIdentifierInEveryPlace(t *testing.T) {
	connect := map[int]kind{0x11: fourByte, 0x15: text, 0x17: boolean, 0x19: boolean, 0x21: twoByte, 0x22: twoByte, 0x26: stringPair, 0x27: fourByte}
	will := map[int]kind{0x01: boolean, 0x02: fourByte, 0x03: text, 0x08: text, 0x09: binaryData, 0x18: fourByte, 0x26: stringPair}
	connack := map[int]kind{0x11: fourByte, 0x12: text, 0x13: twoByte, 0x15: text, 0x16: binaryData, 0x1A: text, 0x1C: text, 0x1F: text, 0x21: twoByte,
		0x22: twoByte, 0x24: boolean, 0x25: boolean, 0x26: stringPair, 0x27: fourByte, 0x28: boolean, 0x29: boolean, 0x2A: boolean}
	for _, place := range []struct {
		name    string
		allowed map[int]kind
		parse   func(properties []byte) error
	}{
		{"CONNECT", connect, func(p []byte) error { _, err := new(Connect).Parse(connectWithProperties(p), testMaxSize); return err }},
		{"Will", will, func(p []byte) error { _, err := new(Connect).Parse(connectWithWill(p), testMaxSize); return err }},
		{"CONNACK", connack, func(p []byte) error {
			_, err := new(Connack).Parse(packet(0x20, 0, 0, counted(p)), V5, testMaxSize)
			return err
		}},
	} {
		for id := range 256 {
			if id == 0x16 && place.name == "CONNECT" {
				continue // Authentication Data needs Authentication Method: rejectedProperties and acceptedConnects have it
			}
			t.Run(fmt.Sprintf("%s 0x%02X", place.name, id), func(t *testing.T) {
				kind, allowed := place.allowed[id]
				if !allowed {
					for kind, value := range valueOf {
						if place.parse(bytesOf(id, value)) == nil {
							t.Errorf("taken, with a value of kind %d", kind)
						}
					}
					return
				}
				property := bytesOf(id, valueOf[kind])
				if err := place.parse(property); err != nil {
					t.Errorf("once: %v", err)
				}
				var m *Malformed
				switch err := place.parse(append(property, property...)); {
				case id == 0x26:
					if err != nil {
						t.Errorf("User Property twice: %v", err)
					}
				case !errors.As(err, &m) || m.Code != ProtocolError || m.Reason != "comes twice":
					t.Errorf("twice: %v", err)
				}
				for n := 1; n < len(property); n++ {
					if err := place.parse(property[:n]); !errors.As(err, &m) || m.Code != MalformedPacket || m.Reason != "runs past the end" {
						t.Errorf("the first %d of %d bytes: %v", n, len(property), err)
					}
				}
			})
		}
	}
}
