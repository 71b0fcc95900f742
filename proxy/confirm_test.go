package proxy

import (
	"testing"

	"mqttlb/mqttparse"
)

func TestAnswersAreToldApartAtEveryByte(t *testing.T) {
	for name, c := range map[string]struct {
		packet  string
		version mqttparse.Version
		want    answer
		auth    int // where its AUTH ends, with more behind it
	}{
		"CONNACK of 3.1.1": {"\x20\x02\x00\x05", mqttparse.V311, answerConnack, 0},
		"CONNACK of 5":     {"\x20\x03\x00\x87\x00", mqttparse.V5, answerConnack, 0},
		"AUTH":             {"\xf0\x06\x18\x04\x15\x00\x01x", mqttparse.V5, answerAuth, 0},
		"AUTH, bare":       {"\xf0\x00", mqttparse.V5, answerAuth, 0},
		"AUTH and CONNACK": {"\xf0\x03\x00\x01x\x20\x03\x00\x87\x00", mqttparse.V5, answerConnack, 5},
	} {
		var connack mqttparse.Connack
		for i := range len(c.packet) {
			if got := confirm([]byte(c.packet[:i]), &connack, c.version); got != answerShort && (got != answerAuth || i != c.auth) {
				t.Errorf("%s: %d after %d bytes", name, got, i)
			}
		}
		if got := confirm([]byte(c.packet), &connack, c.version); got != c.want {
			t.Errorf("%s: %d, want %d", name, got, c.want)
		}
	}
	for name, b := range map[string]string{
		"AUTH of 3.1.1":               "\xf0\x00",
		"PUBLISH":                     "\x30\x00",
		"AUTH whose length is no end": "\xf0\xff\xff\xff\xff",
	} {
		version := pick(name == "AUTH of 3.1.1", mqttparse.V311, mqttparse.V5)
		if got := confirm([]byte(b), new(mqttparse.Connack), version); got != answerOther {
			t.Errorf("%s: %d", name, got)
		}
	}
}
