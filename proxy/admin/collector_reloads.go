package admin

import "time"

// Reloads is the state of reloads since the start.
type Reloads struct {
	Done, Refused uint64 // Done counts reloads that took effect, Refused those that changed nothing

	// Failed says that the last configuration that was read, at the start or later, is
	// not in force.
	Failed bool

	Last time.Time // when the configuration in force was read
}

var (
	configReloads      = newCounter("config_reloads_total", "Reloads of the configuration since the start, by how they ended.", "result")
	configReloadFailed = newGauge("config_reload_failed", "1 while the configuration that was read last could not be used and an earlier one is in force.")
	configLastReload   = newGauge("config_last_reload_timestamp_seconds", "When the configuration in force was read, in Unix time.")
)

// reloads sends how reloads have ended.
func (s scrape) reloads(r Reloads) {
	s.count(configReloads, r.Done, "done")
	s.count(configReloads, r.Refused, "refused")
	s.flag(configReloadFailed, r.Failed)
	s.gauge(configLastReload, unixTime(r.Last))
}
