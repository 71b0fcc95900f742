package mqttparse

import "iter"

// A Rule is a rule of the specifications that [Connect.ParseTolerant] does not enforce,
// because EMQX 4.4 or 5.0 does not in its default configuration. A packet that breaks
// one still has the same fields at the same offsets for every parser. The zero value is
// no such rule.
type Rule uint8

// The rules that ParseTolerant does not enforce.
const (
	ReservedHeaderFlags     Rule = iota + 1 // flags in the fixed header; 3.1 has no rule for them
	OverlongLength                          // Remaining Length or Property Length, in 5
	ReservedLevelBits                       // bits 0x70 of the protocol level
	WillQoSWithoutWill                      // in 3.1.1 and 5
	WillRetainWithoutWill                   // in 3.1.1 and 5
	PasswordWithoutUsername                 // in 3.1 and 3.1.1
	ClientIDNotUTF8
	ClientIDNull // holds U+0000
	UsernameNotUTF8
	UsernameNull
	PropertyNotUTF8 // a string of a property
	PropertyNull
	RepeatedProperty                   // the last value holds
	MisplacedProperty                  // it belongs to another packet, or to the Will; it has no effect
	PayloadFormat                      // Payload Format Indicator above 1
	ResponseTopicName                  // empty or with a wildcard
	AuthenticationDataAlone            // without Authentication Method
	endOfRules              = iota + 1 // greater than every Rule
)

// NumRules is greater than every Rule, for arrays with an element for each.
const NumRules = int(endOfRules)

// ruleTexts are the name of each rule, for metrics, and what breaks it, in words.
var ruleTexts = [NumRules]struct{ name, fault string }{
	ReservedHeaderFlags:     {"fixed_header_flags", "the fixed header has flags that are reserved"},
	OverlongLength:          {"overlong_length", "a length has more bytes than it needs"},
	ReservedLevelBits:       {"protocol_level_bits", "the protocol level has bits that no version has"},
	WillQoSWithoutWill:      {"will_qos_without_will", "Will QoS is not 0 without a Will"},
	WillRetainWithoutWill:   {"will_retain_without_will", "Will Retain is not 0 without a Will"},
	PasswordWithoutUsername: {"password_without_username", "there is a password without a user name"},
	ClientIDNotUTF8:         {"client_id_not_utf8", "the client identifier is not UTF-8"},
	ClientIDNull:            {"client_id_null", "the client identifier holds U+0000"},
	UsernameNotUTF8:         {"username_not_utf8", "the user name is not UTF-8"},
	UsernameNull:            {"username_null", "the user name holds U+0000"},
	PropertyNotUTF8:         {"property_not_utf8", "a string of a property is not UTF-8"},
	PropertyNull:            {"property_null", "a string of a property holds U+0000"},
	RepeatedProperty:        {"repeated_property", "a property comes twice"},
	MisplacedProperty:       {"misplaced_property", "a property is not one of this place"},
	PayloadFormat:           {"payload_format", "Payload Format Indicator is neither 0 nor 1"},
	ResponseTopicName:       {"response_topic", "Response Topic is empty or holds a wildcard"},
	AuthenticationDataAlone: {"authentication_data_alone", "Authentication Data comes without Authentication Method"},
}

// String returns the name of the rule, as "will_qos_without_will".
func (r Rule) String() string { return ruleTexts[r].name }

// Fault says in words how a packet breaks the rule.
func (r Rule) Fault() string { return ruleTexts[r].fault }

// Rules is a set of rules.
type Rules uint32

// Has reports whether r is in the set.
func (s Rules) Has(r Rule) bool { return s&(1<<r) != 0 }

// All iterates over the rules of the set in the order of their constants.
func (s Rules) All() iter.Seq[Rule] {
	return func(yield func(Rule) bool) {
		for r := Rule(1); int(r) < NumRules; r++ {
			if s.Has(r) && !yield(r) {
				return
			}
		}
	}
}

// unrecorded tolerates every rule and stays empty.
var unrecorded Rules

// tolerate adds r to the set and returns true. It returns false if r is no rule, or if s
// is nil because nothing is tolerated.
func (s *Rules) tolerate(r Rule) bool {
	if s == nil || r == 0 {
		return false
	}
	if s != &unrecorded {
		*s |= 1 << r
	}
	return true
}
