package balancer

// lighterOfTwo takes the less loaded of two nodes and holds the other for the next
// call. The two are steps of a walk by a random key, which visits the nodes in a
// weighted random order and none twice.
func (c *Candidates) lighterOfTwo() *Node {
	var a *Node
	if c.held >= 0 {
		a = c.pool.ranked[c.held]
		if a.State() != Up {
			a = nil
		}
	}
	if a == nil {
		if a = c.step(); a == nil {
			c.held = -1
			return nil
		}
		c.held = c.last
	}
	b := c.step()
	if b == nil {
		c.held = -1
		return a
	}
	if b.lighter(a) {
		return b
	}
	c.held = c.last
	return a
}
