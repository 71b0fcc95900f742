package mqttparse

// readProperties reads the CONNECT Properties of 5 (3.1.2.11).
func (c *Connect) readProperties(r *cursor) bool {
	c.ReceiveMaximum = defaultReceiveMaximum
	c.RequestProblemInformation = true
	var p propertyReader
	if !p.open(r, inConnect, "Property Length") {
		return false
	}
	c.Properties = p.raw()
	dataAt := 0
	for p.next() {
		switch p.id {
		case sessionExpiryInterval:
			c.SessionExpiryInterval = p.number
		case receiveMaximum:
			c.ReceiveMaximum = uint16(p.number)
		case maximumPacketSize:
			c.MaximumPacketSize = p.number
		case topicAliasMaximum:
			c.TopicAliasMaximum = uint16(p.number)
		case requestResponseInformation:
			c.RequestResponseInformation = p.number == 1
		case requestProblemInformation:
			c.RequestProblemInformation = p.number == 1
		case authenticationMethod:
			c.AuthenticationMethod = p.data
		case authenticationData:
			c.AuthenticationData = p.data
			dataAt = p.begin
		}
	}
	if !p.valid() {
		return false
	}
	if p.has(authenticationData) && !p.has(authenticationMethod) && !r.tolerated.tolerate(AuthenticationDataAlone) {
		return r.bad.set(dataAt, "MQTT 5, 3.1.2.11.10", ProtocolError, "Authentication Data", "comes without Authentication Method")
	}
	return true
}

// readWillProperties reads the Will Properties of 5 (3.1.3.2).
func (c *Connect) readWillProperties(r *cursor) bool {
	var p propertyReader
	if !p.open(r, inWill, "Will Property Length") {
		return false
	}
	c.WillProperties = p.raw()
	for p.next() {
		switch p.id {
		case willDelayInterval:
			c.WillDelayInterval = p.number
		case payloadFormatIndicator:
			c.WillPayloadIsText = p.number == 1
		case messageExpiryInterval:
			c.HasMessageExpiryInterval, c.MessageExpiryInterval = true, p.number
		case contentType:
			c.ContentType = p.data
		case responseTopic: // it must be a valid Topic Name
			if c.ResponseTopic = p.data; !r.topicName(p.data, p.begin+1, "Response Topic", ProtocolError, ResponseTopicName) {
				return false
			}
		case correlationData:
			c.CorrelationData = p.data
		}
	}
	return p.valid()
}
