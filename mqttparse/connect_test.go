package mqttparse

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

const testMaxSize = 1 << 20

var userPropertyAB = bytesOf(0x26, str("a"), str("b"))

// acceptedConnects are packets that Parse must accept, and their contents.
var acceptedConnects = []struct {
	name string
	b    []byte
	want Connect
}{
	{"3.1, the smallest", connect31(2, str("i")), Connect{Version: V31, CleanStart: true, KeepAlive: 60, ClientID: []byte("i")}},
	{"3.1, bridge", packet(0x10, str("MQIsdp"), 0x83, 0, uint16(0), str("i")), Connect{Version: V31, Bridge: true, ClientID: []byte("i")}},
	{"3.1, everything", connect31(0xEE, str("id"), str("t"), str("m"), str("u"), str("p")), Connect{
		Version: V31, CleanStart: true, KeepAlive: 60, ClientID: []byte("id"), Will: true, WillQoS: 1, WillRetain: true,
		WillTopic: []byte("t"), WillPayload: []byte("m"), HasUsername: true, Username: []byte("u"), HasPassword: true, Password: []byte("p")}},
	{"3.1, user name flag without user name", connect31(0x82, str("i")), Connect{Version: V31, CleanStart: true, KeepAlive: 60, ClientID: []byte("i")}},
	{"3.1, both flags, neither field", connect31(0xC2, str("i")), Connect{Version: V31, CleanStart: true, KeepAlive: 60, ClientID: []byte("i")}},
	{"3.1, both flags, no password", connect31(0xC2, str("i"), str("u")), Connect{
		Version: V31, CleanStart: true, KeepAlive: 60, ClientID: []byte("i"), HasUsername: true, Username: []byte("u")}},
	{"3.1, unused flag bit", connect31(3, str("i")), Connect{Version: V31, CleanStart: true, KeepAlive: 60, ClientID: []byte("i")}},
	{"3.1, Will QoS 3 and Will Retain without Will", connect31(0x3A, str("i")), Connect{Version: V31, CleanStart: true, KeepAlive: 60, ClientID: []byte("i")}},
	{"3.1, identifier of 24 bytes", connect31(2, str("123456789012345678901234")), Connect{
		Version: V31, CleanStart: true, KeepAlive: 60, ClientID: []byte("123456789012345678901234")}},

	{"3.1, DUP, QoS and RETAIN of a CONNECT", bytesOf(0x1F, connect31(2, str("i"))[1:]), Connect{Version: V31, CleanStart: true, KeepAlive: 60, ClientID: []byte("i")}},
	{"3.1, what Java's writeUTF makes of U+1F600", connect31(0x82, str("\xED\xA0\xBD\xED\xB8\x80"), str("\xED\xA0\xBD\xED\xB8\x80ü")), Connect{
		Version: V31, CleanStart: true, KeepAlive: 60, ClientID: []byte("\xED\xA0\xBD\xED\xB8\x80"), HasUsername: true, Username: []byte("\xED\xA0\xBD\xED\xB8\x80ü")}},
	{"3.1, a surrogate in the Will Topic", connect31(6, str("i"), str("a\xED\xA0\xBDb"), str("")), Connect{
		Version: V31, CleanStart: true, KeepAlive: 60, ClientID: []byte("i"), Will: true, WillTopic: []byte("a\xED\xA0\xBDb"), WillPayload: []byte{}}},
	{"3.1, empty user name", connect31(0x82, str("i"), str("")), Connect{
		Version: V31, CleanStart: true, KeepAlive: 60, ClientID: []byte("i"), HasUsername: true, Username: []byte{}}},

	{"3.1.1, the smallest", connect311(2, str("")), Connect{Version: V311, CleanStart: true, KeepAlive: 60, ClientID: []byte{}}},
	{"3.1.1, bridge", packet(0x10, str("MQTT"), 0x84, 0, uint16(65535), str("i")), Connect{Version: V311, Bridge: true, KeepAlive: 65535, ClientID: []byte("i")}},
	{"3.1.1, everything", connect311(0xF6, str("id"), str("a/b"), str("\x00\xff"), str("ü"), str("\x00\xff")), Connect{
		Version: V311, CleanStart: true, KeepAlive: 60, ClientID: []byte("id"), Will: true, WillQoS: 2, WillRetain: true,
		WillTopic: []byte("a/b"), WillPayload: []byte("\x00\xff"), HasUsername: true, Username: []byte("ü"), HasPassword: true, Password: []byte("\x00\xff")}},
	{"3.1.1, empty user name, empty password, empty will", connect311(0xC6, str("i"), str("t"), str(""), str(""), str("")), Connect{
		Version: V311, CleanStart: true, KeepAlive: 60, ClientID: []byte("i"), Will: true, WillTopic: []byte("t"), WillPayload: []byte{},
		HasUsername: true, Username: []byte{}, HasPassword: true, Password: []byte{}}},
	{"3.1.1, Will Topic that begins with $", connect311(6, str("i"), str("$SYS/$share/a"), str("m")), Connect{
		Version: V311, CleanStart: true, KeepAlive: 60, ClientID: []byte("i"), Will: true, WillTopic: []byte("$SYS/$share/a"), WillPayload: []byte("m")}},
	{"3.1.1, Remaining Length of four bytes", bytesOf(0x10, 0x8D, 0x80, 0x80, 0, str("MQTT"), 4, 0, uint16(0), str("i")), Connect{Version: V311, ClientID: []byte("i")}},
	{"3.1.1, byte order mark, control and non-character", connect311(0, str("\xEF\xBB\xBF\x01\x7F\xC2\x85\xEF\xBF\xBF\U0001F600")), Connect{
		Version: V311, KeepAlive: 60, ClientID: []byte("\xEF\xBB\xBF\x01\x7F\xC2\x85\xEF\xBF\xBF\U0001F600")}},
	{"3.1.1, longest strings", connect311(0x84, str(strings.Repeat("i", 65535)), str(strings.Repeat("t", 65535)), str(strings.Repeat("m", 65535)), str(strings.Repeat("u", 65535))), Connect{
		Version: V311, KeepAlive: 60, Will: true, HasUsername: true, ClientID: []byte(strings.Repeat("i", 65535)), WillTopic: []byte(strings.Repeat("t", 65535)),
		WillPayload: []byte(strings.Repeat("m", 65535)), Username: []byte(strings.Repeat("u", 65535))}},

	{"5, the smallest", connect5(0, nil, str("")), Connect{
		Version: V5, KeepAlive: 60, ClientID: []byte{}, ReceiveMaximum: 65535, RequestProblemInformation: true, Properties: Properties{[]byte{}, inConnect}}},
	{"5, bridge", packet(0x10, str("MQTT"), 0x85, 2, uint16(60), 0, str("i")), Connect{
		Version: V5, Bridge: true, CleanStart: true, KeepAlive: 60, ClientID: []byte("i"), ReceiveMaximum: 65535, RequestProblemInformation: true, Properties: Properties{[]byte{}, inConnect}}},
	{"5, password without user name", connect5(0x40, nil, str("i"), str("p")), Connect{
		Version: V5, KeepAlive: 60, ClientID: []byte("i"), HasPassword: true, Password: []byte("p"),
		ReceiveMaximum: 65535, RequestProblemInformation: true, Properties: Properties{[]byte{}, inConnect}}},
	{"5, everything", connect5(0xEE, everyConnectProperty, str("id"), counted(everyWillProperty), str("t"), str("m"), str("u"), str("p")), Connect{
		Version: V5, CleanStart: true, KeepAlive: 60, ClientID: []byte("id"), Will: true, WillQoS: 1, WillRetain: true,
		WillTopic: []byte("t"), WillPayload: []byte("m"), HasUsername: true, Username: []byte("u"), HasPassword: true, Password: []byte("p"),
		Properties: Properties{everyConnectProperty, inConnect}, SessionExpiryInterval: 0xFFFFFFFF, ReceiveMaximum: 1, MaximumPacketSize: 1,
		TopicAliasMaximum: 65535, RequestResponseInformation: true, RequestProblemInformation: false,
		AuthenticationMethod: []byte("SCRAM"), AuthenticationData: []byte("\x00\xff"),
		WillProperties: Properties{everyWillProperty, inWill}, WillDelayInterval: 7, WillPayloadIsText: true, HasMessageExpiryInterval: true,
		MessageExpiryInterval: 9, ContentType: []byte("text/plain"), ResponseTopic: []byte("r/t"), CorrelationData: []byte("\x00\xff")}},
	{"5, zero where zero is allowed", connect5(6, bytesOf(0x11, uint32(0), 0x22, uint16(0), 0x19, 0, 0x17, 1, 0x15, str(""), 0x16, str("")), str(""),
		counted(0x18, uint32(0), 1, 0, 2, uint32(0), 3, str(""), 9, str("")), str("t"), str("")), Connect{
		Version: V5, CleanStart: true, KeepAlive: 60, ClientID: []byte{}, Will: true, WillTopic: []byte("t"), WillPayload: []byte{},
		Properties:     Properties{bytesOf(0x11, uint32(0), 0x22, uint16(0), 0x19, 0, 0x17, 1, 0x15, str(""), 0x16, str("")), inConnect},
		ReceiveMaximum: 65535, RequestProblemInformation: true, AuthenticationMethod: []byte{}, AuthenticationData: []byte{},
		WillProperties:           Properties{bytesOf(0x18, uint32(0), 1, 0, 2, uint32(0), 3, str(""), 9, str("")), inWill},
		HasMessageExpiryInterval: true, ContentType: []byte{}, CorrelationData: []byte{}}},
	{"5, authentication data before its method", connectWithProperties(0x16, str("d"), 0x15, str("m")), Connect{
		Version: V5, CleanStart: true, KeepAlive: 60, ClientID: []byte("id"), Properties: Properties{bytesOf(0x16, str("d"), 0x15, str("m")), inConnect},
		ReceiveMaximum: 65535, RequestProblemInformation: true, AuthenticationMethod: []byte("m"), AuthenticationData: []byte("d")}},
	{"5, properties of two length bytes", connectWithProperties(0x26, str("k"), str(strings.Repeat("v", 200))), Connect{
		Version: V5, CleanStart: true, KeepAlive: 60, ClientID: []byte("id"), Properties: Properties{bytesOf(0x26, str("k"), str(strings.Repeat("v", 200))), inConnect},
		ReceiveMaximum: 65535, RequestProblemInformation: true}},
}

