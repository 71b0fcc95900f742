package mqttparse

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	paho5 "github.com/eclipse/paho.golang/packets"
	mochi "github.com/mochi-mqtt/server/v2/packets"
)

// A peer is another parser for the same bytes. Where it and Parse disagree, one of its
// tables must give the reason; a disagreement without a reason fails the test.
type peer struct {
	name string
	// versions are the versions that the peer supports.
	versions map[Version]bool
	// parse reads the whole packet b into the fields that the peer knows.
	parse func(b []byte) (Connect, error)
	// lax lists faults that the peer accepts and Parse rejects, by the clause of the
	// error.
	lax map[string]string
	// strict lists faults that the peer rejects and Parse accepts, by the beginning of
	// the peer's error.
	strict map[string]string
	// forget clears the fields that the peer does not have.
	forget func(ours *Connect)
}

var pahoGolang = peer{
	name:     "paho.golang",
	versions: map[Version]bool{V5: true},
	parse:    parsePahoGolang,
	lax: map[string]string{
		"MQTT-1.5.4-1":       "it does not look into strings",
		"MQTT-1.5.4-2":       "it does not look into strings",
		"MQTT-1.5.5-1":       "it takes a length of any number of bytes",
		"MQTT 3.1.1, 2.2.3":  "it takes a length of any number of bytes",
		"MQTT 5, 1.5.5":      "it takes a length of any number of bytes",
		"MQTT 5, 2.2.2.2":    "it has one set of properties for CONNECT and Will",
		"MQTT-2.2.2-2":       "it does not look at the flags of the fixed header",
		"MQTT-3.1.2-1":       "it takes any Protocol Name",
		"MQTT-3.1.2-2":       "it takes any level",
		"MQTT-3.1.2-3":       "it does not look at the reserved flag",
		"MQTT-3.1.2-11":      "it does not look at Will QoS without a Will",
		"MQTT-3.1.2-12":      "it takes Will QoS 3",
		"MQTT-3.1.2-13":      "it does not look at Will Retain without a Will",
		"MQTT-3.1.2-16":      "it stops at the last field and forgets the rest",
		"MQTT-3.1.2-18":      "it stops at the last field and forgets the rest",
		"MQTT-3.1.4-1":       "it stops at the last field and forgets the rest",
		"MQTT-3.1.3-3":       "a Remaining Length too small for a CONNECT: with a wrong name it may be enough for it",
		"MQTT-4.7.0-1":       "it does not look into topics",
		"MQTT-4.7.3-1":       "it does not look into topics",
		"MQTT 5, 3.2.2.2":    "it has no limit",
		"MQTT 5, 3.1.2.11.2": "the last of two wins", "MQTT 5, 3.1.2.11.3": "0 is taken; the last of two wins",
		"MQTT 5, 3.1.2.11.4": "0 is taken; the last of two wins", "MQTT 5, 3.1.2.11.5": "the last of two wins",
		"MQTT 5, 3.1.2.11.6": "any value is taken; the last of two wins", "MQTT 5, 3.1.2.11.7": "any value is taken; the last of two wins",
		"MQTT 5, 3.1.2.11.9": "the last of two wins", "MQTT 5, 3.1.2.11.10": "data without a method is taken; the last of two wins",
		"MQTT 5, 3.1.3.2.2": "the last of two wins", "MQTT 5, 3.1.3.2.3": "any value is taken; the last of two wins",
		"MQTT 5, 3.1.3.2.4": "the last of two wins", "MQTT 5, 3.1.3.2.5": "the last of two wins",
		"MQTT 5, 3.1.3.2.6": "the last of two wins", "MQTT 5, 3.1.3.2.7": "the last of two wins",
	},
}

