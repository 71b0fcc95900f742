package config

import "strings"

func warnRules(rules []Rule, s *source, at string) {
	for i := range rules {
		warnMatch(&rules[i].Match, s, item(at, i))
	}
}

// warnMatch warns of a star that is meant as a wildcard, as in an ACL of a broker or a topic.
func warnMatch(m *Match, s *source, at string) {
	warnPattern(&m.ClientID, s, child(at, "client_id"))
	warnPattern(&m.Username, s, child(at, "username"))
}

func warnPattern(p *Pattern, s *source, at string) {
	for _, of := range []struct {
		key    string
		values []string
	}{{"exact", p.Exact}, {"prefix", p.Prefix}} {
		for i, value := range of.values {
			begin, star := strings.CutSuffix(value, "*")
			if !star || begin == "" {
				continue
			}
			path := child(at, of.key)
			if len(of.values) > 1 {
				path = item(path, i)
			}
			s.warnf(path, "the star in %s is no wildcard; write {prefix: %s} for every text that begins so", quote(value), begin)
		}
	}
}
