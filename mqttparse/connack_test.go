package mqttparse

import (
	"errors"
	"testing"
)

var everyConnackProperty = bytesOf(0x11, uint32(0), 0x21, uint16(1), 0x24, 0, 0x25, 0, 0x27, uint32(1), 0x12, str("auto-1"), 0x22, uint16(9),
	0x1F, str("why"), userPropertyAB, 0x28, 0, 0x29, 0, 0x2A, 0, 0x13, uint16(0), 0x1A, str("info"), 0x1C, str("other:1883"), 0x15, str("m"), 0x16, str("\xff"))

var acceptedConnacks = []struct {
	name  string
	b     []byte
	asked Version
	want  Connack
}{
	{"3.1", []byte{0x20, 2, 0, 0}, V31, Connack{Version: V31}},
	{"3.1, the unused byte", []byte{0x20, 2, 0xFF, 5}, V31, Connack{Version: V31, Code: 5}},
	{"3.1, the unused flags", []byte{0x2F, 2, 0, 0}, V31, Connack{Version: V31}},
	{"3.1.1", []byte{0x20, 2, 0, 0}, V311, Connack{Version: V311}},
	{"3.1.1, session present", []byte{0x20, 2, 1, 0}, V311, Connack{Version: V311, SessionPresent: true}},
	{"3.1.1, overlong Remaining Length", []byte{0x20, 0x82, 0, 0, 3}, V311, Connack{Version: V311, Code: 3}},
	{"a server of 3.1.1 asked in 5", []byte{0x20, 2, 0, 1}, V5, Connack{Version: V311, Code: 1}},
	{"a server of 5 asked in 3.1.1", []byte{0x20, 3, 0, 0x84, 0}, V311, Connack{Version: V5, Code: 0x84, Properties: Properties{[]byte{}, inConnack}, ReceiveMaximum: 65535, MaximumQoS: 2,
		RetainAvailable: true, WildcardSubscriptionAvailable: true, SubscriptionIdentifiersAvailable: true, SharedSubscriptionAvailable: true}},
	{"5", []byte{0x20, 3, 1, 0, 0}, V5, Connack{Version: V5, SessionPresent: true, Properties: Properties{[]byte{}, inConnack}, ReceiveMaximum: 65535, MaximumQoS: 2,
		RetainAvailable: true, WildcardSubscriptionAvailable: true, SubscriptionIdentifiersAvailable: true, SharedSubscriptionAvailable: true}},
	{"5, refused", []byte{0x20, 3, 0, 0x9C, 0}, V5, Connack{Version: V5, Code: 0x9C, Properties: Properties{[]byte{}, inConnack}, ReceiveMaximum: 65535, MaximumQoS: 2,
		RetainAvailable: true, WildcardSubscriptionAvailable: true, SubscriptionIdentifiersAvailable: true, SharedSubscriptionAvailable: true}},
	{"5, everything", packet(0x20, 1, 0, counted(everyConnackProperty)), V5, Connack{Version: V5, SessionPresent: true,
		Properties: Properties{everyConnackProperty, inConnack}, HasSessionExpiryInterval: true, ReceiveMaximum: 1, MaximumPacketSize: 1,
		AssignedClientID: []byte("auto-1"), TopicAliasMaximum: 9, ReasonString: []byte("why"), HasServerKeepAlive: true,
		ResponseInformation: []byte("info"), ServerReference: []byte("other:1883"), AuthenticationMethod: []byte("m"), AuthenticationData: []byte("\xff")}},
	{"5, the other values", packet(0x20, 0, 0, counted(0x24, 1, 0x25, 1, 0x28, 1, 0x29, 1, 0x2A, 1, 0x13, uint16(30), 0x11, uint32(5))), V5, Connack{Version: V5,
		Properties:               Properties{bytesOf(0x24, 1, 0x25, 1, 0x28, 1, 0x29, 1, 0x2A, 1, 0x13, uint16(30), 0x11, uint32(5)), inConnack},
		HasSessionExpiryInterval: true, SessionExpiryInterval: 5, ReceiveMaximum: 65535, MaximumQoS: 1, RetainAvailable: true,
		WildcardSubscriptionAvailable: true, SubscriptionIdentifiersAvailable: true, SharedSubscriptionAvailable: true, HasServerKeepAlive: true, ServerKeepAlive: 30}},
}

