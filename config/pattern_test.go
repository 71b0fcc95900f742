package config

import "testing"

// MQTT allows a newline in an identifier.
func TestADotMatchesANewline(t *testing.T) {
	p := Pattern{Regex: []string{"^test.*-x$|^never$", "(?i)^A.b$"}}
	for i, text := range []string{"test\n-x", "a\nB"} {
		if !p.MustCompile()[i].MatchString(text) {
			t.Errorf("%q evades %s", text, p.Regex[i])
		}
	}
}
