package mqttparse

import (
	"bytes"

	"github.com/eclipse/paho.golang/packets"
)

// AppendDisconnect appends to b the DISCONNECT with which an MQTT 5 server ends a connection that it had accepted, and returns
// the extended slice. In earlier versions a server sends no DISCONNECT (3.14). No client may get one before its CONNACK
// [MQTT-3.14.0-1].
func AppendDisconnect(b []byte, code ReasonCode) []byte {
	written := bytes.NewBuffer(b)
	disconnect := packets.NewControlPacket(packets.DISCONNECT)
	disconnect.Content.(*packets.Disconnect).ReasonCode = byte(code)
	if _, err := disconnect.WriteTo(written); err != nil {
		panic(err) // a bytes.Buffer accepts every write
	}
	return written.Bytes()
}
