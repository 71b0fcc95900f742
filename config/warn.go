package config

import (
	"slices"
	"time"
)

// warn warns of settings of a valid Config that hardly mean what was written: another setting makes them
// void, or their effect surprises. Only what was written is looked at, never a default. What nobody can want is
// an error instead, see check.
func warn(c *Config, s *source) {
	for i := range c.Listeners {
		warnListener(c, &c.Listeners[i], s, item("listeners", i))
	}
	for i := range c.Pools {
		warnPool(c, &c.Pools[i], s, item("pools", i))
	}
	if c.Admin.TLS != nil {
		c.Admin.TLS.chosen().warn(s, "admin.tls")
	}
	warnNodeNames(c, s)
	warnTimeouts(c, s)
	warnLimits(c, s)
	warnProtocols(c, s)
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

func warnLimits(c *Config, s *source) {
	l := &c.Limits
	const all, rate = "limits.max_connections", "limits.connect_rate"
	warnAbove(s, "limits.max_connections_per_address", l.MaxConnectionsPerAddress, all, l.MaxConnections)
	if l.ConnectRate > 0 {
		warnAbove(s, "limits.connect_rate_per_address", l.ConnectRatePerAddress, rate, l.ConnectRate)
	}
	if l.OpeningMemory > 0 {
		for _, size := range []struct {
			key   string
			bytes int
		}{{"limits.max_connect_size", l.MaxConnectSize}, {"limits.max_header_size", l.MaxHeaderSize}} {
			if size.bytes > l.OpeningMemory && (s.written(size.key) || s.written("limits.opening_memory")) {
				s.warnf(size.key, "one of %s is more than limits.opening_memory, %s, which ends it before it is whole",
					formatSize(size.bytes), formatSize(l.OpeningMemory))
			}
		}
	}
}

// warnAbove warns of a limit that is never reached, because another one of the process is less.
func warnAbove(s *source, path string, limit int, other string, process int) {
	if limit > process && s.written(path) {
		s.warnf(path, "%d is never reached: %s, for the whole process, is %d", limit, other, process)
	}
}

// warnProtocols warns of settings for a protocol that no listener speaks.
func warnProtocols(c *Config, s *source) {
	var spoken []Protocol
	for _, l := range c.Listeners {
		spoken = append(spoken, l.Protocol)
		for _, r := range l.Routes {
			spoken = append(spoken, r.Protocol)
		}
	}
	for _, of := range []struct {
		path string
		only []Protocol
	}{
		{"limits.max_connect_size", []Protocol{MQTT, WS}},
		{"limits.max_header_size", []Protocol{WS, HTTP}},
		{"limits.max_request_size", []Protocol{HTTP}},
		{"limits.min_body_rate", []Protocol{HTTP}},
		{"timeouts.connack", []Protocol{MQTT, WS}},
		{"timeouts.response", []Protocol{HTTP}},
		{"timeouts.keep_alive", []Protocol{HTTP}},
		{"timeouts.request_body", []Protocol{HTTP}},
		{"timeouts.tunnel", []Protocol{HTTP}},
	} {
		speaks := func(p Protocol) bool { return slices.Contains(of.only, p) }
		if s.written(of.path) && !slices.ContainsFunc(spoken, speaks) {
			s.warnf(of.path, "has no effect: no listener speaks %s", joinOr(of.only))
		}
	}
}
