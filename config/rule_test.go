package config

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// withRules returns a configuration whose only listener has these rules, one a line.
func withRules(rules ...string) string {
	return "listeners:\n  - name: mqtt\n    address: \":1883\"\n    pool: emqx\n    rules:\n      - " + strings.Join(rules, "\n      - ") +
		"\npools: [{name: emqx, nodes: [{name: n, address: \"h:1\"}]}]\n"
}

// numbered returns n rules of a format that takes a number.
func numbered(n int, format string) []string {
	rules := make([]string, n)
	for i := range rules {
		rules[i] = fmt.Sprintf(format, i+1)
	}
	return rules
}

// A list of bans is read, compared, written and summed up in a time that grows with its length alone.
func TestTenThousandRulesAreQuick(t *testing.T) {
	const format = "{name: ban-%[1]d, client_id: {exact: device-%08[1]d}, action: deny, code: banned}"
	begun := time.Now()
	c, err := Parse("f", []byte(withRules(numbered(10_000, format)...)))
	if err != nil {
		t.Fatal(err)
	}
	parsed := time.Since(begun)
	again, err := Parse("f", c.YAML())
	if err != nil {
		t.Fatal(err)
	}
	if changes := Diff(c, again); len(changes) > 0 || len(again.Listeners[0].Rules) != 10_000 {
		t.Errorf("%d rules are read again, with %.3v", len(again.Listeners[0].Rules), changes)
	}
	var b strings.Builder
	if err := c.Summary(&b); err != nil || !strings.Contains(b.String(), "and 9980 more") {
		t.Errorf("%v, in\n%s", err, b.String())
	}
	t.Logf("parsed in %s, and read again, compared and summed up in %s", parsed, time.Since(begun))
}

func TestListsOfRulesAreBounded(t *testing.T) {
	for name, of := range map[string]struct {
		rules []string
		want  string
	}{
		"too many rules": {
			numbered(maxRules+1, "{name: r%[1]d, client_id: {exact: c%[1]d}, action: deny}"),
			fmt.Sprintf("f:%d:9: listeners[0].rules[%d]: is one rule too many; a list has at most %[2]d", maxRules+6, maxRules),
		},
		"too many expressions": {
			numbered(maxExpressions+10, `{name: r%[1]d, client_id: {regex: "^c%[1]d"}, action: deny}`),
			fmt.Sprintf("f:%d:9: listeners[0].rules[%d]: has one regular expression too many; the rules of a listener have at most %[2]d, with those of all listeners: "+
				"each is tried on every client, where an exact value or a prefix is found at once", maxExpressions+6, maxExpressions),
		},
		"too large expressions": {
			numbered(10, `{name: r%[1]d, client_id: {regex: "(%[1]d)abc{190}"}, action: deny}`),
			fmt.Sprintf("f:11:9: listeners[0].rules[5]: has too large regular expressions; those of a listener's rules have at most %d instructions in all, with those of all listeners", maxPrograms),
		},
		"all match": {[]string{"{name: all, action: deny}", "{name: r1, will: true, action: deny}"},
			`f:7:9: listeners[0].rules[1]: has no effect: the rule "all", before it, matches every client`},
	} {
		_, err := Parse("f", []byte(withRules(of.rules...)))
		if err == nil || err.Error() != of.want {
			t.Errorf("%s: got %.400v, want %s", name, err, of.want)
		}
	}
	common := "rules: [{name: all, action: allow}]\n"
	want := `listeners[0].rules: has no effect: the rule "all", of all listeners, matches every client`
	if _, err := Parse("f", []byte(common+withRules("{name: a, will: true, action: deny}"))); err == nil || !strings.HasSuffix(err.Error(), want) {
		t.Errorf("got %v, want %s", err, want)
	}
	common = "rules:\n  - " + strings.Join(numbered(maxExpressions, `{name: c%[1]d, client_id: {regex: "^c%[1]d"}, action: deny}`), "\n  - ") + "\n"
	if _, err := Parse("f", []byte(common+withRules("{name: a, will: true, action: deny}"))); err != nil {
		t.Error(err)
	}
	if _, err := Parse("f", []byte(common+withRules(`{name: a, username: {regex: "^a"}, action: deny}`))); err == nil || !strings.Contains(err.Error(), "one regular expression too many") {
		t.Errorf("got %v", err)
	}
}

// The first rule that matches decides, so that their order is a part of what a configuration means.
func TestDiffShowsTheOrderOfRules(t *testing.T) {
	parse := func(names ...string) *Config {
		rules := make([]string, len(names))
		for i, name := range names {
			rules[i] = "{name: " + name + ", client_id: {exact: " + name + "}, action: deny}"
		}
		c, err := Parse("f", []byte(withRules(rules...)))
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	for _, row := range []struct {
		before, after []string
		want          string
	}{
		{[]string{"a", "b", "c"}, []string{"a", "b", "c"}, ""},
		{[]string{"a", "b", "c"}, []string{"a", "c", "b"}, "listeners[mqtt].rules[c].place: 3 -> 2\n"},
		{[]string{"a", "b", "c"}, []string{"b", "c"}, "listeners[mqtt].rules[a]: removed {name: a, client_id: {exact: a}, action: deny}\n"},
		{[]string{"b"}, []string{"a", "b"}, "listeners[mqtt].rules[a]: added {name: a, client_id: {exact: a}, action: deny}\n"},
		{[]string{"a", "b", "c"}, []string{"c", "d", "a"}, "listeners[mqtt].rules[b]: removed {name: b, client_id: {exact: b}, action: deny}\n" +
			"listeners[mqtt].rules[d]: added {name: d, client_id: {exact: d}, action: deny}\nlisteners[mqtt].rules[c].place: 2 -> 1\n"},
	} {
		if got := lines(Diff(parse(row.before...), parse(row.after...))); got != row.want {
			t.Errorf("%v to %v: got\n%swant\n%s", row.before, row.after, got, row.want)
		}
	}
}

// A pattern that a regular expression cannot read is refused by its text, and each error names it.
func TestSetOfVersionsAndPatternsOfARule(t *testing.T) {
	c, err := Parse("f", []byte(withRules(`{name: a, version: 3.1, client_id: {exact: ""}, username: {regex: [a, "b{2}"]}, keep_alive: {max: 9s}, action: deny}`)))
	if err != nil {
		t.Fatal(err)
	}
	r := c.Listeners[0].Rules[0]
	if !slices.Equal(r.Version, []MQTTVersion{MQTT31}) || !slices.Equal(r.ClientID.Exact, []string{""}) || r.KeepAlive.Max != 9*time.Second || r.Code != CodeNotAuthorized {
		t.Errorf("got %+v", r)
	}
	if got, want := r.String(), `client_id: {exact: ""}, username: {regex: [a, "b{2}"]}, version: "3.1", keep_alive: {max: 9s}`; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if expressions := r.Username.MustCompile(); !expressions[1].MatchString("abb") {
		t.Errorf("%v does not match", expressions[1])
	}
	var errs Errors
	if _, err := Parse("f", []byte(withRules(`{name: a, client_id: {regex: "\\pX"}, action: deny}`))); !errors.As(err, &errs) || len(errs) != 1 {
		t.Errorf("got %v", err)
	}
}
