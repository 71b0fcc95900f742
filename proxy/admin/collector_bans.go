package admin

import "mqttlb/proxy"

var (
	bansActive   = newGauge("bans", "Client addresses that are banned now.")
	bansTotal    = newCounter("bans_total", "Bans of client addresses that have begun, by the cause of the last refusal: an outcome, connack for a node that refuses credentials, or operator.", "cause")
	bansWithheld = newCounter("bans_withheld_total", "Client addresses with too many refusals that were not banned, since more of them were refused than sessions accepted.")
	clientsHeld  = newCounter("client_ids_held_total", "Times that a client was held off because it began too many sessions: limits.connect_rate_per_client_id.")
)

func (s scrape) bans(b *proxy.BanStats) {
	s.gauge(bansActive, float64(b.Active))
	for _, cause := range proxy.BanCauses() {
		s.count(bansTotal, b.Begun[cause], cause)
	}
	s.count(bansWithheld, b.Withheld)
	s.count(clientsHeld, b.ClientsHeld)
}