var (
	everyConnectProperty = bytesOf(0x11, uint32(0xFFFFFFFF), 0x21, uint16(1), 0x27, uint32(1), 0x22, uint16(65535), 0x19, 1, 0x17, 0,
		userPropertyAB, userPropertyAB, 0x15, str("SCRAM"), 0x16, str("\x00\xff"))
	everyWillProperty = bytesOf(0x18, uint32(7), 1, 1, 2, uint32(9), 3, str("text/plain"), 8, str("r/t"), 9, str("\x00\xff"), userPropertyAB, userPropertyAB)
)

// rejectedConnects are packets that Parse must reject, and the error. version is the
// version of the refusal.
var rejectedConnects = []struct {
	name    string
	b       []byte
	version Version
	code    ReasonCode
	says    string
}{
	// The fixed header.
	{"HTTP request", []byte("GET / HTTP/1.1\r\n\r\n"), 0, ProtocolError, "first packet is not a CONNECT at byte 0 [MQTT-3.1.0-1]"},
	{"TLS hello", []byte("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"), 0, MalformedPacket, "Remaining Length is too small for a CONNECT at byte 1 [MQTT-3.1.3-3]"},
	{"PROXY v1", []byte("PROXY TCP4 127.0.0.1 127.0.0.1 1 2\r\n"), 0, ProtocolError, "first packet is not a CONNECT at byte 0 [MQTT-3.1.0-1]"},
	{"PROXY v2", []byte("\r\n\r\n\x00\r\nQUIT\n"), 0, ProtocolError, "first packet is not a CONNECT at byte 0 [MQTT-3.1.0-1]"},
	{"PINGREQ first", []byte{0xC0, 0}, 0, ProtocolError, "first packet is not a CONNECT at byte 0 [MQTT-3.1.0-1]"},
	{"flags in the first byte", bytesOf(0x11, connect311(2, str("i"))[1:]), 0, MalformedPacket, "fixed header has flags that are reserved at byte 0 [MQTT-2.2.2-2]"},
	{"DUP in the first byte", bytesOf(0x18, connect311(2, str("i"))[1:]), 0, MalformedPacket, "fixed header has flags that are reserved at byte 0 [MQTT-2.2.2-2]"},
	{"flags in the first byte of 5", bytesOf(0x12, connect5(2, nil, str("i"))[1:]), 0, MalformedPacket, "fixed header has flags that are reserved at byte 0 [MQTT-2.2.2-2]"},
	{"flags in the first byte of neither name", bytesOf(0x1F, packet(0x10, str("MQTTS"), 4, 2, uint16(0), str("i"))[1:]), 0, UnsupportedProtocolVersion, "Protocol Name is neither MQTT nor MQIsdp at byte 3 [MQTT-3.1.2-1]"},
	{"Remaining Length of five bytes", bytesOf(0x10, 0x8D, 0x80, 0x80, 0x80, 0, str("MQTT"), 4, 2, uint16(0), str("i")), 0, MalformedPacket, "Remaining Length has more than four bytes at byte 1 [MQTT 3.1.1, 2.2.3]"},
	{"Remaining Length 0", []byte{0x10, 0}, 0, MalformedPacket, "Remaining Length is too small for a CONNECT at byte 1 [MQTT-3.1.3-3]"},
	{"Remaining Length 11", bytesOf(0x10, 11, str("MQTT"), 4, 2, uint16(0), 0), 0, MalformedPacket, "Remaining Length is too small for a CONNECT at byte 1 [MQTT-3.1.3-3]"},
	{"Remaining Length 13 for MQIsdp", bytesOf(0x10, 13, str("MQIsdp"), 3, 2, uint16(0), 0), 0, MalformedPacket, "Remaining Length is too small for a CONNECT at byte 1 [MQTT-3.1.3-3]"},
	{"5, overlong Remaining Length", bytesOf(0x10, 0x8E, 0, str("MQTT"), 5, 2, uint16(0), 0, str("i")), V5, MalformedPacket, "Remaining Length is longer than it needs to be at byte 1 [MQTT-1.5.5-1]"},
	{"3.1.1, too large", connect311(2, str("i"), strings.Repeat("x", testMaxSize)), V311, PacketTooLarge, "Remaining Length is over the limit at byte 1 [MQTT 5, 3.2.2.2]"},
	{"5, 268435455 bytes", bytesOf(0x10, 0xFF, 0xFF, 0xFF, 0x7F, str("MQTT"), 5), V5, PacketTooLarge, "Remaining Length is over the limit at byte 1 [MQTT 5, 3.2.2.2]"},

	// Protocol Name and level.
	{"name in lower case", packet(0x10, str("mqtt"), 4, 2, uint16(0), str("i")), 0, UnsupportedProtocolVersion, "Protocol Name is neither MQTT nor MQIsdp at byte 4 [MQTT-3.1.2-1]"},
	{"empty name", packet(0x10, str(""), 4, 2, uint16(0), str("123456")), 0, UnsupportedProtocolVersion, "Protocol Name is neither MQTT nor MQIsdp at byte 3 [MQTT-3.1.2-1]"},
	{"name of 65535 bytes", packet(0x10, uint16(65535), strings.Repeat("M", 20)), 0, UnsupportedProtocolVersion, "Protocol Name is neither MQTT nor MQIsdp at byte 2 [MQTT-3.1.2-1]"},
	{"name MQTTS", packet(0x10, str("MQTTS"), 4, 2, uint16(0), str("i")), 0, UnsupportedProtocolVersion, "Protocol Name is neither MQTT nor MQIsdp at byte 3 [MQTT-3.1.2-1]"},
	{"name MQIsdq", packet(0x10, str("MQIsdq"), 3, 2, uint16(0), str("i")), 0, UnsupportedProtocolVersion, "Protocol Name is neither MQTT nor MQIsdp at byte 9 [MQTT-3.1.2-1]"},
	{"MQTT 0", packet(0x10, str("MQTT"), 0, 2, uint16(0), str("i")), V311, UnsupportedProtocolVersion, "Protocol Level is not served at byte 8 [MQTT-3.1.2-2]"},
	{"MQTT 3", packet(0x10, str("MQTT"), 3, 2, uint16(0), str("i")), V311, UnsupportedProtocolVersion, "Protocol Level is not served at byte 8 [MQTT-3.1.2-2]"},
	{"MQTT 6", packet(0x10, str("MQTT"), 6, 2, uint16(0), str("i")), V5, UnsupportedProtocolVersion, "Protocol Level is not served at byte 8 [MQTT-3.1.2-2]"},
	{"MQTT 0x83", packet(0x10, str("MQTT"), 0x83, 2, uint16(0), str("i")), V311, UnsupportedProtocolVersion, "Protocol Level is not served at byte 8 [MQTT-3.1.2-2]"},
	{"MQTT 0x86", packet(0x10, str("MQTT"), 0x86, 2, uint16(0), str("i")), V5, UnsupportedProtocolVersion, "Protocol Level is not served at byte 8 [MQTT-3.1.2-2]"},
	{"MQIsdp 4", packet(0x10, str("MQIsdp"), 4, 2, uint16(0), str("i")), V311, UnsupportedProtocolVersion, "Protocol Level is not served at byte 10 [MQTT-3.1.2-2]"},
	{"MQIsdp 5", packet(0x10, str("MQIsdp"), 5, 2, uint16(0), str("i")), V311, UnsupportedProtocolVersion, "Protocol Level is not served at byte 10 [MQTT-3.1.2-2]"},
	{"MQIsdp 0x84", packet(0x10, str("MQIsdp"), 0x84, 2, uint16(0), str("i")), V311, UnsupportedProtocolVersion, "Protocol Level is not served at byte 10 [MQTT-3.1.2-2]"},

	// Connect Flags.
	{"3.1.1, reserved flag", connect311(3, str("i")), V311, MalformedPacket, "reserved flag is not 0 at byte 9 [MQTT-3.1.2-3]"},
	{"5, reserved flag", connect5(3, nil, str("i")), V5, MalformedPacket, "reserved flag is not 0 at byte 9 [MQTT-3.1.2-3]"},
	{"3.1, Will QoS 3", connect31(0x1E, str("i"), str("t"), str("m")), V31, MalformedPacket, "Will QoS is 3 at byte 11 [MQTT 3.1, 2.1]"},
	{"3.1.1, Will QoS 3", connect311(0x1E, str("i"), str("t"), str("m")), V311, MalformedPacket, "Will QoS is 3 at byte 9 [MQTT-3.1.2-14]"},
	{"5, Will QoS 3", connect5(0x1E, nil, str("i"), 0, str("t"), str("m")), V5, MalformedPacket, "Will QoS is 3 at byte 9 [MQTT-3.1.2-12]"},
	{"3.1.1, Will QoS 1 without Will", connect311(0x0A, str("i")), V311, MalformedPacket, "Will QoS is not 0 without a Will at byte 9 [MQTT-3.1.2-13]"},
	{"5, Will QoS 1 without Will", connect5(0x0A, nil, str("i")), V5, MalformedPacket, "Will QoS is not 0 without a Will at byte 9 [MQTT-3.1.2-11]"},
	{"3.1.1, Will Retain without Will", connect311(0x22, str("i")), V311, MalformedPacket, "Will Retain is not 0 without a Will at byte 9 [MQTT-3.1.2-15]"},
	{"5, Will Retain without Will", connect5(0x22, nil, str("i")), V5, MalformedPacket, "Will Retain is not 0 without a Will at byte 9 [MQTT-3.1.2-13]"},
	{"3.1, password without user name", connect31(0x42, str("i"), str("p")), V31, MalformedPacket, "Password Flag is set without the User Name Flag at byte 11 [MQTT 3.1, 3.1]"},
	{"3.1.1, password without user name", connect311(0x42, str("i"), str("p")), V311, MalformedPacket, "Password Flag is set without the User Name Flag at byte 9 [MQTT-3.1.2-22]"},

	// Client Identifier.
	{"3.1, empty identifier", connect31(2, str("")), V31, ClientIdentifierNotValid, "Client Identifier is empty at byte 14 [MQTT 3.1, 3.1]"},
	{"3.1.1, empty identifier that must last", connect311(0, str("")), V311, ClientIdentifierNotValid, "Client Identifier is empty without Clean Session at byte 12 [MQTT-3.1.3-8]"},
	{"3.1.1, identifier past the end", connect311(2, uint16(2), "i"), V311, MalformedPacket, "Client Identifier runs past the end at byte 12 [MQTT-3.1.3-3]"},
	{"5, no identifier", packet(0x10, str("MQTT"), 5, 2, uint16(0), counted("")[:1], 0), V5, MalformedPacket, "Client Identifier runs past the end at byte 13 [MQTT-3.1.3-3]"},
	{"3.1, U+0000", connect31(2, str("a\x00")), V31, MalformedPacket, "Client Identifier holds U+0000 at byte 17 [MQTT 3.1, 2.5]"},
	{"3.1.1, U+0000", connect311(2, str("a\x00b")), V311, MalformedPacket, "Client Identifier holds U+0000 at byte 15 [MQTT-1.5.3-2]"},
	{"5, U+0000 in a long identifier", connect5(2, nil, str("1234567890123\x00")), V5, MalformedPacket, "Client Identifier holds U+0000 at byte 28 [MQTT-1.5.4-2]"},
	{"3.1.1, not UTF-8", connect311(2, str("ab\xff")), V311, MalformedPacket, "Client Identifier is not well-formed UTF-8 at byte 16 [MQTT-1.5.3-1]"},
	{"5, surrogate", connect5(2, nil, str("\xED\xA0\x80")), V5, MalformedPacket, "Client Identifier is not well-formed UTF-8 at byte 15 [MQTT-1.5.4-1]"},
	{"3.1, overlong null", connect31(2, str("\xC0\x80")), V31, MalformedPacket, "Client Identifier is not well-formed UTF-8 at byte 16 [MQTT 3.1, 2.5]"},
	{"3.1, cut in a surrogate", connect31(2, str("\xED\xA0\xBD\xED\xB8")), V31, MalformedPacket, "Client Identifier is not well-formed UTF-8 at byte 19 [MQTT 3.1, 2.5]"},
	{"3.1.1, surrogate pair", connect311(2, str("\xED\xA0\xBD\xED\xB8\x80")), V311, MalformedPacket, "Client Identifier is not well-formed UTF-8 at byte 14 [MQTT-1.5.3-1]"},
	{"3.1.1, overlong null", connect311(2, str("\xC0\x80")), V311, MalformedPacket, "Client Identifier is not well-formed UTF-8 at byte 14 [MQTT-1.5.3-1]"},
	{"3.1.1, above U+10FFFF", connect311(2, str("\xF4\x90\x80\x80")), V311, MalformedPacket, "Client Identifier is not well-formed UTF-8 at byte 14 [MQTT-1.5.3-1]"},
	{"3.1.1, cut in a character", connect311(2, str("a\xC3")), V311, MalformedPacket, "Client Identifier is not well-formed UTF-8 at byte 15 [MQTT-1.5.3-1]"},

	// Will.
	{"3.1.1, Will without its fields", connect311(6, str("i")), V311, MalformedPacket, "Will Topic runs past the end at byte 15 [MQTT-3.1.2-9]"},
	{"3.1.1, Will without payload", connect311(6, str("i"), str("t")), V311, MalformedPacket, "Will Payload runs past the end at byte 18 [MQTT-3.1.2-9]"},
	{"3.1, empty Will Topic", connect31(6, str("i"), str(""), str("m")), V31, TopicNameInvalid, "Will Topic is empty at byte 17 [MQTT 3.1, appendix A]"},
	{"3.1.1, empty Will Topic", connect311(6, str("i"), str(""), str("m")), V311, TopicNameInvalid, "Will Topic is empty at byte 15 [MQTT-4.7.3-1]"},
	{"5, empty Will Topic", connect5(6, nil, str("i"), 0, str(""), str("m")), V5, TopicNameInvalid, "Will Topic is empty at byte 17 [MQTT-4.7.3-1]"},
	{"3.1, + in Will Topic", connect31(6, str("i"), str("+/a"), str("m")), V31, TopicNameInvalid, "Will Topic holds a wildcard at byte 19 [MQTT 3.1, appendix A]"},
	{"3.1.1, # in Will Topic", connect311(6, str("i"), str("a/#"), str("m")), V311, TopicNameInvalid, "Will Topic holds a wildcard at byte 19 [MQTT-4.7.1-1]"},
	{"5, + in Will Topic", connect5(6, nil, str("i"), 0, str("+"), str("m")), V5, TopicNameInvalid, "Will Topic holds a wildcard at byte 19 [MQTT-4.7.0-1]"},
	{"3.1.1, Will Topic not UTF-8", connect311(6, str("i"), str("\x80"), str("m")), V311, MalformedPacket, "Will Topic is not well-formed UTF-8 at byte 17 [MQTT-1.5.3-1]"},

	// User Name and Password.
	{"3.1.1, user name flag without user name", connect311(0x82, str("i")), V311, MalformedPacket, "User Name runs past the end at byte 15 [MQTT-3.1.2-19]"},
	{"5, user name flag without user name", connect5(0x82, nil, str("i")), V5, MalformedPacket, "User Name runs past the end at byte 16 [MQTT-3.1.2-17]"},
	{"3.1, half a user name", connect31(0x82, str("i"), uint16(3), "u"), V31, MalformedPacket, "User Name runs past the end at byte 17 [MQTT 3.1, 3.1]"},
	{"3.1, user name not UTF-8", connect31(0x82, str("i"), str("\xff")), V31, MalformedPacket, "User Name is not well-formed UTF-8 at byte 19 [MQTT 3.1, 2.5]"},
	{"3.1.1, user name not UTF-8", connect311(0x82, str("i"), str("\xff")), V311, MalformedPacket, "User Name is not well-formed UTF-8 at byte 17 [MQTT-1.5.3-1]"},
	{"3.1.1, U+0000 in the user name", connect311(0x82, str("i"), str("u\x00")), V311, MalformedPacket, "User Name holds U+0000 at byte 18 [MQTT-1.5.3-2]"},
	{"5, U+0000 in the user name", connect5(0x82, nil, str("i"), str("u\x00")), V5, MalformedPacket, "User Name holds U+0000 at byte 19 [MQTT-1.5.4-2]"},
	{"5, user name not UTF-8", connect5(0x82, nil, str("i"), str("u\xff")), V5, MalformedPacket, "User Name is not well-formed UTF-8 at byte 19 [MQTT-1.5.4-1]"},
	{"3.1.1, password flag without password", connect311(0xC2, str("i"), str("u")), V311, MalformedPacket, "Password runs past the end at byte 18 [MQTT-3.1.2-21]"},
	{"5, password flag without password", connect5(0xC2, nil, str("i"), str("u")), V5, MalformedPacket, "Password runs past the end at byte 19 [MQTT-3.1.2-19]"},
	{"3.1, half a password", connect31(0xC2, str("i"), str("u"), 0), V31, MalformedPacket, "Password runs past the end at byte 20 [MQTT 3.1, 3.1]"},

	// The end.
	{"3.1, trailing byte", connect31(2, str("i"), 0), V31, MalformedPacket, "payload goes on after its last field at byte 17 [MQTT 3.1, 3.1]"},
	{"3.1.1, user name without its flag", connect311(2, str("i"), str("u")), V311, MalformedPacket, "payload goes on after its last field at byte 15 [MQTT-3.1.2-18]"},
	{"5, user name without its flag", connect5(2, nil, str("i"), str("u")), V5, MalformedPacket, "payload goes on after its last field at byte 16 [MQTT-3.1.2-16]"},
	{"3.1.1, password without its flag", connect311(0x82, str("i"), str("u"), str("p")), V311, MalformedPacket, "payload goes on after its last field at byte 18 [MQTT-3.1.2-20]"},
	{"5, password without its flag", connect5(0x82, nil, str("i"), str("u"), str("p")), V5, MalformedPacket, "payload goes on after its last field at byte 19 [MQTT-3.1.2-18]"},
	{"3.1.1, trailing byte after the password", connect311(0xC2, str("i"), str("u"), str("p"), 0), V311, MalformedPacket, "payload goes on after its last field at byte 21 [MQTT-3.1.4-1]"},
}

