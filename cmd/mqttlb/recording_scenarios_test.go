package main_test

import "slices"

// scenarios are all scenarios that are recorded.
func scenarios() []*scenario {
	return slices.Concat(
		openings(), proxyHeaders(), websocketOpenings(),
		refusals(), limitRefusals(), tlsRefusals(), upgradeRefusals(), nodeRefusals(),
		relays(), websocketRelays(), ends(), idles(), stops(),
	)
}

// open opens a session that the node accepts.
func (s *scene) open(level byte) (client, node *endpoint) {
	client = s.dial()
	client.send(connectOf(level, "c1"))
	return client, s.welcome(client, level)
}

// welcome plays the node's part of an opening, up to the CONNACK at the client.
func (s *scene) welcome(client *endpoint, level byte) (node *endpoint) {
	node = s.accept()
	node.read(1)
	node.send(connackOf(level, 0))
	client.read(1)
	return node
}

// part ends a session in the orderly way. Over WebSocket the server closes the connection
// first (RFC 6455, 7.1.1).
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

// refused plays a client that sends packets and is refused, then or earlier.
func (s *scene) refused(packets ...[]byte) {
	c := s.dial()
	if s.mayConnect(c) {
		c.send(packets...)
	}
	s.sentAway(c)
}

// mayConnect reports whether the client has not been refused yet.
func (s *scene) mayConnect(c *endpoint) bool { return !c.ended && (c.ws || !s.mode.clientWS()) }

// sentAway records the end of a refused client's connection, and of its session.
func (s *scene) sentAway(c *endpoint) {
	s.turnAway(c)
	s.end()
}

// turnAway records the end of a refused client's connection.
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

// hold opens a session without recording it, on a node started by serveNode.
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
		client.finTCP() // after a close_notify the node might close before the FIN
		client.end()
		s.end()
	})
}
