package proxy

import (
	"fmt"
	"strconv"
	"strings"
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

// name sets the client identifier and the user name, up to what the log shows. They share one string,
// so that a user name costs its bytes and no more.
func (s *session) name(id, username []byte) {
	id, username = id[:min(len(id), loggedID)], username[:min(len(username), loggedID)]
	var names strings.Builder // for one allocation
	names.Grow(len(id) + len(username))
	names.Write(id)
	names.Write(username)
	s.names, s.idSize = names.String(), uint16(len(id))
}

// clientID returns the client identifier, up to what the log shows.
func (s *session) clientID() string { return s.names[:s.idSize] }

// username returns the user name, up to what the log shows.
func (s *session) username() string { return s.names[s.idSize:] }