var rejectedConnacks = []struct {
	name  string
	b     []byte
	asked Version
	code  ReasonCode
	says  string
}{
	{"HTTP", []byte("HTTP/1.1 400"), V311, ProtocolError, "first packet is not a CONNACK at byte 0 [MQTT-3.2.0-1]"},
	{"PINGRESP", []byte{0xD0, 0}, V5, ProtocolError, "first packet is not a CONNACK at byte 0 [MQTT-3.2.0-1]"},
	{"3.1.1, flags", []byte{0x22, 2, 0, 0}, V311, MalformedPacket, "fixed header has flags that are reserved at byte 0 [MQTT-2.2.2-2]"},
	{"5, flags", []byte{0x21, 3, 0, 0, 0}, V5, MalformedPacket, "fixed header has flags that are reserved at byte 0 [MQTT-2.1.3-1]"},
	{"3.1.1, Remaining Length of five bytes", []byte{0x20, 0x82, 0x80, 0x80, 0x80, 0, 0, 0}, V311, MalformedPacket, "Remaining Length has more than four bytes at byte 1 [MQTT 3.1.1, 2.2.3]"},
	{"5, overlong Remaining Length", []byte{0x20, 0x83, 0, 0, 0, 0}, V5, MalformedPacket, "Remaining Length is longer than it needs to be at byte 1 [MQTT-1.5.5-1]"},
	{"3.1, Remaining Length 1", []byte{0x20, 1, 0}, V31, MalformedPacket, "Remaining Length is too small for a CONNACK at byte 1 [MQTT 3.1, 3.2]"},
	{"3.1, accepted in the form of 5", []byte{0x20, 3, 0, 0, 0}, V31, MalformedPacket, "CONNACK is not written in the version of the CONNECT at byte 3 [MQTT-3.1.2-2]"},
	{"3.1.1, busy in the form of 5", []byte{0x20, 3, 0, 0x89, 0}, V311, MalformedPacket, "CONNACK is not written in the version of the CONNECT at byte 3 [MQTT-3.1.2-2]"},
	{"3.1.1, three bytes and no Property Length", []byte{0x20, 3, 0, 0x84, 1}, V311, MalformedPacket, "Property Length counts more than the packet holds at byte 4 [MQTT 5, 2.2.2.1]"},
	{"3.1.1, Remaining Length 1", []byte{0x20, 1, 0}, V311, MalformedPacket, "Remaining Length is too small for a CONNACK at byte 1 [MQTT 3.1.1, 3.2.1]"},
	{"5, Remaining Length 1", []byte{0x20, 1, 0}, V5, MalformedPacket, "Remaining Length is too small for a CONNACK at byte 1 [MQTT 5, 3.2.2]"},
	{"5, too large", []byte{0x20, 0xFF, 0xFF, 0xFF, 0x7F}, V5, PacketTooLarge, "Remaining Length is over the limit at byte 1 [MQTT-3.1.2-24]"},
	{"3.1.1, reserved acknowledge flags", []byte{0x20, 2, 2, 0}, V311, MalformedPacket, "Connect Acknowledge Flags has reserved bits set at byte 2 [MQTT 3.1.1, 3.2.2.1]"},
	{"5, reserved acknowledge flags", []byte{0x20, 3, 0x80, 0, 0}, V5, MalformedPacket, "Connect Acknowledge Flags has reserved bits set at byte 2 [MQTT-3.2.2-1]"},
	{"3.1.1, session present in a refusal", []byte{0x20, 2, 1, 5}, V311, ProtocolError, "Session Present is set in a refusal at byte 2 [MQTT-3.2.2-4]"},
	{"5, session present in a refusal", []byte{0x20, 3, 1, 0x87, 0}, V5, ProtocolError, "Session Present is set in a refusal at byte 2 [MQTT-3.2.2-6]"},
	{"3.1, return code 6", []byte{0x20, 2, 0, 6}, V31, MalformedPacket, "return code is reserved at byte 3 [MQTT 3.1, 3.2]"},
	{"3.1.1, return code 6", []byte{0x20, 2, 0, 6}, V311, MalformedPacket, "return code is reserved at byte 3 [MQTT 3.1.1, 3.2.2.3]"},
	{"5, reason code 1", []byte{0x20, 3, 0, 1, 0}, V5, MalformedPacket, "Connect Reason Code is not one of CONNACK at byte 3 [MQTT-3.2.2-8]"},
	{"5, reason code of DISCONNECT", []byte{0x20, 3, 0, 0x8B, 0}, V5, MalformedPacket, "Connect Reason Code is not one of CONNACK at byte 3 [MQTT-3.2.2-8]"},
	{"5, accepted in the form of 3.1.1", []byte{0x20, 2, 0, 0}, V5, MalformedPacket, "CONNACK is not written in the version of the CONNECT at byte 3 [MQTT-3.1.2-2]"},
	{"5, return code 5 in the form of 3.1.1", []byte{0x20, 2, 0, 5}, V5, MalformedPacket, "CONNACK is not written in the version of the CONNECT at byte 3 [MQTT-3.1.2-2]"},
	{"5, payload", []byte{0x20, 4, 0, 0, 0, 0}, V5, MalformedPacket, "CONNACK has a payload at byte 5 [MQTT 5, 3.2.3]"},
	{"5, Property Length past the end", []byte{0x20, 3, 0, 0, 1}, V5, MalformedPacket, "Property Length counts more than the packet holds at byte 4 [MQTT 5, 2.2.2.1]"},
	{"5, property of CONNECT", packet(0x20, 0, 0, counted(0x17, 1)), V5, MalformedPacket, "Property has an identifier that is not allowed here at byte 5 [MQTT 5, 2.2.2.2]"},
	{"5, Receive Maximum 0", packet(0x20, 0, 0, counted(0x21, uint16(0))), V5, ProtocolError, "Receive Maximum is 0 at byte 5 [MQTT 5, 3.2.2.3.3]"},
	{"5, Maximum Packet Size 0", packet(0x20, 0, 0, counted(0x27, uint32(0))), V5, ProtocolError, "Maximum Packet Size is 0 at byte 5 [MQTT 5, 3.2.2.3.6]"},
	{"5, Maximum QoS 2", packet(0x20, 0, 0, counted(0x24, 2)), V5, ProtocolError, "Maximum QoS is neither 0 nor 1 at byte 5 [MQTT 5, 3.2.2.3.4]"},
	{"5, Reason String not UTF-8", packet(0x20, 0, 0, counted(0x1F, str("\xff"))), V5, MalformedPacket, "Reason String is not well-formed UTF-8 at byte 8 [MQTT-1.5.4-1]"},
}

