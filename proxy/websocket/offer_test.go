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

// A refusal that may be about the offer is one of mqtt alone, too, unless that was the offer.
func TestWhichRefusalsMayBeAboutTheOffer(t *testing.T) {
	status := func(line string) string { return answer("HTTP/1.1 " + line) }
	for _, c := range []struct {
		name, b string
		want    bool
	}{
		{"400, of EMQX", status("400 Bad Request"), true},
		{"not acceptable", status("406 Not Acceptable"), true},
		{"another upgrade", status("426 Upgrade Required"), true},
		{"too long a token", status("431 Request Header Fields Too Large"), true},
		{"not implemented", status("501 Not Implemented"), true},
		{"the whole offer, of RabbitMQ 3.10", answer(switching, upgrade, connection, accept, "Sec-WebSocket-Protocol: mqttv3.1, token"), true},
		{"another one", answer(switching, upgrade, connection, accept, "Sec-WebSocket-Protocol: wamp"), true},
		{"no right", status("403 Forbidden"), false},
		{"no login", status("401 Unauthorized"), false},
		{"another path", status("404 Not Found"), false},
		{"another place", status("302 Found"), false},
		{"a busy node", status("503 Service Unavailable"), false},
		{"no HTTP", "\x20\x02\x00\x00", false},
		{"another key", answer(switching, upgrade, connection, "Sec-WebSocket-Accept: x", "Sec-WebSocket-Protocol: wamp"), false},
	} {
		r := sample
		r.Protocols = []string{"mqttv3.1", "token"}
		_, err := ReadResponse([]byte(c.b), &r)
		if err == nil || r.MayOfferPlain(err) != c.want {
			t.Errorf("%s: %v: %v, want %v", c.name, err, r.MayOfferPlain(err), c.want)
		}
		r.Plain = true
		plain := sample
		if r.MayOfferPlain(err) || plain.MayOfferPlain(err) {
			t.Errorf("%s: mqtt alone is offered after mqtt alone", c.name)
		}
	}
	if r := (&Request{Protocols: []string{"token"}}); r.MayOfferPlain(errors.New("no connection")) {
		t.Error("any error may be about the offer")
	}
}