var mochiMQTT = peer{
	name:     "mochi-mqtt",
	versions: map[Version]bool{V31: true, V311: true, V5: true},
	parse:    parseMochi,
	forget:   func(ours *Connect) { ours.HasMessageExpiryInterval = false }, // the peer has no such flag
	lax: map[string]string{
		"MQTT-1.5.3-1":         "it does not look into the user name",
		"MQTT-1.5.3-2":         "it does not look into the user name",
		"MQTT-1.5.4-1":         "it does not look into the user name",
		"MQTT-1.5.4-2":         "it does not look into the user name",
		"MQTT 3.1, 2.5":        "it does not look into the user name",
		"MQTT-1.5.5-1":         "it takes a length of any number of bytes that says no more than four could",
		"MQTT 3.1.1, 2.2.3":    "it takes a length of any number of bytes that says no more than four could",
		"MQTT 5, 1.5.5":        "it takes a length of any number of bytes that says no more than four could",
		"MQTT-3.1.2-11":        "it does not look at Will QoS without a Will",
		"MQTT-3.1.2-13":        "it does not look at Will QoS without a Will (3.1.1; in 5 it is Will Retain, which it refuses)",
		"MQTT-3.1.2-16":        "it stops at the last field and forgets the rest",
		"MQTT-3.1.2-18":        "it stops at the last field and forgets the rest",
		"MQTT-3.1.2-20":        "it stops at the last field and forgets the rest",
		"MQTT-3.1.2-22":        "it takes a password without a user name in 3.x",
		"MQTT-3.1.4-1":         "it stops at the last field and forgets the rest",
		"MQTT-3.1.3-8":         "its server, not its parser, refuses an empty identifier",
		"MQTT 3.1, 3.1":        "an empty identifier, a password without a user name, bytes after the last field",
		"MQTT-4.7.0-1":         "it does not look into topics",
		"MQTT-4.7.1-1":         "it does not look into topics",
		"MQTT-4.7.3-1":         "it does not look into the Response Topic",
		"MQTT 3.1, appendix A": "it does not look into topics",
		"MQTT 5, 3.2.2.2":      "its server, not its parser, has the limit",
		"MQTT 5, 3.1.2.11.2":   "the last of two wins; a value may run past the Property Length",
		"MQTT 5, 3.1.2.11.3":   "0 is taken; as above", "MQTT 5, 3.1.2.11.4": "0 is taken; as above",
		"MQTT 5, 3.1.2.11.5": "as above", "MQTT 5, 3.1.2.11.6": "any value is taken; as above", "MQTT 5, 3.1.2.11.7": "any value is taken; as above",
		"MQTT 5, 3.1.2.11.8": "a value may run past the Property Length", "MQTT 5, 3.1.2.11.9": "as above",
		"MQTT 5, 3.1.2.11.10": "data without a method is taken; as above",
		"MQTT 5, 3.1.3.2.2":   "as above", "MQTT 5, 3.1.3.2.3": "any value is taken; as above", "MQTT 5, 3.1.3.2.4": "as above", "MQTT 5, 3.1.3.2.5": "as above",
		"MQTT 5, 3.1.3.2.6": "as above", "MQTT 5, 3.1.3.2.7": "as above", "MQTT 5, 3.1.3.2.8": "a value may run past the Property Length",
	},
	strict: map[string]string{
		mochi.ErrProtocolViolationProtocolVersion.Reason:       "it does not know the bridge bit",
		mochi.ErrMalformedFlags.Reason:                         "it checks the flags of the fixed header in 3.1 too, which does not use them",
		mochi.ErrClientIdentifierNotValid.Reason:               "it does not know that strings of 3.1 are Java's, with surrogates",
		mochi.ErrMalformedWillTopic.Reason:                     "it does not know that strings of 3.1 are Java's, with surrogates",
		mochi.ErrProtocolViolationReservedBit.Reason:           "it checks the flag in 3.1 too, which gives it no meaning",
		mochi.ErrProtocolViolationWillFlagSurplusRetain.Reason: "it checks Will Retain in 3.1 too, which disregards it without a Will",
		mochi.ErrProtocolViolationFlagNoUsername.Reason:        "it does not know that in 3.1 the user name may be missing",
		mochi.ErrMalformedPassword.Reason:                      "it does not know that in 3.1 the password may be missing",
		mochi.ErrProtocolViolationFlagNoPassword.Reason:        "it takes an empty password for none",
		mochi.ErrProtocolViolationWillFlagNoPayload.Reason:     "it takes an empty Will Payload for none",
	},
}

