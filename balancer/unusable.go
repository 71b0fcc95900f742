package balancer

// SetUnusable sets why no session can use the node, whatever its probes find; nil: sessions can.
func (n *Node) SetUnusable(why error) {
	if why == nil {
		n.condition.unusable.Store(nil)
		return
	}
	n.condition.unusable.Store(&why)
}

// Unusable returns why no session can use the node, or nil.
func (n *Node) Unusable() error {
	if why := n.condition.unusable.Load(); why != nil {
		return *why
	}
	return nil
}
