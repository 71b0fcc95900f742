package config

import "slices"

// chosenTLS are the settings of a TLS section that choose what is spoken: those of clients and of nodes.
type chosenTLS struct {
	least, most TLSVersion
	ciphers     []Cipher
	curves      []Curve
}

func (t *TLS) chosen() chosenTLS { return chosenTLS{t.MinVersion, t.MaxVersion, t.Ciphers, t.Curves} }

func (t *NodeTLS) chosen() chosenTLS {
	return chosenTLS{t.MinVersion, t.MaxVersion, t.Ciphers, t.Curves}
}

// check checks the versions, suites and curves in the section tls at a path.
func (t chosenTLS) check(s *source, at string) {
	least, most := child(at, "min_version"), child(at, "max_version")
	ciphers, curves := child(at, "ciphers"), child(at, "curves")
	checkOnce(t.ciphers, func(c Cipher) string { return string(c) }, "cipher suite", s, ciphers)
	checkOnce(t.curves, func(c Curve) string { return string(c) }, "key exchange", s, curves)
	if !s.valid(least, most) {
		return
	}
	if t.most < t.least {
		s.errorf(most, "%s is older than min_version, which is %s", t.most, t.least)
		return
	}
	t.checkCiphers(s, ciphers, least)
	t.checkCurves(s, curves)
}

func (t chosenTLS) checkCiphers(s *source, at, least string) {
	if len(t.ciphers) == 0 {
		return
	}
	if t.least >= TLS13 {
		s.errorf(at, "has no effect with min_version %s: the suites of TLS 1.3 cannot be chosen", t.least)
		return
	}
	if t.most < TLS12 {
		for i, c := range t.ciphers {
			if c != "" && !c.suite().old {
				s.errorf(item(at, i), "%s is of TLS 1.2, and max_version is %s", c, t.most)
			}
		}
		return
	}
	if t.least < TLS12 && !slices.ContainsFunc(t.ciphers, func(c Cipher) bool { return c == "" || c.suite().old }) {
		s.errorf(least, "%s has no effect: all suites in ciphers are of TLS 1.2; ECDHE-RSA-AES128-SHA is of all versions", t.least)
	}
}

func (t chosenTLS) checkCurves(s *source, at string) {
	if len(t.curves) == 0 || t.most >= TLS13 {
		return
	}
	if len(t.ciphers) > 0 && !slices.ContainsFunc(t.ciphers, func(c Cipher) bool { return c == "" || c.exchangesCurve() }) {
		s.errorf(at, "has no effect: no suite in ciphers is of ECDHE, and max_version is %s", t.most)
		return
	}
	for i, c := range t.curves {
		if c.only3() {
			s.errorf(item(at, i), "%s is of TLS 1.3, and max_version is %s", c, t.most)
		}
	}
}

// warn warns of what is weak.
func (t chosenTLS) warn(s *source, at string) {
	if t.least < TLS12 {
		s.warnf(child(at, "min_version"), "TLS %s is weak, and RFC 8996 forbids it: its handshakes are signed with SHA-1 and MD5", t.least)
	}
	for i, c := range t.ciphers {
		if weak := c.suite().weak; weak != "" {
			s.warnf(item(child(at, "ciphers"), i), "%s is weak: it has %s", c, weak)
		}
	}
}