// parsePahoGolang reads b with paho.golang/packets.
func parsePahoGolang(b []byte) (c Connect, err error) {
	packet, err := paho5.ReadPacket(bytes.NewReader(b))
	if err != nil {
		return c, err
	}
	p, ok := packet.Content.(*paho5.Connect)
	if !ok {
		return c, errors.New("no CONNECT")
	}
	c = Connect{
		Version: Version(p.ProtocolVersion &^ bridgeBit), Bridge: p.ProtocolVersion&bridgeBit != 0, CleanStart: p.CleanStart, KeepAlive: p.KeepAlive, ClientID: []byte(p.ClientID),
		HasUsername: p.UsernameFlag, Username: []byte(p.Username), HasPassword: p.PasswordFlag, Password: p.Password,
		Will: p.WillFlag, WillQoS: p.WillQOS, WillRetain: p.WillRetain, WillTopic: []byte(p.WillTopic), WillPayload: p.WillMessage,
		ReceiveMaximum: 65535, RequestProblemInformation: true,
	}
	if properties := p.Properties; properties != nil {
		c.SessionExpiryInterval = valueOr(properties.SessionExpiryInterval, 0)
		c.ReceiveMaximum = valueOr(properties.ReceiveMaximum, 65535)
		c.MaximumPacketSize = valueOr(properties.MaximumPacketSize, 0)
		c.TopicAliasMaximum = valueOr(properties.TopicAliasMaximum, 0)
		c.RequestResponseInformation = valueOr(properties.RequestResponseInfo, 0) == 1
		c.RequestProblemInformation = valueOr(properties.RequestProblemInfo, 1) == 1
		c.AuthenticationMethod, c.AuthenticationData = []byte(properties.AuthMethod), properties.AuthData
	}
	if properties := p.WillProperties; properties != nil {
		c.WillDelayInterval = valueOr(properties.WillDelayInterval, 0)
		c.WillPayloadIsText = valueOr(properties.PayloadFormat, 0) == 1
		c.HasMessageExpiryInterval = properties.MessageExpiry != nil
		c.MessageExpiryInterval = valueOr(properties.MessageExpiry, 0)
		c.ContentType, c.ResponseTopic = []byte(properties.ContentType), []byte(properties.ResponseTopic)
		c.CorrelationData = properties.CorrelationData
	}
	return c, nil
}

func valueOr[T any](p *T, absent T) T {
	if p == nil {
		return absent
	}
	return *p
}

// parseMochi reads b with mochi-mqtt/server/v2/packets.
func parseMochi(b []byte) (c Connect, err error) {
	var p mochi.Packet
	if len(b) == 0 {
		return c, errors.New("nothing")
	}
	if err := p.FixedHeader.Decode(b[0]); err != nil {
		return c, err
	}
	if p.FixedHeader.Type != mochi.Connect {
		return c, errors.New("no CONNECT")
	}
	length, size, err := mochi.DecodeLength(bytes.NewReader(b[1:]))
	if err != nil {
		return c, err
	}
	if len(b) < 1+size+length {
		return c, errors.New("short")
	}
	if err := p.ConnectDecode(b[1+size : 1+size+length]); err != nil {
		return c, err
	}
	if code := p.ConnectValidate(); code != mochi.CodeSuccess {
		return c, code
	}
	m, properties, will := &p.Connect, &p.Properties, &p.Connect.WillProperties
	c = Connect{
		Version: Version(p.ProtocolVersion), CleanStart: m.Clean, KeepAlive: m.Keepalive, ClientID: []byte(m.ClientIdentifier),
		HasUsername: m.UsernameFlag, Username: m.Username, HasPassword: m.PasswordFlag, Password: m.Password,
		Will: m.WillFlag, WillRetain: m.WillRetain, WillTopic: []byte(m.WillTopic), WillPayload: m.WillPayload,
	}
	if c.Will {
		c.WillQoS = m.WillQos
	}
	if c.Version == V5 {
		c.SessionExpiryInterval, c.TopicAliasMaximum = properties.SessionExpiryInterval, properties.TopicAliasMaximum
		c.MaximumPacketSize, c.ReceiveMaximum = properties.MaximumPacketSize, properties.ReceiveMaximum
		if c.ReceiveMaximum == 0 { // mochi has no flag for an absent value; 0 is not allowed
			c.ReceiveMaximum = 65535
		}
		c.RequestResponseInformation = properties.RequestResponseInfo == 1
		c.RequestProblemInformation = !properties.RequestProblemInfoFlag || properties.RequestProblemInfo == 1
		c.AuthenticationMethod, c.AuthenticationData = []byte(properties.AuthenticationMethod), properties.AuthenticationData
		c.WillDelayInterval, c.WillPayloadIsText = will.WillDelayInterval, will.PayloadFormat == 1
		c.MessageExpiryInterval = will.MessageExpiryInterval
		c.ContentType, c.ResponseTopic, c.CorrelationData = []byte(will.ContentType), []byte(will.ResponseTopic), will.CorrelationData
	}
	return c, nil
}

