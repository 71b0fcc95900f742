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

	// More: read at most Room bytes from the client, and Feed them.
	More

	// Address: the client's address, Opening.Source, is known. Apply its limits, set
	// Opening.Excess if it is past one, and Feed.
	Address

	// Handshake: the ClientHello is whole. Make the TLS handshake with it, which Take
	// returns, and call Secured before the next Feed.
	Handshake

	// HTTP: have net/http serve the connection, and what Take returns before the rest
	// of it. If that is an upgrade to WebSocket, call Upgraded before the next Feed.
	HTTP

	// Upgrade: Reply answers an upgrade to WebSocket. Send it, and Feed.
	Upgrade

	// Pong: Reply answers a ping. Send it, and Feed.
	Pong

	// Admit: what the client sends first is whole, and Connect what was read of it. Apply
	// the limits, and Feed.
	Admit

	// Refuse: send Reply, if there is one, and end the session with Outcome.
	Refuse

	// Dial: send what Take returns to a node of Pool, chosen by Key.
	Dial
)

// A Verdict says what to do next. Reply and Connect are valid until the next Feed of
// any Opening with the same Scratch.
type Verdict struct {
	Kind Kind

	Room int // bytes, never 0. Valid only if Kind is More.

	Reply []byte // valid only if Kind is Upgrade, Pong or Refuse; empty: nothing is said

	// Valid only if Kind is Refuse.
	Outcome outcome.Outcome
	Fault   string // what was wrong, in words; empty: the outcome says it all

	// Valid only if Kind is Admit. Nil where clients send no CONNECT.
	Connect *mqttparse.Connect

	// Valid only if Kind is Dial.
	Pool  *snapshot.Pool
	Key   uint64 // valid only if Keyed
	Keyed bool
}

// A Scratch is what the openings of one goroutine take turns to use. The zero value is
// ready.
type Scratch struct {
	connect mqttparse.Connect
	reply   []byte
	request *request // nil: there was no upgrade yet
}
