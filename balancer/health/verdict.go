package health

// verdict derives the state of a node from a series of results.
type verdict struct {
	rise, fall int
	up         bool
	against    int // results in a row that contradict up
}

// add counts a result and reports whether the verdict changed.
func (v *verdict) add(good bool) (changed bool) {
	if good == v.up {
		v.against = 0
		return false
	}
	v.against++
	enough := v.fall
	if !v.up {
		enough = v.rise
	}
	if v.against < enough {
		return false
	}
	v.up, v.against = good, 0
	return true
}
