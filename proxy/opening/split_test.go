package opening

import (
	"slices"
	"testing"
)

// FuzzSplit checks that the verdict on a client and the answers to it do not depend on
// how its bytes are split.
func FuzzSplit(f *testing.F) {
	var names []string
	for name := range stages {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, r := range slices.Concat(rows(f), toleratedRows(f), routedRows(f), ruleRows(f)) {
		for _, sizes := range []string{"\x00", "\x01\x07\x00", "\x28"} {
			f.Add(uint8(slices.Index(names, r.stage)), []byte(r.before), []byte(r.after), []byte(sizes))
		}
	}
	f.Fuzz(func(t *testing.T, stage uint8, before, after, sizes []byte) {
		c := &client{stage: names[int(stage)%len(names)], before: before, after: after}
		want := c.play(whole)
		for _, next := range []split{drip, by(sizes)} {
			got := c.play(next)
			if got.String() != want.String() {
				t.Errorf("%s, %q, then %q, split by %v: got\n%s\nwhole:\n%s", c.stage, before, after, sizes, got, want)
			}
		}
	})
}
