package config

// checkRules checks the rules of all listeners and those of each.
func checkRules(c *Config, s *source) {
	var all []sight
	for i := range c.Listeners {
		if !s.valid(child(item("listeners", i), "protocol")) { // it may be the one meant
			all = nil
			break
		}
		all = append(all, c.Listeners[i].sight())
	}
	common := ruleChecker{s: s, names: unique{s: s, what: "name"}}
	common.check(c.Rules, all, "rules")
	for i := range c.Listeners {
		l, at := &c.Listeners[i], item("listeners", i)
		var own []sight
		if s.valid(child(at, "protocol")) {
			own = []sight{l.sight()}
		}
		k := ruleChecker{s: s, names: unique{s: s, what: "name"}, common: &common, expressions: common.expressions, program: common.program}
		k.check(l.Rules, own, child(at, "rules"))
	}
}

// A ruleChecker checks one list of rules.
type ruleChecker struct {
	s     *source
	names unique

	expressions, program int // of the rules so far: the number of regular expressions, and of their instructions

	all    string       // the name of a rule that matches every client; "": none does
	common *ruleChecker // of the rules of all listeners; nil: it is this one
}

// check checks the rules at a path, which clients of some listeners meet; no listener: these are not known.
func (k *ruleChecker) check(rules []Rule, listeners []sight, at string) {
	if len(rules) > maxRules {
		k.s.errorf(item(at, maxRules), "is one rule too many; a list has at most %d", maxRules)
		return // the others are as many lines to read
	}
	if k.common != nil && k.common.all != "" && len(rules) > 0 && k.s.valid(at) {
		k.s.errorf(at, "has no effect: the rule %s, of all listeners, matches every client", quote(k.common.all))
	}
	same := make(map[string]string, len(rules)) // the name of the first rule by its conditions
	for i := range rules {
		r, at := &rules[i], item(at, i)
		name := child(at, "name")
		if k.common != nil && k.s.valid(name) {
			if first, ok := k.common.names.taken[r.Name]; ok {
				k.s.errorf(name, "the name %s is taken already by a rule of all listeners%s", quote(r.Name), k.s.whereElse(first.path, name))
			}
		}
		k.names.take(name, r.Name, r.Name)
		checkMatch(&r.Match, listeners, k.s, at)
		k.checkCode(r, listeners, at)
		if !k.s.valid(at) {
			continue
		}
		conditions := r.String()
		first, again := same[conditions]
		switch {
		case k.all != "":
			k.s.errorf(at, "has no effect: the rule %s, before it, matches every client", quote(k.all))
			return // the others have none, either
		case again:
			k.s.errorf(at, "has no effect: the rule %s, before it, has the same conditions", quote(first))
		case conditions == "":
			k.all = r.Name
		}
		same[conditions] = r.Name
		k.count(r, at)
	}
}

// checkCode checks that a refused client can be told the code of a rule.
func (k *ruleChecker) checkCode(r *Rule, listeners []sight, at string) {
	code := child(at, "code")
	if !k.s.written(code) || !k.s.valid(code, child(at, "action")) {
		return
	}
	if r.Action == Allow {
		k.s.errorf(code, "has no meaning with action allow; no client is refused")
		return
	}
	for _, l := range listeners {
		if l.connect {
			return
		}
	}
	if len(listeners) > 0 {
		k.s.errorf(code, "has no meaning with protocol %s; a client gets no CONNACK there", listeners[0].protocol)
	}
}

// count counts the regular expressions of a rule, up to what an event loop can try on each client.
func (k *ruleChecker) count(r *Rule, at string) {
	few := k.expressions <= maxExpressions && k.program <= maxPrograms
	for _, p := range r.patterns() {
		k.expressions += len(p.Regex)
		k.program += p.program()
	}
	switch {
	case !few:
	case k.expressions > maxExpressions:
		k.s.errorf(at, "has one regular expression too many; the rules of a listener have at most %d, with those of all listeners: "+
			"each is tried on every client, where an exact value or a prefix is found at once", maxExpressions)
	case k.program > maxPrograms:
		k.s.errorf(at, "has too large regular expressions; those of a listener's rules have at most %d instructions in all, with those of all listeners", maxPrograms)
	}
}
