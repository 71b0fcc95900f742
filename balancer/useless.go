package balancer

// SetUseless sets why no session can use the node, whatever its probes find; nil: sessions can.
func (n *Node) SetUseless(why error) {
	if why == nil {
		n.condition.useless.Store(nil)
		return
	}
	n.condition.useless.Store(&why)
}

// Useless returns why no session can use the node, or nil.
func (n *Node) Useless() error {
	if why := n.condition.useless.Load(); why != nil {
		return *why
	}
	return nil
}
