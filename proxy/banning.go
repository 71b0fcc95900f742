package proxy

import (
	"errors"
	"fmt"
	"net/netip"
	"time"

	"mqttlb/proxy/outcome"
	"mqttlb/proxy/snapshot"
)

// noteEnd counts a session that ends with an outcome, before its pending is freed.
func (l *loop) noteEnd(s *session, o outcome.Outcome) {
	switch {
	case s.counted&inConduct != 0:
		l.server.conduct.leave(s.source.addrPort().Addr())
	case s.pending != nil && countsForBan[o] && !s.pending.blameless:
		l.server.noteRefusal(s.pending.Limited(), o.String(), &l.current.Bans, l.Now())
	}
}

// noteConnack counts the answer of a node to a CONNECT.
func (l *loop) noteConnack(s *session) {
	rule, from := &l.current.Bans, s.pending.Limited()
	switch {
	case l.connack.Code == 0:
		l.noteAccepted(s)
	case refusesCredentials(&l.connack):
		l.server.noteRefusal(from, causeConnack, rule, l.Now())
	}
}

// noteAccepted counts a session that a node has accepted, until it ends. HTTP requests do not count: anybody can get
// a page.
func (l *loop) noteAccepted(s *session) {
	if from := s.pending.Limited(); l.current.Bans.Refusals > 0 && from.IsValid() && s.counted&inConduct == 0 {
		s.counted |= inConduct
		l.server.conduct.enter(from, s.connacked, &l.current.Bans, l.Now())
	}
}

// noteRefusal counts a refusal of an address, and bans the address if it is one too many. An address that is not
// valid is that of a trusted proxy or a Unix socket.
func (srv *Server) noteRefusal(from netip.Addr, cause string, rule *snapshot.Bans, now int64) {
	if rule.Refusals == 0 || !from.IsValid() || rule.Exempts(from) {
		return
	}
	key := keyOf(from)
	if !srv.conduct.refused(key, rule, now) {
		return
	}
	if !srv.conduct.pace.take(rule.Within, now) {
		if n, ok := srv.banWithheld.Take(time.Now()); ok {
			srv.log.Warn("addresses are refused again and again, and are not banned: more of them than sessions are accepted, which looks like a fault of the nodes or of the configuration",
				"last", key.String(), "cause", cause, "bans", n, "setting", "bans")
		}
		return
	}
	srv.beginBan(key, cause, now, rule.Time)
}

// beginBan bans an address for a time, and tells the log. It reports whether there was room.
func (srv *Server) beginBan(key addressKey, cause string, now int64, limit time.Duration) bool {
	begun, ok := srv.bans.begin(key, cause, now, now+int64(limit))
	if begun && srv.banLines.Take(now) {
		srv.log.Warn("address is banned", "address", key.String(), "cause", cause, "for", limit)
		srv.reportBan(key, fmt.Sprintf("banned for %v: %s", limit, cause))
	}
	return ok
}

// endBans ends the bans that match, and tells the log why.
func (srv *Server) endBans(why string, match func(addressKey, *ban) bool) (ended int) {
	now := srv.now()
	for _, b := range srv.bans.end(match) {
		ended++
		if !srv.banLines.Take(now) {
			continue
		}
		refused := b.closed.Load()
		srv.log.Info("address is not banned any more", "address", b.key.String(), "cause", b.cause, "reason", why, "refused", refused)
		srv.reportBan(b.key, fmt.Sprintf("not banned any more: %s; %d connections were refused", why, refused))
	}
	return ended
}

// BanReport says that a ban has begun or ended.
type BanReport struct {
	Address string // or a network of IPv6
	Text    string
}

// FollowBans has f called for bans that begin or end, at most banLinesPerSecond times a second. f must not block.
// Call it before Run.
func (srv *Server) FollowBans(f func(BanReport)) { srv.banReports = f }

func (srv *Server) reportBan(key addressKey, text string) {
	if srv.banReports != nil {
		srv.banReports(BanReport{key.String(), text})
	}
}

// tidyBans ends the bans whose time is over, and forgets what addresses did too long ago.
func (srv *Server) tidyBans() {
	now, rule := srv.now(), &srv.current.Load().Bans
	srv.endBans("its time is over", func(_ addressKey, b *ban) bool { return b.until <= now })
	srv.conduct.tidy(rule, now)
}

// applyBans ends the bans that a new configuration does not want. Those by operators stay, but for exempt addresses.
func (srv *Server) applyBans(rule *snapshot.Bans) {
	srv.endBans("the configuration has changed", func(key addressKey, b *ban) bool {
		return rule.Exempts(key.network().Addr()) || rule.Refusals == 0 && b.cause != causeOperator
	})
}

// ErrBan is wrapped by the errors of Ban that are about the address.
var ErrBan = errors.New("cannot be banned")

// Ban bans an address for a time, or changes the time of its ban. For IPv6 it is the network of 64 bits.
func (srv *Server) Ban(a netip.Addr, limit time.Duration) (Ban, error) {
	g, key := srv.current.Load(), keyOf(a)
	if g.Bans.Exempts(a) {
		return Ban{}, fmt.Errorf("%s %w: it is in bans.exempt", a, ErrBan)
	}
	for _, ln := range g.Listeners {
		if ln.Network != "unix" && (ln.Trusts(a) || ln.TrustsForwarded(a)) {
			return Ban{}, fmt.Errorf("%s %w: it is a trusted proxy of listener %q, and stands for its clients", a, ErrBan, ln.Name)
		}
	}
	if !srv.beginBan(key, causeOperator, srv.now(), limit) {
		return Ban{}, fmt.Errorf("%s %w: %d addresses are banned, which are the most", a, ErrBan, mostBans)
	}
	srv.bans.mu.RLock()
	defer srv.bans.mu.RUnlock()
	b := srv.bans.list[key]
	if b == nil {
		return Ban{}, fmt.Errorf("the ban of %s was ended at once, by another operator or a reload", a)
	}
	return srv.banOf(key, b), nil
}

// Unban ends the ban of an address, and reports whether it had one.
func (srv *Server) Unban(a netip.Addr) bool {
	key := keyOf(a)
	return srv.endBans("by an operator", func(k addressKey, _ *ban) bool { return k == key }) > 0
}

// UnbanAll ends all bans, and returns their number.
func (srv *Server) UnbanAll() int {
	return srv.endBans("by an operator", func(addressKey, *ban) bool { return true })
}
