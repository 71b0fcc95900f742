package mqttparse

import (
	"strings"
	"testing"

	paho5 "github.com/eclipse/paho.golang/packets"
)

func TestServersSendTheDisconnectCodesOfTheSpecification(t *testing.T) {
	ofClients := map[ReasonCode]bool{0x00: true, 0x04: true}
	for i := range 256 {
		code := ReasonCode(i)
		disconnect := paho5.Disconnect{ReasonCode: byte(i)}
		theirs, _, _ := strings.Cut(disconnect.Reason(), " - ")
		if want := theirs != "" && !ofClients[code]; code.InServerDisconnect() != want {
			t.Errorf("%v in a server's DISCONNECT: %t, want %t", code, !want, want)
		}
		if code == SharedSubscriptionsNotSupported {
			continue // paho.golang has it in the singular
		}
		if code.InServerDisconnect() && !strings.EqualFold(theirs, code.String()) {
			t.Errorf("%#02x is %q; paho.golang says %q", i, code, theirs)
		}
	}
}

func TestACodeIsInAConnackIfItRefusesTheClientAsItIs(t *testing.T) {
	for i := range 256 {
		code := ReasonCode(i)
		if want := code != Success && code.inConnack(); code.InConnack(V5) != want {
			t.Errorf("%v in a CONNACK of 5: %t, want %t", code, !want, want)
		}
		for _, v := range []Version{0, V31, V311} {
			if want := len(AppendRefusal(nil, v, code)) > 0; code.InConnack(v) != want {
				t.Errorf("%v in a CONNACK of %v: %t, want %t", code, v, !want, want)
			}
		}
	}
}
