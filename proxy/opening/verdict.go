package opening

import (
	"mqttlb/mqttparse"
	"mqttlb/proxy/outcome"
	"mqttlb/proxy/snapshot"
)

// Kind is what the caller of Feed has to do next.
type Kind uint8

const (
	again Kind = iota // the next stage decides; never returned by Feed

	// More means: read at most Room bytes from the client, and Feed them.
	More

	// Address means: Opening.Client is known, at first or anew. Apply the limits of its address, set
	// Opening.Excess if it exceeds one, and Feed.
	Address

	// Handshake means: the ClientHello is complete; Take returns it. Make the TLS handshake, and call
	// Secured before the next Feed.
	Handshake

	// HTTP means: have net/http serve the connection, first the bytes from Take. After an upgrade
	// to WebSocket, call Upgraded before the next Feed.
	HTTP

	// Upgrade means: send Reply, which answers an upgrade to WebSocket, and Feed.
	Upgrade

	// Pong means: send Reply, which answers a ping, and Feed.
	Pong

	// Admit means: the client's first bytes are complete, and Connect is its CONNECT. Count Rule, and
	// refuse the client if the rule does. Otherwise apply the limits, and Feed.
	Admit

	// Refuse means: send Reply if it is not empty, and end the session with Outcome.
	Refuse

	// Dial means: send the bytes from Take to a node of Pool, chosen by Key.
	Dial
)

// A Verdict says what to do next. Reply and Connect are valid until the next Feed of any
// Opening with the same Scratch.
type Verdict struct {
	Kind Kind

	Room int // in bytes, never 0; valid only if Kind is More

	Reply []byte // valid only if Kind is Upgrade, Pong or Refuse; empty: no answer

	// Outcome, Fault and Foreign are valid only if Kind is Refuse.
	Outcome outcome.Outcome
	Fault   string  // the fault in words; empty: Outcome says enough
	Foreign Foreign // the client's protocol, if that is the fault

	// Connect is valid only if Kind is Admit. It is nil if clients send no CONNECT.
	Connect *mqttparse.Connect

	// Rule is the rule of the listener that decides about the client; nil: none does, and it is let in. RuleNumber is
	// its number. Valid only if Kind is Admit.
	Rule       *snapshot.Rule
	RuleNumber int

	// The fields below are valid only if Kind is Dial.
	Pool  *snapshot.Pool
	Key   uint64 // valid only if Keyed
	Keyed bool
}

// A Scratch holds memory that the openings of one goroutine share. The zero value is
// ready for use.
type Scratch struct {
	connect mqttparse.Connect
	reply   []byte
	request *request // nil: no upgrade yet
}