func TestConnackSaysWhatThePacketSays(t *testing.T) {
	for _, test := range acceptedConnacks {
		t.Run(test.name, func(t *testing.T) {
			var c Connack
			// The node's first PUBLISH may be in the same segment.
			n, err := c.Parse(append(test.b[:len(test.b):len(test.b)], 0x30, 3), test.asked, len(test.b))
			if err != nil || n != len(test.b) {
				t.Fatalf("Parse = %d, %v; the packet has %d bytes", n, err, len(test.b))
			}
			if exact(c) != exact(test.want) {
				t.Errorf("got  %s\nwant %s", exact(c), exact(test.want))
			}
		})
	}
}

func TestConnackThatBreaksARuleIsMalformed(t *testing.T) {
	for _, test := range rejectedConnacks {
		t.Run(test.name, func(t *testing.T) {
			var c Connack
			_, err := c.Parse(test.b, test.asked, testMaxSize)
			var m *Malformed
			if !errors.As(err, &m) {
				t.Fatalf("Parse: %v, want it malformed: %s", err, test.says)
			}
			if m.Error() != test.says || m.Code != test.code {
				t.Errorf("got  %s, code %v\nwant %s, code %v", m, m.Code, test.says, test.code)
			}
		})
	}
}

func TestConnackCutAnywhereIsShort(t *testing.T) {
	for _, test := range acceptedConnacks {
		var c Connack
		for n := range test.b {
			if _, err := c.Parse(test.b[:n], test.asked, testMaxSize); !errors.Is(err, ErrShort) {
				t.Fatalf("%s: the first %d of %d bytes: %v", test.name, n, len(test.b), err)
			}
		}
	}
	for _, test := range rejectedConnacks {
		var c Connack
		for n := range test.b {
			_, err := c.Parse(test.b[:n], test.asked, testMaxSize)
			if err == nil || !errors.Is(err, ErrShort) && err.Error() != test.says {
				t.Fatalf("%s: the first %d of %d bytes: %v", test.name, n, len(test.b), err)
			}
		}
	}
}

func FuzzConnack(f *testing.F) {
	for _, test := range acceptedConnacks {
		f.Add(test.b, byte(test.asked))
	}
	for _, test := range rejectedConnacks {
		f.Add(test.b, byte(test.asked))
	}
	f.Fuzz(func(t *testing.T, b []byte, version byte) {
		asked := V31 + Version(version%3)
		var c, prefix Connack
		n, err := c.Parse(b, asked, 4096)
		var m *Malformed
		switch {
		case err == nil:
			if n < 4 || n > len(b) || n > 4096 || c.Version != asked && c.Code != versionRefused(c.Version) {
				t.Fatalf("%d of %d bytes, %+v", n, len(b), c)
			}
			for cut := range n {
				if _, err := prefix.Parse(b[:cut], asked, 4096); !errors.Is(err, ErrShort) {
					t.Fatalf("the first %d of %d: %v", cut, n, err)
				}
			}
			flags := byte(0)
			if c.SessionPresent {
				flags = 1
			}
			want := packet(0x20, flags, c.Code)
			if c.Version == V5 {
				want = packet(0x20, flags, c.Code, counted(c.Properties.Encoded()))
			}
			again := Connack{}
			if _, err := again.Parse(want, asked, 4096); err != nil || exact(again) != exact(c) {
				t.Fatalf("read %+v, written %q, read again %+v, %v", c, want, again, err)
			}
		case errors.Is(err, ErrShort):
		case !errors.As(err, &m) || m.Clause == "" || m.Field == "" || m.Offset > len(b):
			t.Fatalf("an error that says too little: %v", err)
		}
	})
}
