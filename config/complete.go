package config

import "slices"

// Defaults that depend on another setting; complete fills them in.
const (
	// EMQX serves this path, and Paho's JavaScript client asks for it.
	defaultPath = "/mqtt"
	// A route with a host alone is for all of that host.
	defaultRoutePath = "/"
	// A CA is configured to check clients against it.
	defaultClientAuth = ClientAuthRequire
	// Older versions are deprecated (RFC 8996), and crypto/tls leaves them off.
	defaultMinVersion = TLS12
	// It says who set it.
	defaultCookie = "mqttlb"
	// What a browser asks with: every server answers it.
	defaultProbeMethod = "GET"
	// There is no path that all brokers have.
	defaultProbePath = "/"
)

// defaultForwardHeaders are those that brokers judge clients by: EMQX checks
// Origin and hands cookies to authentication, all of them log User-Agent.
var defaultForwardHeaders = []string{"Origin", "Cookie", "User-Agent"}

// complete fills in the defaults that depend on another setting.
func (c *Config) complete() {
	for i := range c.Listeners {
		c.Listeners[i].complete()
	}
	for i := range c.Pools {
		c.Pools[i].complete()
	}
}

func (l *Listener) complete() {
	if l.Path == "" && l.Protocol == WS {
		l.Path = defaultPath
	}
	for i := range l.Routes {
		switch r := &l.Routes[i]; {
		case r.Path != "":
		case r.Protocol == WS:
			r.Path = defaultPath
		default:
			r.Path = defaultRoutePath
		}
	}
	if l.TLS == nil {
		return
	}
	if l.TLS.ClientAuth == "" {
		l.TLS.ClientAuth = ClientAuthNone
		if l.TLS.ClientCA != "" {
			l.TLS.ClientAuth = defaultClientAuth
		}
	}
	if l.TLS.MinVersion == "" {
		l.TLS.MinVersion = defaultMinVersion
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