func TestConnectSaysWhatThePacketSays(t *testing.T) {
	for _, test := range acceptedConnects {
		t.Run(test.name, func(t *testing.T) {
			var c Connect
			n, err := c.Parse(append(test.b[:len(test.b):len(test.b)], "next"...), len(test.b))
			if err != nil || n != len(test.b) {
				t.Fatalf("Parse = %d, %v; the packet has %d bytes", n, err, len(test.b))
			}
			if exact(c) != exact(test.want) {
				t.Errorf("got  %s\nwant %s", exact(c), exact(test.want))
			}
		})
	}
}

func TestConnectThatBreaksARuleIsMalformed(t *testing.T) {
	for _, test := range rejectedConnects {
		t.Run(test.name, func(t *testing.T) {
			var c Connect
			_, err := c.Parse(test.b, testMaxSize)
			var m *Malformed
			if !errors.As(err, &m) {
				t.Fatalf("Parse: %v, want it malformed: %s", err, test.says)
			}
			if m.Error() != test.says || m.Code != test.code || c.Version != test.version {
				t.Errorf("got  %s, code %v, version %v\nwant %s, code %v, version %v", m, m.Code, c.Version, test.says, test.code, test.version)
			}
		})
	}
}

// A packet may arrive cut at any byte, and more bytes never change a verdict.
func TestConnectCutAnywhereIsShort(t *testing.T) {
	for _, test := range acceptedConnects {
		var c Connect
		for n := range test.b {
			if n > 2000 && n < len(test.b)-2000 {
				continue // the inner bytes of the longest strings are all alike
			}
			if _, err := c.Parse(test.b[:n], testMaxSize); !errors.Is(err, ErrShort) {
				t.Fatalf("%s: the first %d of %d bytes: %v", test.name, n, len(test.b), err)
			}
		}
	}
	for _, test := range rejectedConnects {
		var c Connect
		for n := range min(len(test.b), 2000) {
			_, err := c.Parse(test.b[:n], testMaxSize)
			if errors.Is(err, ErrShort) {
				continue
			}
			if err == nil || err.Error() != test.says {
				t.Fatalf("%s: the first %d of %d bytes: %v", test.name, n, len(test.b), err)
			}
		}
	}
}

