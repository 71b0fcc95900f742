package main

import (
	"mqttlb/config"
	"mqttlb/proxy/snapshot"
)

// bansOf returns the run-time form of the bans; b is nil if there are none.
func bansOf(b *config.Bans) snapshot.Bans {
	if b == nil {
		return snapshot.Bans{}
	}
	return snapshot.Bans{Refusals: b.Refusals, Within: b.Within, Time: b.Time, Exempt: b.Exempt}
}

func clientIDLimitOf(l *config.Limits) snapshot.ClientIDLimit {
	rate := l.ConnectRatePerClientID
	return snapshot.ClientIDLimit{Sessions: rate.Events, Within: rate.Within, Hold: l.ClientIDHold}
}
