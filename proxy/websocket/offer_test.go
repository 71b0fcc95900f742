package websocket

import (
	"errors"
	"testing"
)

func TestTheOfferIsInOrderOnOneLine(t *testing.T) {
	r := Request{Path: "/", Host: "h", Key: NewKey(), Protocols: []string{"mqttv3.1", "mqtt", "Bearer.abc"}}
	for plain, want := range map[bool]string{false: "mqttv3.1, mqtt, Bearer.abc", true: "mqtt"} {
		r.Plain = plain
		if got := parsed(t, &r).Header["Sec-Websocket-Protocol"]; len(got) != 1 || got[0] != want {
			t.Errorf("plain %v: offers %q, want %q", plain, got, want)
		}
	}
}

// A node may choose any subprotocol that it was offered, and no other one.
func TestNodeChoosesFromTheOffer(t *testing.T) {
	for chosen, ok := range map[string]bool{"mqtt": true, "mqttv3.1": true, "MQTT": false, "wamp": false, "mqttv3.1, mqtt": false} {
		r := sample
		r.Protocols = []string{"mqttv3.1", "mqtt"}
		b := answer(switching, upgrade, connection, accept, "Sec-WebSocket-Protocol: "+chosen)
		if _, err := ReadResponse([]byte(b), &r); (err == nil) != ok {
			t.Errorf("%q: %v", chosen, err)
		}
		r.Plain = true
		if _, err := ReadResponse([]byte(b), &r); (err == nil) != (chosen == "mqtt") {
			t.Errorf("%q after a plain offer: %v", chosen, err)
		}
	}
}

func TestWhichRefusalsMayBeAboutTheOffer(t *testing.T) {
	refusal := func(status int) error { return &ResponseError{Status: status} }
	closed := &ResponseError{Reason: "closed", Silent: true}
	for _, c := range []struct {
		name  string
		offer []string
		plain bool
		err   error
		want  bool
	}{
		{"400, of EMQX", []string{"mqttv3.1"}, false, refusal(400), true},
		{"400 with mqtt among others", []string{"mqtt", "token"}, false, refusal(400), true},
		{"a close, of Mosquitto", []string{"mqttv3.1.1"}, false, closed, true},
		{"too long a token", []string{"mqtt", "token"}, false, refusal(431), true},
		{"400 for mqtt", []string{"mqtt"}, false, refusal(400), false},
		{"a close for mqtt", []string{"mqtt"}, false, closed, false},
		{"400 again", []string{"mqttv3.1"}, true, refusal(400), false},
		{"no right", []string{"mqttv3.1"}, false, refusal(403), false},
		{"another path", []string{"mqttv3.1"}, false, refusal(404), false},
		{"a busy node", []string{"mqttv3.1"}, false, refusal(503), false},
		{"no HTTP", []string{"mqttv3.1"}, false, refusal(0), false},
		{"another error", []string{"mqttv3.1"}, false, errors.New("reset"), false},
	} {
		r := Request{Protocols: c.offer, Plain: c.plain}
		if got := r.MayOfferPlain(c.err); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}