// peerMaxSize is small, so that some packets exceed it.
const peerMaxSize = 1000

// compare gives b to Parse and to the peer. key is the reason for their disagreement, "" if
// they agree; unexplained describes a disagreement without a reason.
func (p *peer) compare(b []byte) (key, unexplained string) {
	var ours Connect
	n, err := ours.Parse(b, peerMaxSize)
	if errors.Is(err, ErrShort) {
		return "", "" // both need more bytes; paho's error for a cut packet means nothing
	}
	version := ours.Version
	if err == nil {
		if !p.versions[version] {
			return "", ""
		}
		b = b[:n]
	} else if version != 0 && !p.versions[version] || declaresMoreThan(b, 4*peerMaxSize) {
		return "", ""
	}
	theirs, theirErr := p.parse(b)
	switch {
	case err != nil && theirErr != nil:
		return "", ""
	case err != nil:
		clause := ours.malformed.Clause
		if p.lax[clause] == "" {
			return "", fmt.Sprintf("%s takes what breaks %v", p.name, err)
		}
		return "lax: " + clause, p.compareTolerated(b, theirs)
	case theirErr != nil:
		for reason := range p.strict {
			if strings.HasPrefix(theirErr.Error(), reason) {
				return "strict: " + reason, ""
			}
		}
		return "", fmt.Sprintf("%s refuses what is valid: %v", p.name, theirErr)
	}
	return "", p.differences(ours, theirs)
}

// compareTolerated compares the fields of a packet that breaks rules, which the peer does
// not keep either, if ParseTolerant accepts it.
func (p *peer) compareTolerated(b []byte, theirs Connect) (unexplained string) {
	var ours Connect
	n, err := ours.ParseTolerant(b, peerMaxSize)
	if err != nil || n < len(b) || !p.versions[ours.Version] || ours.Tolerated.Has(ReservedLevelBits) {
		return ""
	}
	if !ours.Will { // the peers keep what the flags say
		theirs.WillQoS, theirs.WillRetain = 0, false
	}
	if ours.Tolerated.Has(MisplacedProperty) { // the peers have one set of fields for CONNECT and Will
		return ""
	}
	ours.Tolerated = 0
	return p.differences(ours, theirs)
}

// differences describes the fields that the peer reads otherwise.
func (p *peer) differences(ours, theirs Connect) (unexplained string) {
	if p.forget != nil {
		p.forget(&ours)
	}
	if a, b := fieldsOf(ours), fieldsOf(theirs); a != b {
		return fmt.Sprintf("%s reads\n%s\nand we\n%s", p.name, b, a)
	}
	return ""
}

// fieldsOf formats c without the difference between absent and empty.
func fieldsOf(c Connect) string {
	c.Properties, c.WillProperties, c.malformed = Properties{}, Properties{}, Malformed{}
	return fmt.Sprintf("%+q", fmt.Sprintf("%+v", c))
}

// declaresMoreThan protects the test from peers that allocate as many bytes as the
// Remaining Length says.
func declaresMoreThan(b []byte, limit int) bool {
	length := 0
	for i := 1; i < len(b); i++ {
		if i == 9 {
			return true // more than an int64 holds: reading on overflows
		}
		length |= int(b[i]&0x7F) << (7 * (i - 1))
		if b[i] < 0x80 {
			break
		}
	}
	return length > limit
}

