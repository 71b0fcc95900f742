package websocket

import (
	"errors"
	"net/http"
	"slices"
)

// MQTT is the subprotocol of MQTT [MQTT-6.0.0-3].
const MQTT = "mqtt"

// plain is the offer that every broker accepts.
var plain = []string{MQTT}

// offer returns the subprotocols that the request offers.
func (r *Request) offer() []string {
	if r.Plain {
		return plain
	}
	return r.Protocols
}

// MayOfferPlain reports whether a node that has refused the request with err may accept it with Plain. EMQX and
// RabbitMQ answer 400 when they know none of the offered subprotocols, and Mosquitto closes without an answer.
func (r *Request) MayOfferPlain(err error) bool {
	refusal, ok := errors.AsType[*ResponseError](err)
	if !ok || slices.Equal(r.offer(), plain) {
		return false
	}
	switch refusal.Status {
	case http.StatusBadRequest, http.StatusNotAcceptable, http.StatusUpgradeRequired, http.StatusNotImplemented,
		http.StatusRequestHeaderFieldsTooLarge: // the offer may hold a long token
		return true
	}
	return refusal.Silent
}
