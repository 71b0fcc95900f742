package proxy

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	"mqttlb/mqttparse"
	"mqttlb/proxy/tlsterm"
)

// MaxListed is the greatest limit of [Server.Sessions].
const MaxListed = 10000

// rateTime is the time in which the packets of sessions are counted for their rate.
const rateTime = time.Second

// SessionState is what a session is doing.
type SessionState string

// The states of sessions.
const (
	SessionOpening    SessionState = "opening"    // the client's first bytes are read
	SessionHTTP       SessionState = "http"       // the connection carries HTTP requests
	SessionConnecting SessionState = "connecting" // until the node's CONNACK
	SessionConnected  SessionState = "connected"
	SessionLeaving    SessionState = "leaving" // after a refusal or a goodbye
)

// SessionInfo describes a session of the list.
type SessionInfo struct {
	ID                 SessionID
	Listener           string
	Client             netip.AddrPort // not valid for a Unix socket
	ClientID, Username string         // up to 256 bytes of each
	Version            mqttparse.Version
	CleanStart         bool            // the node need not keep its state after it
	Tolerated          mqttparse.Rules // that its CONNECT breaks
	TLS, WebSocket     bool            // of the client; TLS only where it ends here
	Handshake          tlsterm.Summary // of that TLS
	Pool, Node         string          // empty: it has none yet
	State              SessionState
	Began              time.Time
	Age                time.Duration
	Silent             time.Duration // since a byte has passed, in steps of 0.1 s
	Received, Sent     uint64        // bytes from and to the client
	Packets            [2]uint32     // from and to the client; they may wrap
	PacketsPerSecond   float64       // in both directions; only in the order ByRate
}

// SessionList is the answer of [Server.Sessions].
type SessionList struct {
	Total    int           // sessions that match
	Sessions []SessionInfo // the first of them
}

// Sessions returns the first sessions in the order that fulfil the filter: at most limit, which is
// from 1 to MaxListed. A nil filter is fulfilled by all. A session that is open for the whole time of
// the call is in the list exactly once. With ByRate the call takes a second, and in that second 8 bytes
// for each slot of the table; otherwise its memory depends on the limit alone.
//
// The call ends early with an error when ctx is done. It may be called from any goroutine.
func (srv *Server) Sessions(ctx context.Context, f *SessionFilter, o SessionOrder, limit int) (SessionList, error) {
	if limit < 1 || limit > MaxListed {
		return SessionList{}, fmt.Errorf("limit %d is not from 1 to %d", limit, MaxListed)
	}
	if f == nil {
		f = &SessionFilter{}
	}
	var earlier *packetCounts
	if o == ByRate {
		var err error
		if earlier, err = srv.countPackets(ctx, f); err != nil {
			return SessionList{}, err
		}
	}
	cursors, err := srv.cursors(ctx, f.ID)
	if err != nil {
		return SessionList{}, err
	}
	best := ranking{order: o, limit: limit}
	batch := make([]SessionInfo, 0, slotsPerLook)
	for _, c := range cursors {
		for !c.over() {
			if err := ctx.Err(); err != nil {
				return SessionList{}, err
			}
			batch = batch[:0]
			c.look(func(s *session) bool {
				if f.matches(c, s) {
					batch = append(batch, c.loop.describe(s))
					if earlier != nil {
						batch[len(batch)-1].PacketsPerSecond = earlier.rate(c.loop, s)
					}
				}
				return true
			})
			for i := range batch {
				best.add(&batch[i])
			}
		}
	}
	return SessionList{best.total, best.sorted()}, nil
}

// describe returns the description of a session.
func (l *loop) describe(s *session) SessionInfo {
	info := SessionInfo{
		ID:       l.sessionID(s),
		Listener: s.listener.Name,
		Client:   s.source.addrPort(),
		ClientID: s.clientID(),
		Username: s.username(),
		Version:  s.version,
		State:    s.state(),
		Began:    l.server.epoch.Add(time.Duration(s.begun)),
		Age:      time.Duration(l.Now() - s.begun),
		Silent:   l.silence(s),
		Packets:  [2]uint32{s.packets[ToNode], s.packets[ToClient]},

		CleanStart: s.version != 0 && !s.persistent,
		Tolerated:  s.tolerated(),
	}
	info.Received, info.Sent = s.moved()
	info.Pool, info.Node = s.poolAndNode()
	layers := s.client.layers
	info.TLS, info.Handshake = layers != nil && layers.tls != nil, s.tlsSummary()
	info.WebSocket = s.frames != nil || layers != nil && layers.ws != nil || s.pending != nil && s.pending.Framed()
	return info
}

// state returns what the session is doing.
func (s *session) state() SessionState {
	switch v := s.http(); {
	case v != nil && v.stayed:
		return SessionHTTP
	case s.step < stepDial:
		return SessionOpening
	case s.step < stepRelay:
		return SessionConnecting
	case s.step < stepLeave:
		return SessionConnected
	}
	return SessionLeaving
}

// poolAndNode returns the names of the pool and the node that the session is on or tries to reach.
func (s *session) poolAndNode() (pool, node string) {
	switch {
	case s.flow != nil:
		return s.flow.Pool, s.flow.Node
	case s.pending == nil || s.pending.pool == nil:
		return "", ""
	case s.pending.node == nil:
		return s.pending.pool.Name, ""
	}
	return s.pending.pool.Name, s.pending.node.Name
}
