// Package mqttparse reads the packets that open an MQTT connection: CONNECT and CONNACK of MQTT 3.1, 3.1.1 and
// 5, as views into the caller's bytes.
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
// The package is strict where a specification says MUST, and lenient elsewhere. A comment beside each check
// names the conformance statement that it enforces, such as [MQTT-3.1.2-3], or the section where the rule has
// no number.
//
// ParseTolerant accepts a CONNECT that breaks some of these rules, each of them a Rule: those that EMQX does not
// enforce by default and that leave no doubt where each field is.
//
// Scanner finds the packet boundaries in a stream of packets of any type.
//
// The package does no input or output, allocates nothing, keeps no copy of its input, and does not look inside
// packets of any other type.
package mqttparse
