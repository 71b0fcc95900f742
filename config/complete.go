package config

import (
	"slices"
	"time"
)

// Defaults that depend on another setting; complete fills them in.
const (
	// EMQX serves this path, and Paho's JavaScript client asks for it.
	defaultPath = "/mqtt"
	// A route with a host alone is for all of that host.
	defaultRoutePath = "/"
	// A CA is configured to check clients against it.
	defaultClientAuth = ClientAuthRequire
	// It says who set it.
	defaultCookie = "mqttlb"
	// What a browser asks with: every server answers it.
	defaultProbeMethod = "GET"
	// There is no path that all brokers have.
	defaultProbePath = "/"
	// Two nodes that admit 200 clients a second each have 12,000 in by then. Clients
	// that wait less leave by themselves; a device that is refused comes back at once,
	// and the storm never ends.
	defaultConnectNode = 30 * time.Second
)

// defaultForwardHeaders are those that brokers judge clients by: EMQX checks
// Origin and hands cookies to authentication, all of them log User-Agent.
var defaultForwardHeaders = []string{"Origin", "Cookie", "User-Agent"}

// defaultALPN are the names that are registered with IANA for what a listener
// speaks. Behind protocol tcp nobody knows what that is.
var defaultALPN = map[Protocol][]string{MQTT: {"mqtt"}, WS: {"http/1.1"}, HTTP: {"http/1.1"}}

// complete fills in the defaults that depend on another setting.
func (c *Config) complete() {
	for i := range c.Listeners {
		c.Listeners[i].complete()
	}
	for i := range c.Pools {
		c.Pools[i].complete()
	}
	if c.Timeouts.ConnectNode == 0 {
		c.Timeouts.ConnectNode = max(defaultConnectNode, c.Timeouts.Dial) // an attempt has its time in any case
	}
}

func (l *Listener) complete() {
	if l.Path == "" && l.Protocol == WS {
		l.Path = defaultPath
	}
	for i := range l.Routes {
		switch r := &l.Routes[i]; {
		case l.Protocol == Passthrough:
			r.Protocol = Passthrough // there is nothing to choose
		case r.Path != "":
		case r.Protocol == WS:
			r.Path = defaultPath
		default:
			r.Path = defaultRoutePath
		}
	}
	if l.TLS != nil {
		l.TLS.complete(l.Protocol)
	}
}

func (t *TLS) complete(p Protocol) {
	if t.ClientAuth == "" {
		t.ClientAuth = ClientAuthNone
		if t.ClientCA != "" {
			t.ClientAuth = defaultClientAuth
		}
	}
	if t.ALPN == nil {
		t.ALPN = slices.Clone(defaultALPN[p])
	}
}

func (p *Pool) complete() {
	if p.HashKey == "" && p.Algorithm == ConsistentHash {
		p.HashKey = protocolKeys[p.Protocol][0]
	}
	if p.Cookie == "" && p.HashKey == KeyCookie {
		p.Cookie = defaultCookie
	}
	if p.ForwardHeaders == nil && p.Protocol == WS {
		p.ForwardHeaders = slices.Clone(defaultForwardHeaders)
	}
	if h := &p.Health; h.Probe == ProbeHTTP {
		if h.Method == "" {
			h.Method = defaultProbeMethod
		}
		if h.Path == "" {
			h.Path = defaultProbePath
		}
	}
}
