package health

import "mqttlb/balancer"

// verdict derives the state of a node from a series of results.
type verdict struct {
	rise, fall int
	state      balancer.State
	against    int // results in a row that contradict state, and do not decide alone
}

// add counts what a probe has found and reports whether the verdict changed. A probe may be
// wrong about a node that does not answer, so that fall probes take it down and rise probes
// bring it back. Whether a node that is not down drains is its own word, and one is enough.
func (v *verdict) add(found balancer.State) (changed bool) {
	enough := 1
	switch {
	case found == v.state:
		v.against = 0
		return false
	case found == balancer.Down:
		enough = v.fall
	case v.state == balancer.Down:
		enough = v.rise
	}
	v.against++
	if v.against < enough {
		return false
	}
	v.state, v.against = found, 0
	return true
}
