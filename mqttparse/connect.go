package mqttparse

// Connect is a CONNECT. Its slices are views into the bytes given to Parse and
// live as long as those; a field that is absent is nil, one that is present and
// empty is not. The zero value is ready for use, and Parse begins anew each time,
// so that a loop needs one.
type Connect struct {
	Version Version
	// Bridge is Mosquitto's bridge bit, 0x80 in the protocol level.
	Bridge bool
	// CleanStart is Clean Session in 3.x.
	CleanStart bool
	// KeepAlive is in seconds; 0 turns it off.
	KeepAlive uint16

	// ClientID may be empty where the version allows it: the server then
	// chooses one. It may be longer than 23 bytes in every version.
	ClientID []byte

	// HasUsername and HasPassword say that the field is there, be it empty. In
	// 3.1 a flag may be set without its field; these tell of the field.
	HasUsername, HasPassword bool
	Username, Password       []byte

	// The Will Message; the fields below are valid only if Will is true.
	Will                   bool
	WillQoS                uint8 // 0, 1 or 2
	WillRetain             bool
	WillTopic, WillPayload []byte

	// Valid only if Version is 5, like everything below.
	Properties Properties
	// SessionExpiryInterval is in seconds: 0, also when absent, ends the session
	// with the connection, 0xFFFFFFFF never.
	SessionExpiryInterval uint32
	// ReceiveMaximum is how many QoS 1 and 2 messages the client takes at once:
	// 65,535 when absent, never 0.
	ReceiveMaximum uint16
	// TopicAliasMaximum is 0 when absent: no aliases.
	TopicAliasMaximum uint16
	// MaximumPacketSize is in bytes, the whole packet; 0 is absent: no limit.
	MaximumPacketSize          uint32
	RequestResponseInformation bool // false when absent
	RequestProblemInformation  bool // true when absent
	AuthenticationMethod       []byte
	AuthenticationData         []byte

	// Valid only if Will is true too.
	WillProperties    Properties
	WillDelayInterval uint32 // seconds; 0 when absent
	// WillPayloadIsText is a Payload Format Indicator of 1. Whether WillPayload
	// then is UTF-8 is left to the node, as the specification allows.
	WillPayloadIsText bool
	// HasMessageExpiryInterval: a message that expires after 0 seconds and one
	// that never expires differ.
	HasMessageExpiryInterval bool
	MessageExpiryInterval    uint32 // seconds
	ContentType              []byte
	ResponseTopic            []byte
	CorrelationData          []byte

	malformed Malformed // what Parse returns, so that it need not allocate
}

// Parse reads the CONNECT at the start of b and returns its length n: what
// follows, b[n:], belongs to the client's stream. maxSize is the largest packet
// that is taken, in bytes from the first one on.
//
// The error is nil, ErrShort or a *Malformed that lives in c. ErrShort means that
// b is sound so far: call again with more, from the first byte. After an error
// only Version and Bridge mean anything: Version is the one to refuse in, and 0
// when no version is known, or none that an answer would be understood in.
//
// A packet that cannot become a CONNECT is found out at the first byte that shows
// it in its fixed header, Protocol Name and level. A packet larger than maxSize is
// PacketTooLarge, once the level is there. Everything else is judged when the
// packet is whole.
func (c *Connect) Parse(b []byte, maxSize int) (n int, err error) {
	*c = Connect{}
	h, err := c.parseOpening(b, maxSize)
	if err != nil {
		return 0, err
	}
	if len(b) < h.size {
		return 0, ErrShort
	}
	r := cursor{packet: b[:h.size], at: h.flags, version: c.Version, bad: &c.malformed}
	if !c.readVariableHeader(&r) {
		return 0, &c.malformed
	}
	return h.size, nil
}