// Parse rejects each of these at its last byte, not before and not after.
func TestLostCauseIsFoundAtItsFirstWrongByte(t *testing.T) {
	for _, hostile := range []string{
		"G", "\x16\x03", "\x00", "\x20", "\x1F\x20\x00\x04", "\x1F\x20\x00\x05", "\x1F\x20\x00\x06MQIsdP",
		"\x10\x0B", "\x10\x80\x80\x80\x80", "\x10\xFF\xFF\xFF\xFF",
		"\x10\x0C\x01", "\x10\x0C\x00\x05", "\x10\x0D\x00\x06", "\x10\x0C\x00\x04m", "\x10\x0C\x00\x04MQTt",
		"\x10\x20\x00\x06MQIsdP", "\x10\x0C\x00\x04MQTT\x03", "\x10\x0E\x00\x06MQIsdp\x04",
		"\x10\x8C\x00\x00\x04MQTT\x05", "\x10\xFF\xFF\xFF\x7F\x00\x04MQTT\x04",
	} {
		var c Connect
		for n := range hostile {
			if _, err := c.Parse([]byte(hostile[:n]), testMaxSize); !errors.Is(err, ErrShort) {
				t.Errorf("%q: found at byte %d already: %v", hostile, n, err)
			}
		}
		if _, err := c.Parse([]byte(hostile), testMaxSize); err == nil || errors.Is(err, ErrShort) {
			t.Errorf("%q: %v, want it refused now", hostile, err)
		}
	}
}

