package opening

import (
	"net/http"
	"slices"
	"strings"

	"golang.org/x/net/http/httpguts"

	"mqttlb/proxy/websocket"
)

// subprotocols are the names that clients give MQTT [MQTT-6.0.0-3]. The first is the
// standard one, which is chosen whenever it is offered.
var subprotocols = []string{websocket.MQTT, "mqttv3.1.1", "mqttv3.1", "mqtt-v5", "mqtt-v3.1.1", "mqtt-v3"}

const subprotocolHeader = "Sec-Websocket-Protocol"

// An Offer is what a client offers in the Sec-WebSocket-Protocol of its upgrade.
type Offer struct {
	chosen string   // the subprotocol that the client gets, as it spells it; empty: it offers none
	all    []string // what it offers, in its order, each once
}

// offerOf reads the offer in the header of an upgrade. It returns false if that has no MQTT; none at all will do
// if the subprotocol is optional. The header may stand there several times (RFC 6455, 11.3.4).
func offerOf(h http.Header, optional bool) (Offer, bool) {
	offered := websocket.Tokens(h.Values(subprotocolHeader))
	if len(offered) == 0 {
		return Offer{}, optional
	}
	var o Offer
	for _, p := range offered {
		if httpguts.ValidHeaderFieldName(p) && !slices.Contains(o.all, p) { // both are tokens of RFC 9110
			o.all = append(o.all, p)
		}
	}
	for _, ours := range subprotocols {
		// Names have a case, but no other subprotocol is called so, and some devices offer MQTT.
		if i := slices.IndexFunc(o.all, func(p string) bool { return strings.EqualFold(p, ours) }); i >= 0 {
			o.chosen = o.all[i]
			return o, true
		}
	}
	return Offer{}, false
}

// Header returns what the answer to the client has beside the headers of every upgrade.
func (o Offer) Header() http.Header {
	if o.chosen == "" {
		return nil
	}
	return http.Header{subprotocolHeader: {o.chosen}}
}

// forNodes returns what nodes are offered. They need not choose the subprotocol that the client got: all of MQTT's
// names mean the same bytes. Many nodes refuse an upgrade that offers none.
func (o Offer) forNodes() []string {
	if len(o.all) == 0 {
		return []string{websocket.MQTT}
	}
	return o.all
}

func orNone(optional bool) string {
	if optional {
		return ", or nothing at all"
	}
	return ""
}
