package config

import (
	"cmp"
	"slices"
	"time"
)

// The defaults that depend on another setting; complete sets them.
const (
	// EMQX serves this path, and Paho's JavaScript client asks for it.
	defaultPath = "/mqtt"
	// A route with only a host is for the whole host.
	defaultRoutePath = "/"
	// Whoever configures a CA wants to check clients against it.
	defaultClientAuth = ClientAuthRequire
	// It says who set the cookie.
	defaultCookie = "mqttlb"
	// Tolerates one lost SYN (1 s). With a shorter interval the interval is the limit.
	defaultProbeTimeout = 2 * time.Second
	// Browsers use it: every server answers it.
	defaultProbeMethod = "GET"
	// No path exists on all brokers.
	defaultProbePath = "/"
	// Of the management API of EMQX 5; in 4.x it is the dashboard's alone.
	defaultManagementPort = 18083
	// Every broker understands it.
	defaultProbeVersion = MQTT311
	// The C library, and so every other program, logs to it.
	defaultSyslogSocket = "/dev/log"
	// Two nodes that admit 200 clients a second each have 12,000 after this time. Clients
	// that wait less give up earlier. A refused device comes back at once, and then the
	// storm never ends.
	defaultConnectNode = 30 * time.Second
)

// defaultForwardHeaders are the headers by which brokers judge clients: EMQX checks
// Origin and passes cookies to authentication, and all of them log User-Agent.
var defaultForwardHeaders = []string{"Origin", "Cookie", "User-Agent"}

// defaultRemoveHeaders are headers by which proxies and CDNs name a client, a host or a path, and which servers believe from
// anybody. Proxy is the variable HTTP_PROXY of a CGI program.
var defaultRemoveHeaders = []string{
	"Proxy", "X-Original-Url", "X-Original-Uri", "X-Rewrite-Url", "X-Original-Host", "X-Host",
	"True-Client-Ip", "Cf-Connecting-Ip", "Cf-Connecting-Ipv6", "Fastly-Client-Ip", "Client-Ip", "X-Client-Ip", "X-Cluster-Client-Ip",
	"X-Original-Forwarded-For", "X-Forwarded", "Forwarded-For", "X-Envoy-External-Address", "X-Appengine-User-Ip", "X-Azure-Clientip",
}

// defaultALPN are the IANA names of a listener's protocol. Behind protocol tcp the
// protocol is unknown.
var defaultALPN = map[Protocol][]string{MQTT: {"mqtt"}, WS: {"http/1.1"}, HTTP: {"http/1.1"}}

// complete sets the defaults that depend on another setting.
func (c *Config) complete() {
	for i := range c.Listeners {
		c.Listeners[i].complete()
	}
	for i := range c.Pools {
		c.Pools[i].complete()
	}
	if c.Admin.TLS != nil {
		c.Admin.TLS.complete(HTTP)
	}
	if c.Timeouts.ConnectNode == 0 {
		c.Timeouts.ConnectNode = max(defaultConnectNode, c.Timeouts.Dial) // one attempt always gets its full time
	}
}

