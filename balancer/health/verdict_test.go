package health

import "testing"

func TestVerdictChangesAfterRiseOrFallInARow(t *testing.T) {
	for _, tt := range []struct {
		rise, fall    int
		results, want string // g: good, b: bad; u: up, d: down after each
	}{
		{2, 3, "bbb", "uud"},
		{2, 3, "bbgbbgbb", "uuuuuuuu"},
		{2, 3, "bbbgbgg", "uuddddu"},
		{2, 3, "bbbbbbgg", "uudddddu"},
		{1, 1, "bgbg", "dudu"},
		{3, 1, "bgggb", "dddud"},
	} {
		v := verdict{rise: tt.rise, fall: tt.fall, up: true}
		was := true
		var got []byte
		for i := range tt.results {
			changed := v.add(tt.results[i] == 'g')
			if changed != (v.up != was) {
				t.Errorf("rise %d, fall %d, %s: add reports %v at %d", tt.rise, tt.fall, tt.results, changed, i)
			}
			was = v.up
			got = append(got, map[bool]byte{true: 'u', false: 'd'}[v.up])
		}
		if string(got) != tt.want {
			t.Errorf("rise %d, fall %d, %s: %s, want %s", tt.rise, tt.fall, tt.results, got, tt.want)
		}
	}
}
