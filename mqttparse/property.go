package mqttparse

import "iter"

// place is a set of properties inside a packet. Each place allows other properties.
type place uint8

const (
	inConnect place = iota
	inWill
	inConnack
)

// kind is the data type of a property.
type kind uint8

const (
	boolean    kind = iota // one byte, 0 or 1; every Byte property of CONNECT, Will and CONNACK is one
	twoByte                // Two Byte Integer
	fourByte               // Four Byte Integer
	text                   // UTF-8 Encoded String
	binaryData             // Binary Data
	stringPair             // UTF-8 String Pair
	variable               // Variable Byte Integer
)

// The property identifiers (MQTT 5, table 2-4). The last two are of PUBLISH and SUBSCRIBE.
const (
	payloadFormatIndicator           = 0x01
	messageExpiryInterval            = 0x02
	contentType                      = 0x03
	responseTopic                    = 0x08
	correlationData                  = 0x09
	sessionExpiryInterval            = 0x11
	assignedClientIdentifier         = 0x12
	serverKeepAlive                  = 0x13
	authenticationMethod             = 0x15
	authenticationData               = 0x16
	requestProblemInformation        = 0x17
	willDelayInterval                = 0x18
	requestResponseInformation       = 0x19
	responseInformation              = 0x1A
	serverReference                  = 0x1C
	reasonString                     = 0x1F
	receiveMaximum                   = 0x21
	topicAliasMaximum                = 0x22
	maximumQoS                       = 0x24
	retainAvailable                  = 0x25
	userProperty                     = 0x26
	maximumPacketSize                = 0x27
	wildcardSubscriptionAvailable    = 0x28
	subscriptionIdentifiersAvailable = 0x29
	sharedSubscriptionAvailable      = 0x2A

	subscriptionIdentifier = 0x0B
	topicAlias             = 0x23
)

// A propertyRule is the rule of MQTT 5 for one property. A place allows the property if
// section names a section of the specification for that place. A rule without a name is of
// an identifier that no property has.
type propertyRule struct {
	name    string
	kind    kind
	nonZero bool // 0 is a Protocol Error
	section [3]string
}

var propertyRules = [maxPropertyIdentifier + 1]propertyRule{
	payloadFormatIndicator:           {"Payload Format Indicator", boolean, false, [3]string{inWill: "MQTT 5, 3.1.3.2.3"}},
	messageExpiryInterval:            {"Message Expiry Interval", fourByte, false, [3]string{inWill: "MQTT 5, 3.1.3.2.4"}},
	contentType:                      {"Content Type", text, false, [3]string{inWill: "MQTT 5, 3.1.3.2.5"}},
	responseTopic:                    {"Response Topic", text, false, [3]string{inWill: "MQTT 5, 3.1.3.2.6"}},
	correlationData:                  {"Correlation Data", binaryData, false, [3]string{inWill: "MQTT 5, 3.1.3.2.7"}},
	sessionExpiryInterval:            {"Session Expiry Interval", fourByte, false, [3]string{inConnect: "MQTT 5, 3.1.2.11.2", inConnack: "MQTT 5, 3.2.2.3.2"}},
	assignedClientIdentifier:         {"Assigned Client Identifier", text, false, [3]string{inConnack: "MQTT 5, 3.2.2.3.7"}},
	serverKeepAlive:                  {"Server Keep Alive", twoByte, false, [3]string{inConnack: "MQTT 5, 3.2.2.3.14"}},
	authenticationMethod:             {"Authentication Method", text, false, [3]string{inConnect: "MQTT 5, 3.1.2.11.9", inConnack: "MQTT 5, 3.2.2.3.17"}},
	authenticationData:               {"Authentication Data", binaryData, false, [3]string{inConnect: "MQTT 5, 3.1.2.11.10", inConnack: "MQTT 5, 3.2.2.3.18"}},
	requestProblemInformation:        {"Request Problem Information", boolean, false, [3]string{inConnect: "MQTT 5, 3.1.2.11.7"}},
	willDelayInterval:                {"Will Delay Interval", fourByte, false, [3]string{inWill: "MQTT 5, 3.1.3.2.2"}},
	requestResponseInformation:       {"Request Response Information", boolean, false, [3]string{inConnect: "MQTT 5, 3.1.2.11.6"}},
	responseInformation:              {"Response Information", text, false, [3]string{inConnack: "MQTT 5, 3.2.2.3.15"}},
	serverReference:                  {"Server Reference", text, false, [3]string{inConnack: "MQTT 5, 3.2.2.3.16"}},
	reasonString:                     {"Reason String", text, false, [3]string{inConnack: "MQTT 5, 3.2.2.3.9"}},
	receiveMaximum:                   {"Receive Maximum", twoByte, true, [3]string{inConnect: "MQTT 5, 3.1.2.11.3", inConnack: "MQTT 5, 3.2.2.3.3"}},
	topicAliasMaximum:                {"Topic Alias Maximum", twoByte, false, [3]string{inConnect: "MQTT 5, 3.1.2.11.5", inConnack: "MQTT 5, 3.2.2.3.8"}},
	maximumQoS:                       {"Maximum QoS", boolean, false, [3]string{inConnack: "MQTT 5, 3.2.2.3.4"}},
	retainAvailable:                  {"Retain Available", boolean, false, [3]string{inConnack: "MQTT 5, 3.2.2.3.5"}},
	userProperty:                     {"User Property", stringPair, false, [3]string{inConnect: "MQTT 5, 3.1.2.11.8", inWill: "MQTT 5, 3.1.3.2.8", inConnack: "MQTT 5, 3.2.2.3.10"}},
	maximumPacketSize:                {"Maximum Packet Size", fourByte, true, [3]string{inConnect: "MQTT 5, 3.1.2.11.4", inConnack: "MQTT 5, 3.2.2.3.6"}},
	wildcardSubscriptionAvailable:    {"Wildcard Subscription Available", boolean, false, [3]string{inConnack: "MQTT 5, 3.2.2.3.11"}},
	subscriptionIdentifiersAvailable: {"Subscription Identifiers Available", boolean, false, [3]string{inConnack: "MQTT 5, 3.2.2.3.12"}},
	sharedSubscriptionAvailable:      {"Shared Subscription Available", boolean, false, [3]string{inConnack: "MQTT 5, 3.2.2.3.13"}},
	subscriptionIdentifier:           {"Subscription Identifier", variable, false, [3]string{}},
	topicAlias:                       {"Topic Alias", twoByte, false, [3]string{}},
}

// Properties are the valid properties of one place in a packet. The zero value has none.
// Properties are a view and valid as long as the packet's bytes.
type Properties struct {
	encoded []byte // without the Property Length
	in      place
}

// Encoded returns the encoded properties, without their Property Length.
func (p Properties) Encoded() []byte { return p.encoded }

// UserProperties iterates over the names and values of the User Properties in their
// order. A name may occur more than once.
func (p Properties) UserProperties() iter.Seq2[[]byte, []byte] {
	return func(yield func(name, value []byte) bool) {
		// No need for bad: the parser has accepted the properties, whatever rules they break.
		r := propertyReader{cursor: cursor{packet: p.encoded, version: V5, tolerated: &unrecorded}, in: p.in}
		for r.next() {
			if r.id == userProperty && !yield(r.data, r.value) {
				return
			}
		}
	}
}
