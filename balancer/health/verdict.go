package health

// verdict is what a row of results says about a node.
type verdict struct {
	rise, fall int
	up         bool
	against    int // results in a row that speak against up
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
