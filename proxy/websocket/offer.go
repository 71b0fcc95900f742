package websocket

import (
	"errors"
	"net/http"
	"slices"
	"strings"
)

// MQTT is the subprotocol of MQTT [MQTT-6.0.0-3].
const MQTT = "mqtt"

// plain is the offer that every broker accepts.
var plain = []string{MQTT}

// Offer returns the subprotocols that the request offers.
func (r *Request) Offer() []string {
	if r.Plain {
		return plain
	}
	return r.Protocols
}

// choiceFault describes the fault in the subprotocol that a 101 chooses, or returns "" if there is none. It makes check
// 6 of §4.1.
func choiceFault(h http.Header, r *Request) string {
	chosen := h["Sec-Websocket-Protocol"]
	if len(chosen) == 0 || len(chosen) == 1 && slices.Contains(r.Offer(), chosen[0]) {
		return ""
	}
	return "Sec-WebSocket-Protocol is " + quoted(strings.Join(chosen, ",")) + ", " + quoted(strings.Join(r.Offer(), ", ")) + " was asked for"
}

// mayBeOffer reports whether a node may give the status because of the offered subprotocols. EMQX answers 400 when it
// knows none of them, and a token among them may be too long. RabbitMQ 3.10 repeats the whole offer in its 101, and
// Mosquitto closes in place of an answer.
func mayBeOffer(status int) bool {
	switch status {
	case http.StatusBadRequest, http.StatusNotAcceptable, http.StatusUpgradeRequired, http.StatusNotImplemented,
		http.StatusRequestHeaderFieldsTooLarge:
		return true
	}
	return false
}

// MayOfferPlain reports whether a node that has refused the request with err may accept it with Plain.
func (r *Request) MayOfferPlain(err error) bool {
	refusal, ok := errors.AsType[*ResponseError](err)
	return ok && refusal.MayBeOffer && !slices.Equal(r.Offer(), plain)
}
