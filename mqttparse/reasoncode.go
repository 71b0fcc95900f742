package mqttparse

import "fmt"

// ReasonCode is an MQTT 5 reason code (2.4). Inside mqttlb it names the cause of a
// refusal whatever the client's version.
type ReasonCode uint8

// The reason codes that a CONNACK may carry (MQTT 5, table 3-1).
const (
	Success                     ReasonCode = 0x00
	UnspecifiedError            ReasonCode = 0x80
	MalformedPacket             ReasonCode = 0x81
	ProtocolError               ReasonCode = 0x82
	ImplementationSpecificError ReasonCode = 0x83
	UnsupportedProtocolVersion  ReasonCode = 0x84
	ClientIdentifierNotValid    ReasonCode = 0x85
	BadUserNameOrPassword       ReasonCode = 0x86
	NotAuthorized               ReasonCode = 0x87
	ServerUnavailable           ReasonCode = 0x88
	ServerBusy                  ReasonCode = 0x89
	Banned                      ReasonCode = 0x8A
	BadAuthenticationMethod     ReasonCode = 0x8C
	TopicNameInvalid            ReasonCode = 0x90
	PacketTooLarge              ReasonCode = 0x95
	QuotaExceeded               ReasonCode = 0x97
	PayloadFormatInvalid        ReasonCode = 0x99
	RetainNotSupported          ReasonCode = 0x9A
	QoSNotSupported             ReasonCode = 0x9B
	UseAnotherServer            ReasonCode = 0x9C
	ServerMoved                 ReasonCode = 0x9D
	ConnectionRateExceeded      ReasonCode = 0x9F
)

// Reason codes of DISCONNECT alone. A server sends them when it ends a connection that it
// had accepted.
const (
	ServerShuttingDown                  ReasonCode = 0x8B
	KeepAliveTimeout                    ReasonCode = 0x8D
	SessionTakenOver                    ReasonCode = 0x8E
	TopicFilterInvalid                  ReasonCode = 0x8F
	ReceiveMaximumExceeded              ReasonCode = 0x93
	TopicAliasInvalid                   ReasonCode = 0x94
	MessageRateTooHigh                  ReasonCode = 0x96
	AdministrativeAction                ReasonCode = 0x98
	SharedSubscriptionsNotSupported     ReasonCode = 0x9E
	MaximumConnectTime                  ReasonCode = 0xA0
	SubscriptionIdentifiersNotSupported ReasonCode = 0xA1
	WildcardSubscriptionsNotSupported   ReasonCode = 0xA2
)

var reasonCodeNames = map[ReasonCode]string{ //nolint:gosec // the names of codes; no password
	Success:                     "Success",
	UnspecifiedError:            "Unspecified error",
	MalformedPacket:             "Malformed Packet",
	ProtocolError:               "Protocol Error",
	ImplementationSpecificError: "Implementation specific error",
	UnsupportedProtocolVersion:  "Unsupported Protocol Version",
	ClientIdentifierNotValid:    "Client Identifier not valid",
	BadUserNameOrPassword:       "Bad User Name or Password",
	NotAuthorized:               "Not authorized",
	ServerUnavailable:           "Server unavailable",
	ServerBusy:                  "Server busy",
	Banned:                      "Banned",
	ServerShuttingDown:          "Server shutting down",
	BadAuthenticationMethod:     "Bad authentication method",
	KeepAliveTimeout:            "Keep Alive timeout",
	SessionTakenOver:            "Session taken over",
	TopicFilterInvalid:          "Topic Filter invalid",
	TopicNameInvalid:            "Topic Name invalid",
	ReceiveMaximumExceeded:      "Receive Maximum exceeded",
	TopicAliasInvalid:           "Topic Alias invalid",
	PacketTooLarge:              "Packet too large",
	MessageRateTooHigh:          "Message rate too high",
	QuotaExceeded:               "Quota exceeded",
	AdministrativeAction:        "Administrative action",
	PayloadFormatInvalid:        "Payload format invalid",
	RetainNotSupported:          "Retain not supported",
	QoSNotSupported:             "QoS not supported",
	UseAnotherServer:            "Use another server",
	ServerMoved:                 "Server moved",
	ConnectionRateExceeded:      "Connection rate exceeded",

	SharedSubscriptionsNotSupported:     "Shared Subscriptions not supported",
	MaximumConnectTime:                  "Maximum connect time",
	SubscriptionIdentifiersNotSupported: "Subscription Identifiers not supported",
	WildcardSubscriptionsNotSupported:   "Wildcard Subscriptions not supported",
}

// String returns the name of the code in the specification, or its number if the code
// belongs neither in a CONNACK nor in a server's DISCONNECT.
func (c ReasonCode) String() string {
	if name, ok := reasonCodeNames[c]; ok {
		return name
	}
	return fmt.Sprintf("reason code 0x%02X", uint8(c))
}

// InConnack reports whether a CONNACK can refuse a client of version v with c: in 3.x by
// the return code that comes closest. It is false if v is 0.
func (c ReasonCode) InConnack(v Version) bool {
	if v == V5 {
		return c != Success && c.inConnack()
	}
	return (v == V31 || v == V311) && returnCode(c) != 0
}

// InServerDisconnect reports whether a server may send a DISCONNECT with c (MQTT 5,
// table 3-10).
func (c ReasonCode) InServerDisconnect() bool {
	switch c {
	case UnspecifiedError, MalformedPacket, ProtocolError, ImplementationSpecificError, NotAuthorized,
		ServerBusy, ServerShuttingDown, KeepAliveTimeout, SessionTakenOver, TopicFilterInvalid,
		TopicNameInvalid, ReceiveMaximumExceeded, TopicAliasInvalid, PacketTooLarge, MessageRateTooHigh,
		QuotaExceeded, AdministrativeAction, PayloadFormatInvalid, RetainNotSupported, QoSNotSupported,
		UseAnotherServer, ServerMoved, SharedSubscriptionsNotSupported, ConnectionRateExceeded,
		MaximumConnectTime, SubscriptionIdentifiersNotSupported, WildcardSubscriptionsNotSupported:
		return true
	default:
		return false
	}
}

// inConnack reports whether a CONNACK may carry c. [MQTT-3.2.2-8]
func (c ReasonCode) inConnack() bool {
	switch c {
	case Success, UnspecifiedError, MalformedPacket, ProtocolError, ImplementationSpecificError,
		UnsupportedProtocolVersion, ClientIdentifierNotValid, BadUserNameOrPassword, NotAuthorized,
		ServerUnavailable, ServerBusy, Banned, BadAuthenticationMethod, TopicNameInvalid, PacketTooLarge,
		QuotaExceeded, PayloadFormatInvalid, RetainNotSupported, QoSNotSupported, UseAnotherServer,
		ServerMoved, ConnectionRateExceeded:
		return true
	default:
		return false
	}
}
