package opening

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"mqttlb/balancer"
	"mqttlb/proxy/outcome"
	"mqttlb/proxy/snapshot"
	"mqttlb/proxy/tlsterm"
	"mqttlb/proxy/tlv"
	"mqttlb/proxy/websocket"
)

// stages are the listeners of these tests.
var stages = func() map[string]*snapshot.Listener {
	pool := func(name string) *snapshot.Pool {
		p, err := balancer.NewPool(balancer.PoolSpec{Name: name, Nodes: []balancer.NodeSpec{{Name: "n", Address: "127.0.0.1:1"}}})
		if err != nil {
			panic(err)
		}
		return &snapshot.Pool{Pool: p}
	}
	plain, framed, named := pool("plain"), pool("framed"), pool("named")
	framed.WebSocket, framed.ForwardHeaders = true, []string{"Cookie"}
	forwarding := pool("forwarding")
	forwarding.SendProxy, forwarding.ForwardTLVs = 2, tlv.SSL
	over := &snapshot.TLS{Timeout: time.Second, Identity: snapshot.ClientIDIdentity}
	upgrades := func(p *snapshot.Pool) []snapshot.Route {
		return []snapshot.Route{{Path: "/mqtt", Pool: p, WebSocket: true}}
	}
	neighbours := []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}
	anyone, nobody := []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0")}, []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
	return map[string]*snapshot.Listener{
		"mqtt":                  {Protocol: snapshot.MQTT, Pool: plain},
		"mqtt behind proxy":     {Protocol: snapshot.MQTT, Pool: plain, AcceptProxy: true, Trusted: anyone},
		"mqtt passing on":       {Protocol: snapshot.MQTT, Pool: forwarding, AcceptProxy: true, Trusted: anyone},
		"mqtt of strangers":     {Protocol: snapshot.MQTT, Pool: plain, AcceptProxy: true, Trusted: nobody},
		"mqtts":                 {Protocol: snapshot.MQTT, Pool: plain, TLS: over},
		"mqtts by name":         {Protocol: snapshot.MQTT, Pool: plain, TLS: over, Routes: []snapshot.Route{{SNI: "*.m", Pool: framed}, {SNI: "n", Pool: named}}},
		"ws":                    {Protocol: snapshot.WS, Pool: framed, Routes: upgrades(framed)},
		"ws to mqtt":            {Protocol: snapshot.WS, Pool: plain, Routes: upgrades(plain)},
		"ws behind proxy":       {Protocol: snapshot.WS, Pool: plain, Routes: upgrades(plain), AcceptProxy: true, Trusted: anyone},
		"ws behind web proxy":   {Protocol: snapshot.WS, Pool: plain, Routes: upgrades(plain), ForwardedFor: true, Trusted: neighbours},
		"wss to mqtt":           {Protocol: snapshot.WS, Pool: plain, Routes: upgrades(plain), TLS: over},
		"http":                  {Protocol: snapshot.HTTP, Routes: append(upgrades(framed), snapshot.Route{Pool: plain})},
		"tcp":                   {Protocol: snapshot.TCP, Pool: plain},
		"tcp behind proxy":      {Protocol: snapshot.TCP, Pool: plain, AcceptProxy: true, Trusted: anyone},
		"mqtt, tolerant":        {Protocol: snapshot.MQTT, Pool: plain, Tolerant: true},
		"mqtts, tolerant":       {Protocol: snapshot.MQTT, Pool: plain, TLS: over, Tolerant: true},
		"ws, tolerant":          {Protocol: snapshot.WS, Pool: framed, Routes: upgrades(framed), Tolerant: true},
		"wss to mqtt, tolerant": {Protocol: snapshot.WS, Pool: plain, Routes: upgrades(plain), TLS: over, Tolerant: true},
		"passthrough": {
			Protocol: snapshot.Passthrough, Pool: plain, Routes: []snapshot.Route{{SNI: "*.example.com", Pool: named}},
		},
		"passthrough behind proxy": {Protocol: snapshot.Passthrough, Pool: plain, AcceptProxy: true, Trusted: anyone},
	}
}()

var (
	rules = &snapshot.Snapshot{
		MaxConnectSize: 1024, MaxHeaderSize: 2048, Timeouts: snapshot.Timeouts{ConnectPacket: 10 * time.Second},
	}
	peer = netip.MustParseAddrPort("192.0.2.1:40000")
)

// A client holds the bytes that a client sends: first, and then after a TLS handshake or
// an upgrade, if its listener has these.
type client struct {
	stage         string
	before, after []byte
	over          outcome.Outcome // the limit that its address exceeds
}

// split returns how many of the remaining bytes come next.
type split func(left int) int

