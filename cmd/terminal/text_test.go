package terminal_test

import (
	"strings"
	"testing"

	"mqttlb/cmd/terminal"
)

func TestTextOfStrangersIsShownAndNotObeyed(t *testing.T) {
	for text, want := range map[string]string{
		"sensor-1":                  "sensor-1",
		"Küche 2":                   "Küche 2",
		"温度-1":                      "温度-1",
		`a\b`:                       `a\b`,
		"":                          `""`,
		" a":                        `" a"`,
		"a\x1b[2Jb":                 `"a\x1b[2Jb"`,
		"a\nb\tc\r":                 `"a\nb\tc\r"`,
		"a\u009b2J":                 `"a\u009b2J"`, // the CSI of eight bits
		"a\u202egpj.exe":            `"a\u202egpj.exe"`,
		"a\u200bb":                  `"a\u200bb"`,
		"\x7f":                      `"\x7f"`,
		"a\xff":                     `"a\xff"`,
		"a\x00":                     `"a\x00"`,
		"e\u0301\u0323":             "e\u0301\u0323",
		"e\u0301\u0301\u0301\u0301": `"e\u0301\u0301\u0301\u0301"`,
		"say \"hi\" \x1b[0m":        `"say \"hi\" \x1b[0m"`,
	} {
		if got := terminal.Printable(text); got != want {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
	text := "pools:\n\t# \x1b]0;x\x07 温 \u009b \xff\n"
	if got, want := terminal.PrintableLines(text), "pools:\n\t# \\x1b]0;x\\a 温 \\u009b \ufffd\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestTextIsCutToColumns(t *testing.T) {
	for _, c := range []struct {
		text    string
		columns int
		want    string
	}{
		{"abc", 3, "abc"},
		{"abcd", 3, "ab~"},
		{"abcd", 1, "~"},
		{"温度計", 6, "温度計"},
		{"温度計", 5, "温度~"},
		{"温度計", 4, "温~"}, // half a character is none
		{"e\u0301e\u0301", 2, "e\u0301e\u0301"},
		{"e\u0301e\u0301x", 2, "e\u0301~"},
		{"ｆｕ", 3, "ｆ~"},
		{"📟ab", 3, "📟~"},
	} {
		got := terminal.Cut(c.text, c.columns)
		if got != c.want || terminal.Width(got) > c.columns {
			t.Errorf("%q in %d columns: %q, want %q", c.text, c.columns, got, c.want)
		}
	}
	for text, want := range map[string]string{"abcdefghij": "ab~hij", "abcdef": "abcdef", "温度計温度計": "温~計", "e\u0301xxxxxxxxe\u0301": "e\u0301x~xxe\u0301"} {
		if got := terminal.CutMiddle(text, 6); got != want || terminal.Width(got) > 6 {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
	for columns := range 6 {
		if got := terminal.Cut(strings.Repeat("温", 9), columns); terminal.Width(got) > max(columns, 1) {
			t.Errorf("%d columns: %q", columns, got)
		}
	}
}
