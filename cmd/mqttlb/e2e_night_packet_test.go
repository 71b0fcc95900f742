package main_test

import (
	"bufio"
	"io"

	v5 "github.com/eclipse/paho.golang/packets"
	v3 "github.com/eclipse/paho.mqtt.golang/packets"
)

// readConnect reads a short CONNECT of MQTT 3.1.1 or 5.
func readConnect(in *bufio.Reader) (id string, version byte, err error) {
	head, err := in.Peek(9) // packet type, length of one byte, name, level
	if err != nil {
		return "", 0, err
	}
	if head[8] == 5 {
		p, err := v5.ReadPacket(in)
		if err != nil {
			return "", 0, err
		}
		return p.Content.(*v5.Connect).ClientID, 5, nil
	}
	p, err := v3.ReadPacket(in)
	if err != nil {
		return "", 0, err
	}
	return p.(*v3.ConnectPacket).ClientIdentifier, 4, nil
}

// writeConnack writes a CONNACK with the code of the client's version.
func writeConnack(w io.Writer, version, code5, code3 byte) {
	if version == 5 {
		(&v5.Connack{ReasonCode: code5, Properties: &v5.Properties{}}).WriteTo(w)
		return
	}
	c := v3.NewControlPacket(v3.Connack).(*v3.ConnackPacket)
	c.ReturnCode = code3
	_ = c.Write(w)
}