// corpus returns every packet of the tables and many variants of each: a byte changed,
// removed or inserted, or two packets spliced. It is the same in every run.
func corpus() (packets [][]byte) {
	for _, test := range acceptedConnects {
		if len(test.b) < 1000 {
			packets = append(packets, test.b)
		}
	}
	for _, test := range rejectedConnects {
		if len(test.b) < 1000 {
			packets = append(packets, test.b)
		}
	}
	for _, test := range rejectedProperties {
		packets = append(packets, test.b)
	}
	// The Property Length is one too small: the last byte of the property is also the first of the
	// next field.
	overrun := bytesOf(0x26, str("k"), str("v\x01"))
	packets = append(packets,
		packet(0x10, str("MQTT"), 5, 2, uint16(0), len(overrun)-1, overrun, 0, strings.Repeat("i", 256)),
		packet(0x10, str("MQTT"), 5, 6, uint16(0), 0, str("i"), len(overrun)-1, overrun, 0, strings.Repeat("t", 256), str("m")))
	for id, rule := range propertyRules {
		property := bytesOf(id, valueOf[rule.kind])
		twice := append(bytes.Clone(property), property...)
		past := property[:len(property)-1]
		packets = append(packets, connectWithProperties(twice), connectWithWill(twice), connectWithProperties(past), connectWithWill(past))
	}
	packets = append(packets,
		packet(0x10, str(""), 5, 2, uint16(0), 0, str("")),                           // small, but large enough with another name
		connectWithProperties(0x26, str("k"), str(strings.Repeat("v", peerMaxSize))), // over the limit
		bytesOf(0x11, connect5(2, nil, str("i"))[1:]),
		bytesOf(0x10, 0x8E, 0x80, 0x80, 0x80, 0, connect5(2, nil, str("i"))[2:]),
	)
	whole := packets
	random := rand.New(rand.NewPCG(5, 0))
	for range 30_000 {
		b := bytes.Clone(whole[random.IntN(len(whole))])
		body := b[min(len(b), 2):]
		for range 1 + random.IntN(2) {
			if len(body) == 0 {
				break
			}
			at := random.IntN(len(body))
			switch random.IntN(5) {
			case 0:
				body[at] ^= 1 << random.IntN(8)
			case 1:
				body[at] = byte(random.IntN(256))
			case 2:
				body = append(body[:at:at], body[at+1:]...)
			case 3:
				body = append(append(body[:at:at], byte(random.IntN(256))), body[at:]...)
			case 4:
				other := whole[random.IntN(len(whole))]
				body = append(body[:at:at], other[min(len(other), 2+at):]...)
			}
		}
		// Correct the Remaining Length: else nearly all packets would fail there.
		packets = append(packets, packet(0x10, body))
		if random.IntN(20) == 0 {
			packets = append(packets, append(b[:min(len(b), 2)], body...))
		}
	}
	return packets
}

// Every disagreement has a reason in a table, and every reason in a table has a
// disagreement.
func TestEveryDisagreementIsExplained(t *testing.T) {
	packets := corpus()
	for _, peer := range []*peer{&pahoGolang, &mochiMQTT} {
		t.Run(peer.name, func(t *testing.T) {
			used := map[string]int{}
			for _, b := range packets {
				key, unexplained := peer.compare(b)
				if unexplained != "" && !t.Failed() { // the first one is enough
					t.Errorf("%q:\n%s", b, unexplained)
				}
				used[key]++
			}
			for clause, why := range peer.lax {
				if used["lax: "+clause] == 0 {
					t.Errorf("no packet needs the explanation of %s: %s", clause, why)
				}
			}
			for reason, why := range peer.strict {
				if used["strict: "+reason] == 0 {
					t.Errorf("no packet needs the explanation of %s: %s", reason, why)
				}
			}
			t.Logf("%d of %d packets agree", used[""], len(packets))
		})
	}
}

func FuzzPahoGolang(f *testing.F) { fuzzPeer(f, &pahoGolang) }
func FuzzMochi(f *testing.F)      { fuzzPeer(f, &mochiMQTT) }

func fuzzPeer(f *testing.F, p *peer) {
	for _, test := range acceptedConnects {
		if len(test.b) < 1000 {
			f.Add(test.b)
		}
	}
	for _, test := range rejectedProperties {
		f.Add(test.b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if _, unexplained := p.compare(b); unexplained != "" {
			t.Fatalf("%q:\n%s", b, unexplained)
		}
	})
}
