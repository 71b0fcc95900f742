package proxy

import (
	"testing"

	"mqttlb/mqttparse"
	"mqttlb/proxy/websocket"
)

func TestAnswersAreToldApartAtEveryByte(t *testing.T) {
	for name, c := range map[string]struct {
		packet  string
		version mqttparse.Version
		want    answer
		auth    int // length of the AUTH, if another packet follows it
	}{
		"CONNACK of 3.1.1": {"\x20\x02\x00\x05", mqttparse.V311, answerConnack, 0},
		"CONNACK of 5":     {"\x20\x03\x00\x87\x00", mqttparse.V5, answerConnack, 0},
		"AUTH":             {"\xf0\x06\x18\x04\x15\x00\x01x", mqttparse.V5, answerAuth, 0},
		"AUTH, bare":       {"\xf0\x00", mqttparse.V5, answerAuth, 0},
		"AUTH and CONNACK": {"\xf0\x03\x00\x01x\x20\x03\x00\x87\x00", mqttparse.V5, answerConnack, 5},
	} {
		var connack mqttparse.Connack
		for i := range len(c.packet) {
			if got := readAnswer([]byte(c.packet[:i]), &connack, c.version); got != answerShort && (got != answerAuth || i != c.auth) {
				t.Errorf("%s: %d after %d bytes", name, got, i)
			}
		}
		if got := readAnswer([]byte(c.packet), &connack, c.version); got != c.want {
			t.Errorf("%s: %d, want %d", name, got, c.want)
		}
	}
	for name, b := range map[string]string{
		"AUTH of 3.1.1":               "\xf0\x00",
		"PUBLISH":                     "\x30\x00",
		"AUTH whose length is no end": "\xf0\xff\xff\xff\xff",
	} {
		version := pick(name == "AUTH of 3.1.1", mqttparse.V311, mqttparse.V5)
		if got := readAnswer([]byte(b), new(mqttparse.Connack), version); got != answerOther {
			t.Errorf("%s: %d", name, got)
		}
	}
}

// A node that refuses may send a close frame behind its CONNACK.
func TestTheAnswerInFramesIsFoundWhateverIsBehindIt(t *testing.T) {
	frame := func(op websocket.Opcode, s string) string { return string(websocket.AppendFrame(nil, op, []byte(s))) }
	const refusal = "\x20\x03\x00\x87\x00"
	closed := string(websocket.AppendClose(nil, websocket.Normal, ""))
	for name, c := range map[string]struct {
		frames string
		want   answer
	}{
		"alone":                   {frame(websocket.Binary, refusal), answerConnack},
		"before a close frame":    {frame(websocket.Binary, refusal) + closed, answerConnack},
		"before what is no frame": {frame(websocket.Binary, refusal) + "\x83\x00", answerConnack},
		"in two frames":           {frame(websocket.Binary, refusal[:2]) + frame(websocket.Binary, refusal[2:]) + closed, answerConnack},
		"behind a ping":           {frame(websocket.Ping, "p") + frame(websocket.Binary, refusal) + closed, answerConnack},
		"behind an AUTH":          {frame(websocket.Binary, "\xf0\x00") + frame(websocket.Binary, refusal) + closed, answerConnack},
		"not whole":               {frame(websocket.Binary, refusal[:2]), answerShort},
		"cut by a close frame":    {frame(websocket.Binary, refusal[:2]) + closed, answerClose},
		"none":                    {closed, answerClose},
		"a PUBLISH":               {frame(websocket.Binary, "\x30\x00"), answerOther},
		"nothing yet":             {"", answerShort},
	} {
		var connack mqttparse.Connack
		got := connackIn([]byte(c.frames), func(packet []byte) answer { return readAnswer(packet, &connack, mqttparse.V5) })
		if got != c.want || got == answerConnack && connack.Code != 0x87 {
			t.Errorf("%s: %d, code %#x; want %d", name, got, connack.Code, c.want)
		}
	}
}
