package health

import "mqttlb/balancer"

// verdict derives the state of a node from a series of results.
type verdict struct {
	rise, fall int
	state      balancer.State
	silent     bool // valid only if state is Draining: the last such result was not the node's own word
	against    int  // results in a row that contradict state, and do not decide alone
	dead       int  // results in a row that found the node down
}

// add counts what a probe has found and reports whether the verdict changed. A probe may be
// wrong about a node that does not answer, so that fall probes take it out and rise probes
// bring it back. Whether a node that is not down drains is its own word, and one is enough,
// unless it drains because it is silent.
func (v *verdict) add(found balancer.State, silent bool) (changed bool) {
	v.dead++
	if found != balancer.Down {
		v.dead = 0
	}
	if found == v.state {
		v.silent, v.against = silent, 0
		return false
	}
	v.against++
	enough, have := 1, v.against
	switch {
	case found == balancer.Down:
		enough, have = v.fall, v.dead
	case v.state == balancer.Down, v.state == balancer.Draining && v.silent:
		enough = v.rise
	case silent:
		enough = v.fall
	}
	if have < enough {
		return false
	}
	v.state, v.silent, v.against = found, silent, 0
	return true
}
