package mqttparse

import (
	"bytes"

	"github.com/eclipse/paho.golang/packets"
)

// AppendDisconnect appends to b the DISCONNECT of MQTT 5 with which a server ends a connection that it had accepted, and
// returns the extended slice. Earlier versions have none (3.14), and no client may get one before its CONNACK [MQTT-3.14.0-1].
func AppendDisconnect(b []byte, code ReasonCode) []byte {
	written := bytes.NewBuffer(b)
	disconnect := packets.NewControlPacket(packets.DISCONNECT)
	disconnect.Content.(*packets.Disconnect).ReasonCode = byte(code)
	if _, err := disconnect.WriteTo(written); err != nil {
		panic(err) // a bytes.Buffer takes everything
	}
	return written.Bytes()
}
