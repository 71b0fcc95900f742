package config

import "time"

// warn warns of settings of a valid Config that hardly mean what was written: the number of nodes makes them
// void, or their effect surprises. Only what was written is looked at, never a default. What nobody can want is
// an error instead, see check.
func warn(c *Config, s *source) {
	warnRules(c.Rules, s, "rules")
	for i := range c.Listeners {
		warnListener(&c.Listeners[i], s, item("listeners", i))
	}
	for i := range c.Pools {
		warnPool(c, &c.Pools[i], s, item("pools", i))
	}
	if c.Admin.TLS != nil {
		c.Admin.TLS.chosen().warn(s, "admin.tls")
	}
	warnNodeNames(c, s)
	warnTimeouts(c, s)
}

// usualKeepAlive is the keep alive of most client libraries: Paho, MQTT.js, mosquitto. A client that has
// nothing to say sends a ping each time that it is over, or a little later.
const usualKeepAlive = time.Minute

// leastIdle leaves a client with the usual keep alive the time that MQTT gives it.
const leastIdle = usualKeepAlive * 3 / 2

func warnTimeouts(c *Config, s *source) {
	t := &c.Timeouts
	if idle := "timeouts.idle"; t.Idle > 0 && t.Idle < leastIdle && s.written(idle) {
		s.warnf(idle, "%s ends clients that are well: most have a keep alive of %s, and may be silent for %s; 0s follows the keep alive of each client",
			formatDuration(t.Idle), formatDuration(usualKeepAlive), formatDuration(leastIdle))
	}
}
