// Package mqttparse reads the packets that open an MQTT connection: CONNECT and
// CONNACK of MQTT 3.1, 3.1.1 and 5, as views into the bytes it is given.
//
//	var c mqttparse.Connect // one per loop, used again and again
//	n, err := c.Parse(received, maxConnectSize)
//	switch {
//	case err == nil: // c holds views into received[:n]; received[n:] is what the client sent after its CONNECT
//	case err == mqttparse.ErrShort: // read more, call again from the first byte
//	default: // *Malformed: answer and close
//		reply = mqttparse.AppendRefusal(reply, c.Version, err.(*mqttparse.Malformed).Code)
//	}
//
// It is strict where a specification says MUST and takes everything else. A
// rule that a check enforces is named beside it by its conformance statement,
// like [MQTT-3.1.2-3], or by its section where the rule has no number.
//
// Scanner finds where packets of any kind begin and end in a stream.
//
// The package does no input or output, allocates nothing, keeps no copy of
// what it reads, and does not look inside any other packet.
package mqttparse
