package proxy

import (
	"net/netip"

	"mqttlb/balancer"
	"mqttlb/proxy/opening"
	"mqttlb/proxy/reactor"
	"mqttlb/proxy/snapshot"
	"mqttlb/proxy/tlsterm"
	"mqttlb/proxy/walk"
	"mqttlb/proxy/websocket"
)

// pending is what a session needs only until its node has answered: the client's opening,
// then the attempts to reach a node.
type pending struct {
	opening.Opening
	attempt
	loan

	generation *generation        // that it was accepted under
	listener   *snapshot.Listener // in that generation
	counted    bool               // in the loop's opensUnder

	held        *holding // what it counts for in the process's opening memory; nil: nothing
	handshakeBy int64    // when the client's handshake must be over, in ns of the loop's clock; 0: it has not begun
	fault       string   // what was wrong with the client's first bytes, or with the last node
}

// attempt is how far a session has come on its way to a node. Valid from the route on.
type attempt struct {
	// bytes is what the client has sent and no node has taken: the CONNECT and what
	// came with it. While owned is false it is a view into the loop's scratch buffer
	// and good for this turn alone.
	bytes []byte
	owned bool
	sent  uint64 // how much the client had sent when a node of TLS got bytes

	tls         *tlsterm.Info      // of the client's handshake; nil: none
	request     *websocket.Request // the upgrade that nodes are asked for; nil: they speak plain MQTT
	destination netip.AddrPort     // where the client connected to; not valid: not known yet

	pool     *snapshot.Pool
	walk     walk.Walk
	node     *balancer.Node // the node dialled last; nil: none
	dialled  netip.AddrPort // the address of the last candidate
	begun    reactor.Tick   // when it was dialled
	until    reactor.Tick   // when the time of the attempt is over
	unproven int            // how many bytes the node has yet to acknowledge one of; 0: none
	failure  string         // why the last candidate was passed over
	answer   []byte         // the beginning of a CONNACK that is not whole yet
}

// ownBytes makes bytes outlive the turn.
func (a *attempt) ownBytes() {
	if !a.owned && len(a.bytes) > 0 {
		a.bytes = append(make([]byte, 0, len(a.bytes)), a.bytes...)
	}
	a.owned = len(a.bytes) > 0
}

// borrower says who else uses a connection of the session. Nobody but the borrower may
// touch it.
type borrower uint8

const (
	nobody          borrower = iota // the loop has both connections
	clientHandshake                 // a goroutine makes the client's TLS handshake
	clientHTTP                      // net/http serves the client
	nodeHandshake                   // a goroutine makes the TLS handshake with a node
)

// ofClient reports whether it is the client's connection that is borrowed.
func (b borrower) ofClient() bool { return b == clientHandshake || b == clientHTTP }

// loan is a connection that is borrowed.
type loan struct {
	borrower borrower
	conn     *borrowedConn // what the borrower has; nil: nothing
	http     *httpConn     // valid only if borrower is clientHTTP
}

// reclaim ends the borrower's use of the connection.
func (n *loan) reclaim() {
	if n.conn != nil { // first: net/http's close then has no close_notify to wait for
		_ = n.conn.Close()
	}
	if n.borrower == clientHTTP {
		_ = n.http.Close()
	}
	*n = loan{}
}