func whole(left int) int { return left }
func drip(int) int       { return 1 }

// by splits in the given sizes, for the fuzzer.
func by(sizes []byte) split {
	i := 0
	return func(left int) int {
		if len(sizes) == 0 {
			return left
		}
		n := int(sizes[i%len(sizes)]) + 1
		i++
		return n
	}
}

// A part is everything that a client was sent, and its last verdict.
type part struct {
	text strings.Builder // the verdicts in words, without More
	said []byte          // sent to the client
}

func (p *part) String() string { return fmt.Sprintf("%stold %q", p.text.String(), p.said) }

func (p *part) notef(format string, args ...any) { fmt.Fprintf(&p.text, format+"\n", args...) }

// play makes a client send its bytes in pieces.
func (c *client) play(next split) *part {
	ln, p, sc := stages[c.stage], &part{}, &Scratch{}
	o := New(rules, ln, peer)
	left := c.before
	if !ln.ServesHTTP() && ln.TLS == nil {
		left = append(bytes.Clone(left), c.after...)
	}
	loop := make([]byte, 128<<10) // like the buffer of an event loop: reused for every read
	var sent []byte
	for {
		v := o.Feed(sent, sc)
		sent = nil
		p.said = append(p.said, v.Reply...)
		switch v.Kind {
		case More:
			if len(left) == 0 {
				p.notef("more: %s, version %d", o.Late(), o.Version)
				return p
			}
			o.Keep()
			sent = loop[:copy(loop, left[:min(len(left), v.Room, next(len(left)))])]
			left = left[len(sent):]
		case Address:
			p.notef("address %s, %s", o.Source, o.Destination)
			o.Excess = c.over
		case Handshake:
			o.Take()
			left = c.after
			o.Secured(&tlsterm.Info{Verified: true, CommonName: "c1", ServerName: "n"})
		case HTTP:
			taken, _ := o.Take()
			p.notef("http, and %q", append(bytes.Clone(taken), left...))
			if ln.TLS == nil {
				return p
			}
			left = c.after
			o.Upgraded(Accepted{pool: ln.Pool}, nil)
		case Upgrade:
			p.notef("upgrade: %+v", o.NodeRequest())
			left = append(bytes.Clone(left), c.after...) // frames may come with the request
		case Pong:
		case Admit:
			if v.Connect == nil {
				p.notef("admit")
			} else {
				p.notef("admit %q, version %d", v.Connect.ClientID, v.Connect.Version)
			}
			if v.Rule == nil {
				break
			}
			p.notef("rule %d, %s", v.RuleNumber, v.Rule.Name)
			if v.Rule.Deny {
				v = o.Deny(v.Rule, sc)
				p.said = append(p.said, v.Reply...)
				p.notef("refuse %s: %s, version %d", v.Outcome, v.Fault, o.Version)
				return p
			}
		case Refuse:
			p.notef("refuse %s: %s, version %d", v.Outcome, v.Fault, o.Version)
			return p
		case Dial:
			taken, _ := o.Take()
			stream := append(bytes.Clone(taken), left...)
			if o.Framed() && !v.Pool.WebSocket {
				reader, unread := o.Unread()
				stream = payload(taken, reader, append(bytes.Clone(unread), left...))
			}
			p.notef("dial %s by %x, %v, with %q, tolerating %v", v.Pool.Name, v.Key, v.Keyed, stream, slices.Collect(o.Tolerated.All()))
			return p
		default:
			panic(v.Kind)
		}
	}
}

// payload appends the payload of frames.
func payload(dst []byte, r websocket.Reader, raw []byte) []byte {
	for {
		with, piece, err := r.Copy(dst, raw)
		if err != nil || piece.Opcode == websocket.Close {
			return dst
		}
		if raw = raw[piece.Raw:]; !piece.Opcode.Control() {
			dst = with
		}
	}
}

// masked returns a frame of a client.
func masked(first byte, payload string) string {
	key := [4]byte{1, 2, 3, 4}
	b := []byte(payload)
	for i := range b {
		b[i] ^= key[i%4]
	}
	header := websocket.AppendMaskedHeader(nil, websocket.Binary, len(b), key)
	header[0] = first
	return string(header) + string(b)
}

// hello returns a ClientHello for a server name.
func hello(tb testing.TB, name string) string {
	tb.Helper()
	here, there := net.Pipe()
	defer there.Close()
	go func() { // ends when the pipe is closed
		_ = tls.Client(here, &tls.Config{ServerName: name, InsecureSkipVerify: true}).HandshakeContext(tb.Context())
	}()
	b := make([]byte, 16<<10)
	n, err := there.Read(b)
	if err != nil {
		tb.Fatal(err)
	}
	return string(b[:n])
}
