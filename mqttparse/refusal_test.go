package mqttparse

import (
	"bytes"
	"testing"

	paho5 "github.com/eclipse/paho.golang/packets"
	paho3 "github.com/eclipse/paho.mqtt.golang/packets"
)

func TestRefusalIsReadByClientsOf5(t *testing.T) {
	for i := range 256 {
		code := ReasonCode(i)
		b := AppendRefusal([]byte("before"), V5, code)
		r := bytes.NewReader(b[len("before"):])
		read, err := paho5.ReadPacket(r)
		if err != nil || r.Len() != 0 || !bytes.HasPrefix(b, []byte("before")) {
			t.Fatalf("%v: %q: %v", code, b, err)
		}
		want := code
		if code < 0x80 || !code.inConnack() {
			want = UnspecifiedError
		}
		connack, ok := read.Content.(*paho5.Connack)
		if !ok || connack.ReasonCode != byte(want) || connack.SessionPresent {
			t.Errorf("%v: paho.golang reads %v, want %v", code, read, want)
		}
		var c Connack
		if _, err := c.Parse(b[len("before"):], V5, 5); err != nil || c.Code != byte(want) {
			t.Errorf("%v: Connack reads %+v, %v", code, c, err)
		}
	}
}

func TestRefusalIsReadByClientsOf3(t *testing.T) {
	returns := map[ReasonCode]byte{
		UnsupportedProtocolVersion: paho3.ErrRefusedBadProtocolVersion,
		ClientIdentifierNotValid:   paho3.ErrRefusedIDRejected,
		ServerUnavailable:          paho3.ErrRefusedServerUnavailable,
		ServerBusy:                 paho3.ErrRefusedServerUnavailable,
		ServerShuttingDown:         paho3.ErrRefusedServerUnavailable,
		QuotaExceeded:              paho3.ErrRefusedServerUnavailable,
		UseAnotherServer:           paho3.ErrRefusedServerUnavailable,
		ServerMoved:                paho3.ErrRefusedServerUnavailable,
		ConnectionRateExceeded:     paho3.ErrRefusedServerUnavailable,
		BadUserNameOrPassword:      paho3.ErrRefusedBadUsernameOrPassword,
		NotAuthorized:              paho3.ErrRefusedNotAuthorised,
		Banned:                     paho3.ErrRefusedNotAuthorised,
	}
	for _, v := range []Version{V31, V311} {
		for i := range 256 {
			code := ReasonCode(i)
			b := AppendRefusal(nil, v, code)
			want, fits := returns[code]
			if !fits {
				if len(b) != 0 {
					t.Errorf("%v, %v: %q, want silence", v, code, b)
				}
				continue
			}
			r := bytes.NewReader(b)
			read, err := paho3.ReadPacket(r)
			if err != nil || r.Len() != 0 {
				t.Fatalf("%v, %v: %q: %v", v, code, b, err)
			}
			connack, ok := read.(*paho3.ConnackPacket)
			if !ok || connack.ReturnCode != want || connack.SessionPresent {
				t.Errorf("%v, %v: paho.mqtt.golang reads %v, want return code %d", v, code, read, want)
			}
		}
	}
}

func TestRefusalOfAnUnknownVersionIsSilence(t *testing.T) {
	for i := range 256 {
		for _, v := range []Version{0, 1, 2, 6, 0x84, 255} {
			if b := AppendRefusal(nil, v, ReasonCode(i)); len(b) != 0 {
				t.Fatalf("version %d: %q", v, b)
			}
		}
	}
}

// The client can read every refusal that Parse asks for.
func TestRefusalOfEveryRejectedConnect(t *testing.T) {
	for _, test := range rejectedConnects {
		b := AppendRefusal(nil, test.version, test.code)
		switch {
		case test.version == V5:
			if len(b) != 5 || b[3] != byte(test.code) {
				t.Errorf("%s: %q", test.name, b)
			}
		case test.version != 0 && test.code == UnsupportedProtocolVersion, test.code == ClientIdentifierNotValid:
			if len(b) != 4 || b[3] == 0 {
				t.Errorf("%s: %q", test.name, b)
			}
		case len(b) != 0:
			t.Errorf("%s: %q, want silence", test.name, b)
		}
	}
}
