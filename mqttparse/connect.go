package mqttparse

// Connect is a CONNECT. Its slices are views into the bytes given to Parse and are valid
// as long as those bytes. An absent field is nil; a field that is present and empty is
// not nil. The zero value is ready for use. Parse resets all fields, so a loop needs only
// one Connect.
type Connect struct {
	Version Version
	// Bridge is Mosquitto's bridge bit, 0x80 in the protocol level.
	Bridge bool
	// CleanStart is Clean Session in 3.x.
	CleanStart bool
	// KeepAlive is in seconds; 0 turns keep alive off.
	KeepAlive uint16

	// ClientID may be empty where the version allows it; the server then chooses one.
	// ClientID may be longer than 23 bytes in every version.
	ClientID []byte

	// HasUsername and HasPassword report whether the field is present, even if it is
	// empty. In 3.1 a flag may be set without its field; then they are false.
	HasUsername, HasPassword bool
	Username, Password       []byte

	// The Will Message. The fields below are valid only if Will is true.
	Will                   bool
	WillQoS                uint8 // 0, 1 or 2
	WillRetain             bool
	WillTopic, WillPayload []byte

	// The fields below are valid only if Version is 5.
	Properties Properties
	// SessionExpiryInterval is in seconds. 0 ends the session with the connection and is
	// the value when absent; 0xFFFFFFFF means that the session never expires.
	SessionExpiryInterval uint32
	// ReceiveMaximum is how many QoS 1 and 2 messages the client accepts at once: 65,535
	// when absent, never 0.
	ReceiveMaximum uint16
	// TopicAliasMaximum is the highest topic alias; 0, also when absent, means no
	// aliases.
	TopicAliasMaximum uint16
	// MaximumPacketSize is the size of a whole packet in bytes. 0 means absent: no limit.
	MaximumPacketSize          uint32
	RequestResponseInformation bool // false when absent
	RequestProblemInformation  bool // true when absent
	AuthenticationMethod       []byte
	AuthenticationData         []byte

	// The fields below are valid only if Will is true, too.
	WillProperties    Properties
	WillDelayInterval uint32 // seconds; 0 when absent
	// WillPayloadIsText reports a Payload Format Indicator of 1. Parse leaves it to the
	// node to check that WillPayload is UTF-8, as the specification allows.
	WillPayloadIsText bool
	// HasMessageExpiryInterval tells a message that expires after 0 seconds from one that
	// never expires.
	HasMessageExpiryInterval bool
	MessageExpiryInterval    uint32 // seconds
	ContentType              []byte
	ResponseTopic            []byte
	CorrelationData          []byte

	// Tolerated are the rules that the packet breaks; always empty after Parse.
	Tolerated Rules

	malformed Malformed // returned by Parse; a field, so that Parse does not allocate
}

// Parse reads the CONNECT at the start of b and returns its length n. The bytes after it,
// b[n:], are the next ones of the client's stream. maxSize is the size in bytes of the
// largest packet that Parse accepts, from the first byte of the fixed header.
//
// The error is nil, ErrShort or a *Malformed that lives in c. ErrShort means that b is
// valid so far: call Parse again with more bytes, from the first one. After an error only
// Version and Bridge are valid. Version is then the version of the refusal. It is 0 when
// the version is not known, or when the client would not understand an answer in any
// version.
//
// In the fixed header, the Protocol Name and the level, Parse rejects a packet at its
// first wrong byte. A packet larger than maxSize is PacketTooLarge as soon as the level
// has arrived. Parse checks everything else when the packet is complete.
func (c *Connect) Parse(b []byte, maxSize int) (n int, err error) {
	*c = Connect{}
	return c.parse(b, maxSize, nil)
}

// ParseTolerant is like Parse, but accepts a packet that breaks nothing but rules of the
// type [Rule], and adds these to Tolerated. If a property is repeated, the last value
// holds, as in EMQX.
func (c *Connect) ParseTolerant(b []byte, maxSize int) (n int, err error) {
	*c = Connect{}
	return c.parse(b, maxSize, &c.Tolerated)
}

// parse is Parse if tolerated is nil, and ParseTolerant otherwise.
func (c *Connect) parse(b []byte, maxSize int, tolerated *Rules) (n int, err error) {
	h, err := c.parseHeader(b, maxSize, tolerated)
	if err != nil {
		return 0, err
	}
	if len(b) < h.size {
		return 0, ErrShort
	}
	r := cursor{packet: b[:h.size], at: h.flags, version: c.Version, bad: &c.malformed, tolerated: tolerated}
	if !c.readVariableHeader(&r) {
		return 0, &c.malformed
	}
	return h.size, nil
}
