package mqttparse

// readProperties reads the CONNACK Properties of 5 (3.2.2.3) to the end of the packet. A
// CONNACK has no payload.
func (c *Connack) readProperties(r *cursor) bool {
	c.ReceiveMaximum = defaultReceiveMaximum
	c.MaximumQoS = defaultMaximumQoS
	c.RetainAvailable = true
	c.WildcardSubscriptionAvailable = true
	c.SubscriptionIdentifiersAvailable = true
	c.SharedSubscriptionAvailable = true
	var p propertyReader
	if !p.open(r, inConnack, "Property Length") {
		return false
	}
	c.Properties = p.raw()
	for p.next() {
		switch p.id {
		case sessionExpiryInterval:
			c.HasSessionExpiryInterval, c.SessionExpiryInterval = true, p.number
		case receiveMaximum:
			c.ReceiveMaximum = uint16(p.number)
		case maximumQoS:
			c.MaximumQoS = uint8(p.number)
		case retainAvailable:
			c.RetainAvailable = p.number == 1
		case maximumPacketSize:
			c.MaximumPacketSize = p.number
		case assignedClientIdentifier:
			c.AssignedClientID = p.data
		case topicAliasMaximum:
			c.TopicAliasMaximum = uint16(p.number)
		case reasonString:
			c.ReasonString = p.data
		case wildcardSubscriptionAvailable:
			c.WildcardSubscriptionAvailable = p.number == 1
		case subscriptionIdentifiersAvailable:
			c.SubscriptionIdentifiersAvailable = p.number == 1
		case sharedSubscriptionAvailable:
			c.SharedSubscriptionAvailable = p.number == 1
		case serverKeepAlive:
			c.HasServerKeepAlive, c.ServerKeepAlive = true, uint16(p.number)
		case responseInformation:
			c.ResponseInformation = p.data
		case serverReference:
			c.ServerReference = p.data
		case authenticationMethod:
			c.AuthenticationMethod = p.data
		case authenticationData:
			c.AuthenticationData = p.data
		}
	}
	if !p.valid() {
		return false
	}
	if !r.empty() {
		return r.bad.set(r.at, "MQTT 5, 3.2.3", MalformedPacket, "CONNACK", "has a payload")
	}
	return true
}
