// Package mqttparse reads the packets that open an MQTT connection: CONNECT and
// CONNACK of MQTT 3.1, 3.1.1 and 5, as views into the bytes it is given.
package mqttparse