func (l *Listener) complete() {
	if l.Path == "" && len(l.Paths) == 0 && l.Protocol == WS {
		l.Path = defaultPath
	}
	for i := range l.Routes {
		switch r := &l.Routes[i]; {
		case l.Protocol.hasOneKindOfRoute():
			r.Protocol = l.Protocol
		case r.Path != "", len(r.Paths) > 0:
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
	if !p.Protocol.hasConnect() {
		p.Confirm = nil
	}
	if p.Cookie == "" && p.HashKey == KeyCookie {
		p.Cookie = defaultCookie
	}
	if p.ForwardHeaders == nil && p.Protocol == WS {
		p.ForwardHeaders = slices.Clone(defaultForwardHeaders)
	}
	if p.RemoveHeaders == nil && p.Protocol == HTTP {
		p.RemoveHeaders = slices.Clone(defaultRemoveHeaders)
	}
	p.Health.complete()
}

func (h *Health) complete() {
	if h.Timeout == 0 {
		h.Timeout = h.defaultTimeout()
	}
	h.Probe = slices.Clone(h.Probe) // pools share no memory, nor with the defaults
	if h.Uses(ProbeHTTP) {
		h.Method = cmp.Or(h.Method, defaultProbeMethod)
		h.Path = cmp.Or(h.Path, defaultProbePath)
	}
	if h.Uses(ProbeEMQX) {
		h.Port = cmp.Or(h.Port, defaultManagementPort)
	}
	if h.Uses(ProbeMQTT) {
		h.Version = cmp.Or(h.Version, defaultProbeVersion)
	}
}

// defaultTimeout is the default of the timeout, which depends on the interval.
func (h *Health) defaultTimeout() time.Duration { return min(defaultProbeTimeout, h.Interval) }

// bare returns a copy of a complete configuration in which the defaults that
// complete fills in are left out again, and what has been included.
func (c *Config) bare() *Config {
	b := *c
	b.Include = nil
	b.Listeners, b.Pools = slices.Clone(c.Listeners), slices.Clone(c.Pools)
	for i := range b.Listeners {
		b.Listeners[i].strip()
	}
	for i := range b.Pools {
		b.Pools[i].strip()
	}
	b.Admin.TLS = c.Admin.TLS.strip(HTTP)
	if b.Timeouts.ConnectNode == max(defaultConnectNode, b.Timeouts.Dial) {
		b.Timeouts.ConnectNode = 0
	}
	return &b
}

// strip undoes complete; it changes nothing that copies of l share.
func (l *Listener) strip() {
	leaveOut(&l.Path, defaultPath)
	l.Routes = slices.Clone(l.Routes)
	for i := range l.Routes {
		switch r := &l.Routes[i]; {
		case l.Protocol.hasOneKindOfRoute() && r.Protocol == l.Protocol:
			r.Protocol = defaultRoute.Protocol // it cannot be written
		case r.Host == "" && r.SNI == "": // a route has a condition
		case r.Protocol == WS:
			leaveOut(&r.Path, defaultPath)
		default:
			leaveOut(&r.Path, defaultRoutePath)
		}
	}
	l.TLS = l.TLS.strip(l.Protocol)
}

// strip returns a copy of t in which what complete fills in is left out again; nil for nil.
func (t *TLS) strip(p Protocol) *TLS {
	if t == nil {
		return nil
	}
	bare := *t
	if bare.ClientCA == "" {
		leaveOut(&bare.ClientAuth, ClientAuthNone)
	} else {
		leaveOut(&bare.ClientAuth, defaultClientAuth)
	}
	if initial := defaultALPN[p]; initial != nil && slices.Equal(bare.ALPN, initial) {
		bare.ALPN = nil
	}
	return &bare
}

// strip undoes complete; it changes nothing that copies of p share.
func (p *Pool) strip() {
	if keys := protocolKeys[p.Protocol]; len(keys) > 0 {
		leaveOut(&p.HashKey, keys[0])
	}
	if !p.Protocol.hasConnect() {
		p.Confirm = defaultPool.Confirm // it cannot be written
	}
	leaveOut(&p.Cookie, defaultCookie)
	if slices.Equal(p.ForwardHeaders, defaultForwardHeaders) {
		p.ForwardHeaders = nil
	}
	if slices.Equal(p.RemoveHeaders, defaultRemoveHeaders) {
		p.RemoveHeaders = nil
	}
	leaveOut(&p.Health.Timeout, p.Health.defaultTimeout())
	leaveOut(&p.Health.Method, defaultProbeMethod)
	leaveOut(&p.Health.Path, defaultProbePath)
	leaveOut(&p.Health.Version, defaultProbeVersion)
	if p.Health.Uses(ProbeEMQX) {
		leaveOut(&p.Health.Port, defaultManagementPort)
	}
}

// leaveOut empties a setting that is as it would be if it were not written.
func leaveOut[T comparable](setting *T, initial T) {
	if *setting == initial {
		var none T
		*setting = none
	}
}
