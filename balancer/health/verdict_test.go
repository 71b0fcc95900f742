package health

import (
	"testing"

	"mqttlb/balancer"
)

// found is what the probes of a table find.
var found = map[byte]balancer.State{'g': balancer.Up, 'r': balancer.Draining, 's': balancer.Draining, 'b': balancer.Down}

func TestVerdictChangesAfterRiseOrFallInARow(t *testing.T) {
	letters := [...]byte{balancer.Up: 'u', balancer.Draining: 'r', balancer.Down: 'd'}
	for _, tt := range []struct {
		rise, fall    int
		results, want string // g: good, r: draining, s: silent, b: bad; u: up, r: draining, d: down after each
	}{
		{2, 3, "bbb", "uud"},
		{2, 3, "bbgbbgbb", "uuuuuuuu"},
		{2, 3, "bbbgbgg", "uuddddu"},
		{2, 3, "bbbbbbgg", "uudddddu"},
		{1, 1, "bgbg", "dudu"},
		{3, 1, "bgggb", "dddud"},
		{2, 3, "grg", "uru"},         // the node's own word, at once
		{5, 5, "rrrggr", "rrruur"},   //
		{2, 3, "rbbrbbb", "rrrrrrd"}, // a draining node can die
		{2, 3, "bbrbb", "uurrr"},     // its word shows that it lives
		{2, 3, "bbbrr", "uuddr"},     // on its way back it needs as many answers
		{2, 3, "bbbrgg", "uudduu"},   // whether they say that it drains or not
		{2, 2, "bbgbgrr", "uddddrr"}, //
		{2, 3, "sssgg", "uurru"},     // a silent node takes as many answers as a dead one
		{2, 3, "ssgssgb", "uuuuuuu"}, //
		{2, 3, "sssgsgg", "uurrrru"}, //
		{2, 3, "srg", "uru"},         // but its own word counts at once
		{2, 3, "rsgg", "rrru"},       //
		{2, 3, "rsrg", "rrru"},       //
		{2, 3, "ssbbb", "uuuud"},     // and only a dead node is down
		{2, 3, "sssbbsbbb", "uurrrrrrd"},
		{2, 3, "bbs", "uur"},
		{2, 3, "bbbss", "uuddr"},
	} {
		v := verdict{rise: tt.rise, fall: tt.fall}
		was := v.state
		var got []byte
		for i := range tt.results {
			changed := v.add(found[tt.results[i]], tt.results[i] == 's')
			if changed != (v.state != was) {
				t.Errorf("rise %d, fall %d, %s: add reports %v at %d", tt.rise, tt.fall, tt.results, changed, i)
			}
			was = v.state
			got = append(got, letters[v.state])
		}
		if string(got) != tt.want {
			t.Errorf("rise %d, fall %d, %s: %s, want %s", tt.rise, tt.fall, tt.results, got, tt.want)
		}
	}
}
