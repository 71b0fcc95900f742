package web

import (
	"cmp"
	"time"

	"mqttlb/balancer"
	"mqttlb/proxy/snapshot"
	"mqttlb/proxy/walk"
)

// Settings are the settings of requests. They are plain data.
type Settings struct {
	// Pools are the pools of requests. Idle connections to their nodes are kept. A
	// request to any other pool is served, but its connection is not kept.
	Pools []*snapshot.Pool

	MaxRequestSize int64         // bytes of a request's body; 0: no limit
	DialTimeout    time.Duration // for one attempt with TLS; 0: the system's, and none for TLS
	ConnectTimeout time.Duration // for all attempts; they repeat while one timed out; 0: each node is tried once

	// BodyTimeout is how long the body of a request may make us wait, at once and in
	// total. MinBodyRate is how many bytes earn one more second. 0: no limit, and no more
	// time.
	BodyTimeout time.Duration
	MinBodyRate int

	// ResponseTimeout is the time from the end of a request to the header of the node's
	// response; 0: no limit. It is also the limit for one write to a client or a node,
	// with a second more for MinBodyRate bytes; 0: stallTimeout.
	ResponseTimeout time.Duration

	// TunnelTimeout is how long an upgraded connection may carry no byte in either
	// direction. It also limits how long a node may pause within a response body. 0: no limit.
	TunnelTimeout time.Duration

	// SocketBuffer is the size of the kernel's buffers for a connection to a node; 0: as the kernel likes.
	SocketBuffer int

	HalfClosedTimeout time.Duration // like TunnelTimeout, after one side of a tunnel has ended its stream; 0: TunnelTimeout
}

// settings are the settings of a request from its beginning to its end. They are
// immutable.
type settings struct {
	Settings
	write Pace // for one write to a client or a node
}

func newSettings(s Settings) *settings {
	return &settings{s, Pace{cmp.Or(s.ResponseTimeout, stallTimeout), s.MinBodyRate}}
}

// walkPause returns the longest pause before the nodes are tried again, which is at most
// the time of an attempt.
func (s *settings) walkPause() time.Duration {
	if s.DialTimeout > 0 {
		return min(walk.Pause, s.DialTimeout)
	}
	return walk.Pause
}

// transportKeys returns the keys of all nodes.
func (s *settings) transportKeys() map[transportKey]bool {
	keys := map[transportKey]bool{}
	for _, pool := range s.Pools {
		for _, node := range pool.Nodes() {
			keys[s.transportKey(pool, node)] = true
		}
	}
	return keys
}

// transportKey returns the key of a node of a pool.
func (s *settings) transportKey(pool *snapshot.Pool, node *balancer.Node) transportKey {
	return transportKey{
		pool: pool.Name, node: node.Name, address: node.Address,
		sendProxy: pool.SendProxy, tls: pool.TLS, source: pool.Source,
		response: s.ResponseTimeout, write: s.write,
	}
}