func TestLargestConnectIsAPromiseToTheByte(t *testing.T) {
	b := connect5(2, nil, str("identifier"))
	var c Connect
	if n, err := c.Parse(b, len(b)); err != nil || n != len(b) {
		t.Errorf("at the limit: %d, %v", n, err)
	}
	_, err := c.Parse(b, len(b)-1)
	var m *Malformed
	if !errors.As(err, &m) || m.Code != PacketTooLarge || c.Version != V5 {
		t.Errorf("one byte over the limit: %v, version %v", err, c.Version)
	}
}

func TestViewsCannotBeAppendedToInPlace(t *testing.T) {
	b := connect311(0xC2, str("id"), str("user"), str("pass"))
	before := string(b)
	var c Connect
	if _, err := c.Parse(b, testMaxSize); err != nil {
		t.Fatal(err)
	}
	for _, view := range [][]byte{c.ClientID, c.Username, c.Password} {
		_ = append(view, "overwritten"...)
	}
	if string(b) != before {
		t.Errorf("the packet was overwritten: %q", b)
	}
}

func TestUserPropertiesComeInOrder(t *testing.T) {
	b := connect5(6, bytesOf(userPropertyAB, 0x11, uint32(1), 0x26, str("a"), str("c")), str("i"),
		counted(0x26, str("w"), str("1"), 0x18, uint32(1), 0x26, str(""), str("")), str("t"), str("m"))
	var c Connect
	if _, err := c.Parse(b, testMaxSize); err != nil {
		t.Fatal(err)
	}
	walk := func(p Properties) (got []string) {
		for name, value := range p.UserProperties() {
			got = append(got, string(name)+"="+string(value))
		}
		return got
	}
	if got, want := walk(c.Properties), []string{"a=b", "a=c"}; !slices.Equal(got, want) {
		t.Errorf("CONNECT: %q, want %q", got, want)
	}
	if got, want := walk(c.WillProperties), []string{"w=1", "="}; !slices.Equal(got, want) {
		t.Errorf("Will: %q, want %q", got, want)
	}
	for name := range c.Properties.UserProperties() {
		if string(name) != "a" {
			t.Errorf("first name %q", name)
		}
		break
	}
	if got := walk(Properties{}); got != nil {
		t.Errorf("no properties: %q", got)
	}
}
