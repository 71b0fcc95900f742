package proxy

import (
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"

	"mqttlb/balancer"
	"mqttlb/mqttparse"
)

// SessionID identifies a session among all sessions of the process's life. 0 is no session.
//
// It is the number of the session on its loop times the number of loops, plus the loop's index. So an
// identifier is a few letters and digits after days of work, and is not used again.
type SessionID uint64

// sessionIDBase is the base of the text form: digits and small letters.
const sessionIDBase = 36

// String returns the text form, such as "4kz".
func (id SessionID) String() string { return strconv.FormatUint(uint64(id), sessionIDBase) }

// ParseSessionID parses the text form of an identifier.
func ParseSessionID(s string) (SessionID, error) {
	n, err := strconv.ParseUint(s, sessionIDBase, 64)
	if err != nil || n == 0 {
		return 0, fmt.Errorf("%q is not the identifier of a session: it is as the list of sessions shows it, such as 4kz", s)
	}
	return SessionID(n), nil
}

// sessionID returns the identifier of a session of the loop.
func (l *loop) sessionID(s *session) SessionID {
	return SessionID(s.serial*uint64(len(l.server.engine.loops)) + uint64(l.number))
}

// loopOf returns the index of the session's loop.
func (e *engine) loopOf(id SessionID) int { return int(uint64(id) % uint64(len(e.loops))) }

// name sets the client identifier and the user name, up to what the log shows, and the rules that the
// CONNECT breaks. They share one string, so that a user name costs its bytes and no more, and the rules
// cost nothing where none is broken.
func (s *session) name(id, username []byte, broken mqttparse.Rules) {
	id, username = id[:min(len(id), loggedID)], username[:min(len(username), loggedID)]
	var names strings.Builder // for one allocation
	size := len(id) + len(username)
	if s.breaksRules = broken != 0; s.breaksRules {
		size += rulesSize
	}
	names.Grow(size)
	names.Write(id)
	names.Write(username)
	if s.breaksRules {
		var b [rulesSize]byte
		binary.BigEndian.PutUint32(b[:], uint32(broken))
		names.Write(b[:])
	}
	s.names, s.idSize = names.String(), uint16(len(id))
}

// rulesSize is the size of a set of rules in the names of a session.
const rulesSize = 4

// clientID returns the client identifier, up to what the log shows.
func (s *session) clientID() string { return s.names[:s.idSize] }

// username returns the user name, up to what the log shows.
func (s *session) username() string {
	if s.breaksRules {
		return s.names[s.idSize : len(s.names)-rulesSize]
	}
	return s.names[s.idSize:]
}

// tolerated returns the rules that the CONNECT breaks and the listener tolerates.
func (s *session) tolerated() mqttparse.Rules {
	if !s.breaksRules {
		return 0
	}
	return mqttparse.Rules(binary.BigEndian.Uint32([]byte(s.names[len(s.names)-rulesSize:])))
}

// key returns the key that the session's client would have now in a pool that hashes a field. ok is
// false if the client has none, or if the session does not keep it as a whole.
func (s *session) key(p *balancer.Pool) (key uint64, ok bool) {
	field := s.clientID()
	switch {
	case s.listener.Opaque() || p.HashKey == balancer.BySourceIP:
		if !s.source.known {
			return 0, false
		}
		return balancer.HashAddr(s.source.addrPort().Addr()), true
	case p.HashKey == balancer.ByUsername:
		field = s.username()
	case p.HashKey != balancer.ByClientID || s.assigned:
		return 0, false
	}
	var b [loggedID]byte
	n := copy(b[:], field)
	return balancer.Hash(b[:n]), n > 0 && n < loggedID // a field of this size may be the beginning of a longer one
}
