package main_test

import "slices"

// scenarios are all that is recorded.
func scenarios() []*scenario {
	return slices.Concat(
		openings(), proxyHeaders(), websocketOpenings(),
		refusals(), limitRefusals(), tlsRefusals(), upgradeRefusals(), nodeRefusals(),
		relays(), websocketRelays(), ends(), idles(), stops(),
	)
}

// open is a session that the node has accepted.
func (s *scene) open(level byte) (client, node *endpoint) {
	client = s.dial()
	client.send(connectOf(level, "c1"))
	return client, s.welcome(client, level)
}

// welcome is the node's part of an opening, to the CONNACK at the client.
func (s *scene) welcome(client *endpoint, level byte) (node *endpoint) {
	node = s.accept()
	node.read(1)
	node.send(connackOf(level, 0))
	client.read(1)
	return node
}

// part ends a session as clients should. Over WebSocket the server closes first (RFC
// 6455, 7.1.1).
func (s *scene) part(client, node *endpoint) {
	client.send(disconnectPacket)
	switch {
	case node.ws:
		client.closeWS(1000, "")
		node.read(2)
		node.closeWS(1000, "")
		node.fin()
		client.end()
		client.fin()
		node.end()
	case client.ws:
		client.closeWS(1000, "")
		node.end()
		node.fin()
		client.end()
		client.fin()
	default:
		client.fin()
		node.end()
		node.fin()
		client.end()
	}
	s.end()
}

// refused is a client that sends packets and is turned away, then or before.
func (s *scene) refused(packets ...[]byte) {
	c := s.dial()
	if s.mayConnect(c) {
		c.send(packets...)
	}
	s.sentAway(c)
}

// mayConnect reports whether nothing has refused the client yet.
func (s *scene) mayConnect(c *endpoint) bool { return !c.ended && (c.ws || !s.mode.clientWS()) }

// sentAway records the end of a client that is refused, and its session's.
func (s *scene) sentAway(c *endpoint) {
	s.turnAway(c)
	s.end()
}

// turnAway records the end of a client that is refused.
func (s *scene) turnAway(c *endpoint) {
	if s.mode.clientWS() && !c.ws && !c.answered && !c.ended {
		c.response()
	}
	if !s.mode.reads() && !c.ended {
		_ = c.ending(c.drained())
		c.notef("< closed") // with a FIN or a RST: what it has sent may have been read
	}
	c.end()
	c.finTCP()
}

// hold opens a session that is not recorded, on a node that serves whoever comes.
func (s *scene) hold() (client *endpoint) {
	s.quietly(func() {
		s.serveNode()
		client = s.dial()
		client.send(connectOf(4, "c0"))
		client.read(1)
	})
	return client
}

// release ends a session that hold has opened.
func (s *scene) release(client *endpoint) {
	s.quietly(func() {
		client.finTCP() // a node that is passed a close_notify might close before the FIN
		client.end()
		s.end()
	})
}
