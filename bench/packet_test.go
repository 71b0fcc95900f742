package bench

import (
	"bytes"
	"fmt"
	"io"
	"testing"

	packets5 "github.com/eclipse/paho.golang/packets"
	packets3 "github.com/eclipse/paho.mqtt.golang/packets"
)

var clientPackets = []struct {
	name   string
	encode func(version byte) []byte
}{
	{"CONNECT", func(v byte) []byte {
		c := connect{version: v, cleanStart: true, keepAlive: 300, clientID: []byte("c1"), username: "u", password: "p"}
		return c.append(nil)
	}},
	{"CONNECT without a user", func(v byte) []byte {
		c := connect{version: v, cleanStart: true, clientID: []byte("c1")}
		return c.append(nil)
	}},
	{"PUBLISH QoS 0", func(v byte) []byte { return appendPublish(nil, v, 0, []byte("a/b"), 0, []byte("payload")) }},
	{"PUBLISH QoS 2", func(v byte) []byte { return appendPublish(nil, v, 2<<1|1, []byte("a/b"), 7, make([]byte, 20000)) }},
	{"SUBSCRIBE", func(v byte) []byte { return appendSubscribe(nil, v, 9, []byte("a/#"), 1) }},
}

// The other parsers re-encode what they read: the bytes must be the same.
func TestClientPacketsAreReadByOtherParsers(t *testing.T) {
	for _, p := range clientPackets {
		for version := byte(3); version <= 5; version++ {
			t.Run(fmt.Sprintf("%s version %d", p.name, version), func(t *testing.T) {
				want := p.encode(version)
				var got bytes.Buffer
				if err := reencode(&got, bytes.NewReader(want), version); err != nil {
					t.Fatal(err)
				}
				if !bytes.Equal(got.Bytes(), want) {
					t.Errorf("sent % x, read as % x", want, got.Bytes())
				}
			})
		}
	}
}

func reencode(w io.Writer, r io.Reader, version byte) error {
	if version == 5 {
		p, err := packets5.ReadPacket(r)
		if err != nil {
			return err
		}
		_, err = p.WriteTo(w)
		return err
	}
	p, err := packets3.ReadPacket(r)
	if err != nil {
		return err
	}
	return p.Write(w)
}
