package web

import (
	"cmp"
	"time"

	"mqttlb/balancer"
	"mqttlb/proxy/snapshot"
	"mqttlb/proxy/walk"
)

// Settings are what a configuration says of requests. They are plain data.
type Settings struct {
	// Pools are those that requests go to. Connections to their nodes are kept for the
	// next request; a request for any other pool is served, and leaves none behind.
	Pools []*snapshot.Pool

	MaxRequestSize int64         // bytes of a request's body; 0: no limit
	DialTimeout    time.Duration // for each node tried, TLS included; 0: the system's, and none for TLS
	ConnectTimeout time.Duration // for all of them, tried again while one timed out; 0: each is tried once

	// BodyTimeout is how long the body of a request may keep us waiting, at once and in
	// all, and MinBodyRate gives it a second more for so many bytes; 0: no limit, and
	// no more time.
	BodyTimeout time.Duration
	MinBodyRate int

	// ResponseTimeout is the time from the end of a request to a node to the header of
	// its response; 0: no limit. One write to a client or a node has as long, and a
	// second more for MinBodyRate bytes; 0: stallTimeout.
	ResponseTimeout time.Duration

	// TunnelTimeout is how long an upgraded connection may be silent in both
	// directions, and a node within the body of its response; 0: no limit.
	TunnelTimeout time.Duration

	HalfClosedTimeout time.Duration // the same for a tunnel of which one side has ended its stream; 0: TunnelTimeout
}

// settings are what a request keeps from its beginning to its end. They are immutable.
type settings struct {
	Settings
	write Pace // of one write to a client or a node
}

func newSettings(s Settings) *settings {
	return &settings{s, Pace{cmp.Or(s.ResponseTimeout, stallTimeout), s.MinBodyRate}}
}

// walkPause bounds the pause before the nodes are tried again: it is no longer than an
// attempt.
func (s *settings) walkPause() time.Duration {
	if s.DialTimeout > 0 {
		return min(walk.Pause, s.DialTimeout)
	}
	return walk.Pause
}

// transportKeys are those of all nodes.
func (s *settings) transportKeys() map[transportKey]bool {
	keys := map[transportKey]bool{}
	for _, pool := range s.Pools {
		for _, node := range pool.Nodes() {
			keys[s.transportKey(pool, node)] = true
		}
	}
	return keys
}

// transportKey is that of a node of a pool.
func (s *settings) transportKey(pool *snapshot.Pool, node *balancer.Node) transportKey {
	return transportKey{
		pool: pool.Name, node: node.Name, address: node.Address,
		sendProxy: pool.SendProxy, tls: pool.TLS,
		response: s.ResponseTimeout, write: s.write,
	}
}
