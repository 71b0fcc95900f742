package mqttparse

import (
	"strings"
	"testing"

	paho5 "github.com/eclipse/paho.golang/packets"
)

func TestReasonCodesHaveTheNamesOfTheSpecification(t *testing.T) {
	for i := 0x80; i < 0x100; i++ {
		code := ReasonCode(i)
		connack := paho5.Connack{ReasonCode: byte(i)}
		theirs, _, _ := strings.Cut(connack.Reason(), " - ")
		switch {
		case code == PayloadFormatInvalid: // paho.golang does not have it
		case theirs == "" && code.inConnack():
			t.Errorf("%v is not a code of CONNACK", code)
		case theirs != "" && (!strings.EqualFold(theirs, code.String()) || !code.inConnack()):
			t.Errorf("%#02x is %q, in CONNACK %v; paho.golang says %q", i, code, code.inConnack(), theirs)
		}
	}
	for code, want := range map[ReasonCode]string{Success: "Success", PayloadFormatInvalid: "Payload format invalid",
		ServerShuttingDown: "Server shutting down", KeepAliveTimeout: "Keep Alive timeout", 0xA3: "reason code 0xA3"} {
		if got := code.String(); got != want {
			t.Errorf("%#02x is %q, want %q", byte(code), got, want)
		}
	}
}

func TestVersionsAreWrittenAsPeopleDo(t *testing.T) {
	for v, want := range map[Version]string{V31: "3.1", V311: "3.1.1", V5: "5", 0: "unknown", 7: "7"} {
		if got := v.String(); got != want {
			t.Errorf("%d is %q, want %q", uint8(v), got, want)
		}
	}
}
