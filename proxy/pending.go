package proxy

import (
	"net/netip"
	"sync/atomic"
	"time"

	"mqttlb/balancer"
	"mqttlb/proxy/opening"
	"mqttlb/proxy/reactor"
	"mqttlb/proxy/snapshot"
	"mqttlb/proxy/tlsterm"
	"mqttlb/proxy/walk"
	"mqttlb/proxy/websocket"
)

// pending is the state that a session needs only until its node has answered: the client's opening,
// then the attempts to reach a node.
type pending struct {
	opening.Opening
	attempt
	loan

	generation *generation        // under which the client was accepted
	listener   *snapshot.Listener // in that generation
	counted    bool               // in the loop's opensUnder

	sameClient  *atomic.Int32 // of loopGuard: counts the sessions of its client; nil: none does
	client      uint64        // of clientIDs; 0: none
	waiting     *atomic.Int32 // the same, once the session is counted; nil: it is not
	held        *holding      // its part of the process's opening memory; nil: none
	helloAt     int64         // when its ClientHello was whole, in ns of the loop's clock
	rule        string        // that refuses its client; empty: none does
	fault       string        // what was wrong with the client's first bytes, or with the last node
	lastRequest *record       // of the client's HTTP connection; nil: none
	serverName  string        // that the client asked for in a handshake that has failed
	blameless   bool          // the handshake has failed, and the client may be a good one
}

// attempt is the state of a session on its way to a node. Valid after route.
type attempt struct {
	// bytes are the client's bytes that no node has processed: the CONNECT and anything behind it. They
	// are also kept while a node that has got them may still turn the client away; empty: the node
	// cannot be changed any more. While owned is false they are a view into the loop's scratch buffer,
	// valid for this turn only.
	bytes  []byte
	owned  bool
	buffer []byte // for bytes; the struct's next session uses it again

	packets PacketStats      // of the client, which the node has got; they are not counted yet
	nodes   int              // that have got the CONNECT
	early   int              // bytes that the client may still send before its CONNACK, and that are kept; negative: it stays with the next node
	saidAll bool             // the end of the client was seen while it waits in a queue, and its bytes are for a node
	retryBy int64            // end of the time in which other nodes are tried, in the time of package walk
	doubted []*balancer.Node // that turned the client away; see accepted
	refusal []byte           // the last CONNACK of a node that has refused the client; nil: none
	refused uint8            // its code

	tls         *tlsterm.Info      // of the client; nil: no TLS
	request     *websocket.Request // the upgrade for the nodes; nil: they speak plain MQTT
	destination netip.AddrPort     // the address that the client connected to; not valid if not known yet

	key   uint64 // of the session; valid only if keyed
	keyed bool

	pool     *snapshot.Pool
	walk     walk.Walk
	node     *balancer.Node // the current candidate; nil: none
	race                    // between its addresses
	dialled  netip.AddrPort // the address of the last candidate
	begun    reactor.Tick   // when dialling this address began
	begunAt  int64          // when dialling the candidate began, in ns of the loop's clock
	givenAt  int64          // when it got the CONNECT, in ns of the loop's clock; valid once it has
	until    reactor.Tick   // deadline of the attempt
	unproven int            // bytes sent, while the node has acknowledged none of them; 0: no proof is needed
	failure  string         // why the last attempt failed

	refusedStatus int // of the answer of the last node, if it has refused the upgrade; 0: it has not, or the answer was no HTTP

	answer []byte // the node's first bytes while its answer is not whole
}

// ownBytes copies bytes out of the scratch buffer, so that they outlive the turn.
func (a *attempt) ownBytes() {
	if !a.owned && len(a.bytes) > 0 {
		a.buffer = append(a.buffer[:0], a.bytes...)
		a.bytes = a.buffer
	}
	a.owned = len(a.bytes) > 0
}

// reusable returns the buffer for another session, unless it is large.
func (a *attempt) reusable() []byte {
	if cap(a.buffer) > smallBytes {
		return nil
	}
	return a.buffer[:0]
}

// newOffer makes the upgrade ready for another node.
func (a *attempt) newOffer() {
	if a.request != nil {
		a.request.Plain, a.request.Key = false, websocket.NewKey()
	}
}

// borrower says which goroutine uses a connection of the session. Only the borrower may touch that
// connection.
type borrower uint8

const (
	nobody          borrower = iota // the loop uses both connections
	clientHandshake                 // a goroutine makes the client's TLS handshake
	clientHTTP                      // net/http serves the client
	nodeHandshake                   // a goroutine makes the TLS handshake with a node
)

// ofClient reports whether the client's connection is borrowed.
func (b borrower) ofClient() bool { return b == clientHandshake || b == clientHTTP }

// loan is a borrowed connection.
type loan struct {
	borrower borrower
	conn     *borrowedConn // the duplicate; nil: none
	http     *httpConn     // valid only if borrower is clientHTTP
}

// reclaim ends the borrower's use of the connection.
func (n *loan) reclaim() {
	if n.conn != nil { // closed first, so that the close by net/http does not wait to send close_notify
		_ = n.conn.Close()
	}
	if n.borrower == clientHTTP {
		_ = n.http.Close()
		n.http.forwarded.end(int64(time.Since(n.http.epoch)))
	}
	*n = loan{}
}
