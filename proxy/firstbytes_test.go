package proxy

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"mqttlb/proxy/opening"
	"mqttlb/proxy/outcome"
	"mqttlb/proxy/proxytest"
	"mqttlb/proxy/snapshot"
)

// strangers are clients of protocols that a listener may not expect.
var strangers = []struct {
	name, sent string
	kind       opening.Foreign
}{
	{"a ClientHello", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", opening.ForeignTLS},
	{"a CONNECT of 3.1.1", string(connect311), opening.ForeignMQTT},
	{"a CONNECT of 3.1", string(connect31), opening.ForeignMQTT},
	{"a long CONNECT", "\x10\x80\x80\x01\x00\x04MQTT\x05", opening.ForeignMQTT},
	{"a request", "GET / HTTP/1.1\r\nHost: x\r\n\r\n", opening.ForeignHTTP},
	{"an upgrade", upgradeRequest(), opening.ForeignHTTP},
	{"HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", opening.ForeignHTTP2},
	{"PROXY v1", "PROXY TCP4 192.0.2.9 192.0.2.1 4000 1883\r\n", opening.ForeignProxy},
	{"PROXY v2", "\r\n\r\n\x00\r\nQUIT\n\x20\x00\x00\x00", opening.ForeignProxy},
	{"SSH", "SSH-2.0-OpenSSH_9.2\r\n", opening.ForeignSSH},
	{"SMTP", "EHLO mail.example\r\n", opening.ForeignSMTP},
	{"FTP", "USER anonymous\r\n", opening.ForeignFTP},
	{"AMQP", "AMQP\x00\x00\x09\x01", opening.ForeignAMQP},
	{"Redis", "*1\r\n$4\r\nPING\r\n", opening.ForeignRedis},
	{"STOMP", "CONNECT\naccept-version:1.2\n\n\x00", opening.ForeignSTOMP},
	{"RDP", "\x03\x00\x00\x13\x0e\xe0\x00\x00\x00\x00\x00\x01\x00\x08\x00\x03\x00\x00\x00", opening.ForeignRDP},
	{"SMB", "\x00\x00\x00\x85\xffSMBr\x00\x00\x00\x00", opening.ForeignSMB},
	{"PostgreSQL", "\x00\x00\x00\x08\x04\xd2\x16\x2f", opening.ForeignPostgreSQL},
	{"SOCKS", "\x05\x01\x00", opening.ForeignSOCKS},
	{"zeros", strings.Repeat("\x00", 64), opening.ForeignUnknown},
	{"a word", "hello\r\n\r\n", opening.ForeignUnknown},
}

// expected returns the protocol that a listener's clients begin with.
func expected(ln *snapshot.Listener) opening.Foreign {
	switch {
	case ln.TLS != nil || ln.Protocol == snapshot.Passthrough:
		return opening.ForeignTLS
	case ln.ServesHTTP():
		return opening.ForeignHTTP
	}
	return opening.ForeignMQTT
}

// advised returns what the log says of a stranger at a listener, apart from the name of its protocol.
func advised(of opening.Foreign, ln *snapshot.Listener, announced bool) string {
	at := expected(ln)
	switch {
	case of == opening.ForeignProxy && announced:
		return "a second PROXY header: only the proxy next to mqttlb may send one"
	case of == opening.ForeignProxy && ln.AcceptProxy:
		return "a PROXY header from a peer outside trusted_proxies: add its address there to accept it"
	case of == opening.ForeignProxy:
		return "a PROXY header where none is expected: proxy_protocol: accept, with the peer in trusted_proxies, accepts it"
	case of == opening.ForeignUnknown && at == opening.ForeignMQTT:
		return "first packet is not a CONNECT at byte 0 [MQTT-3.1.0-1]"
	case of == opening.ForeignUnknown:
		return "an unknown protocol in place of "
	case of == opening.ForeignTLS:
		return "a TLS ClientHello in place of " + pick(at == opening.ForeignHTTP, "HTTP", "MQTT") + ": a listener with tls accepts it, or protocol: tls, which passes it on"
	case of == opening.ForeignMQTT && at == opening.ForeignTLS:
		return "an MQTT CONNECT in place of TLS: a listener of protocol: mqtt without tls accepts it"
	case of == opening.ForeignMQTT:
		return "an MQTT CONNECT in place of HTTP: it is served on listeners of protocol: mqtt"
	case of == opening.ForeignHTTP && at == opening.ForeignTLS:
		return "an HTTP request in place of TLS: a listener of protocol: ws or http without tls accepts it"
	case of == opening.ForeignHTTP:
		return "an HTTP request in place of MQTT: protocol: ws accepts an upgrade to WebSocket, and protocol: http also requests"
	case of == opening.ForeignHTTP2 && at == opening.ForeignHTTP:
		return "HTTP/2 in place of HTTP: HTTP/1.1 is served here"
	}
	return ": only protocol: tcp passes it on"
}

// listenersOfAllKinds are the listeners that look at a client's first bytes.
var listenersOfAllKinds = []mode{
	mqttToMQTT, mqttsToMQTT, wsToMQTT, wssToMQTT, httpToWS,
	{name: "https", protocol: snapshot.HTTP, nodeWS: true, tls: true}, {name: "passthrough", protocol: snapshot.Passthrough},
}

// The same input has the same outcome on every listener. The log says what it is and which setting would accept it,
// and a counter has its name, whether it comes whole or byte by byte.
func TestAStrangerIsRecognizedOnEveryListener(t *testing.T) {
	for _, proxied := range []string{"off", "from strangers", "trusted"} {
		for _, m := range listenersOfAllKinds {
			t.Run(m.name+", PROXY "+proxied, func(t *testing.T) {
				r := m.start(t, []string{refusing}, func(s *snapshot.Snapshot) {
					ln := s.Listeners[0]
					ln.AcceptProxy, ln.Trusted = proxied != "off", []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}
					if proxied == "trusted" {
						ln.Trusted = loopback
					}
				})
				for i, s := range strangers {
					if s.kind == expected(r.snap.Listeners[0]) {
						continue
					}
					for _, drip := range []bool{false, true} {
						c := r.dialBare(r.srv.Addr("mqtt"))
						client := addrOf(c).String()
						if proxied == "trusted" {
							client = fmt.Sprintf("192.0.2.7:%d", 4000+2*i+pick(drip, 1, 0))
							c.send(fmt.Appendf(nil, "PROXY TCP4 192.0.2.7 192.0.2.1 %s 1883\r\n", client[len("192.0.2.7:"):]))
						}
						r.refuses(c, client, s.sent, s.kind, drip, advised(s.kind, r.snap.Listeners[0], proxied == "trusted"))
					}
				}
			})
		}
	}
}

// refuses checks how a stranger is refused, told and counted.
func (r *rig) refuses(c *client, address, sent string, kind opening.Foreign, drip bool, advice string) {
	r.t.Helper()
	want := pick(kind == opening.ForeignProxy, outcome.UntrustedProxy, outcome.WrongProtocol)
	outcomes, counted := r.outcomes(want), r.foreign(kind)
	pieces := pick(drip, strings.Split(sent, ""), []string{sent})
	for _, p := range pieces {
		if _, err := c.Write([]byte(p)); err != nil {
			break // it is refused before its last byte
		}
	}
	answer := string(c.rest())
	_ = c.Close()
	told := kind == opening.ForeignHTTP // whoever may see the answer
	if r.snap.Listeners[0].ServesHTTP() && (r.snap.Listeners[0].TLS == nil || tcp(c.Conn) != c.Conn) {
		told = kind != opening.ForeignTLS && kind != opening.ForeignMQTT
	}
	if told != strings.HasPrefix(answer, "HTTP/1.") {
		r.t.Errorf("%.20q is told %q", sent, answer)
	}
	r.waitOutcome(want, outcomes+1)
	if n := r.foreign(kind); n != counted+1 {
		r.t.Errorf("%.20q: %s is counted %d times, want %d", sent, kind, n, counted+1)
	}
	begin := "client=" + address + " "
	r.waitLine(begin)
	_, line, _ := strings.Cut(r.log.String(), begin)
	line, _, _ = strings.Cut(line, "\n")
	if !strings.Contains(line, "outcome="+want.String()+" ") || !strings.Contains(line, advice) {
		r.t.Errorf("%.20q: the line is %s; want %s, %s", sent, line, want, advice)
	}
}

func (r *rig) foreign(f opening.Foreign) uint64 { return r.srv.Stats().Listeners[0].Foreign[f] }

func TestAStrangerInsideTLSIsRecognizedToo(t *testing.T) {
	for _, m := range []mode{mqttsToMQTT, wssToMQTT} {
		t.Run(m.name, func(t *testing.T) {
			r := m.start(t, []string{refusing})
			for _, s := range strangers {
				advice := " inside TLS"
				switch {
				case s.kind == pick(m.clientWS(), opening.ForeignHTTP, opening.ForeignMQTT):
					continue
				case s.kind == opening.ForeignTLS:
					advice = "inside TLS: the client, or a proxy in front, encrypts twice"
				case s.kind == opening.ForeignProxy:
					advice = "a PROXY header inside TLS: the proxy must send it before the TLS handshake"
				case s.kind == opening.ForeignUnknown && !m.clientWS():
					advice = "MQTT-3.1.0-1"
				}
				c := r.dialBare(r.srv.Addr("mqtt"))
				address := addrOf(c).String()
				c.secure(nil)
				r.refuses(c, address, s.sent, s.kind, false, advice)
			}
		})
	}
}

// A trusted peer without a header is told apart, too.
func TestAProxyThatSendsNoHeaderIsToldWhatItSends(t *testing.T) {
	for _, m := range listenersOfAllKinds {
		t.Run(m.name, func(t *testing.T) {
			r := m.start(t, []string{refusing}, func(s *snapshot.Snapshot) { s.Listeners[0].AcceptProxy, s.Listeners[0].Trusted = true, loopback })
			c := r.dialBare(r.srv.Addr("mqtt"))
			c.send(hello(t))
			c.rest()
			r.waitOutcome(outcome.BadProxyHeader, 1)
			r.waitLine(`error="no PROXY header, but a TLS ClientHello: a peer in trusted_proxies must begin with one; take it out of the list if it sends none"`)
			if n := r.foreign(opening.ForeignTLS); n != 1 {
				t.Errorf("it is counted %d times", n)
			}
		})
	}
}

// A listener of protocol tcp passes everything on.
func TestProtocolTCPAcceptsEveryStranger(t *testing.T) {
	backend := startNode(t, nil)
	r := start(t, []string{backend.address()}, func(s *snapshot.Snapshot) { s.Listeners[0].Protocol = snapshot.TCP })
	for i, s := range strangers {
		c := r.dial()
		c.send([]byte(s.sent))
		eventually(t, "the bytes", func() bool { return len(backend.firstWrites()) == i+1 })
		if got := backend.firstWrites()[i]; !strings.HasPrefix(s.sent, string(got)) || len(got) == 0 {
			t.Errorf("%s: the node got %q", s.name, got)
		}
	}
}

// Checks of load balancers connect and close, some after a PROXY header about themselves.
func TestConnectionsWithoutDataHaveAnOutcomeAndALineAtDebug(t *testing.T) {
	local := map[string]string{"": "", "LOCAL": "\r\n\r\n\x00\r\nQUIT\n\x20\x00\x00\x00", "UNKNOWN": "PROXY UNKNOWN\r\n", "TCP4": "PROXY TCP4 192.0.2.9 192.0.2.1 4000 1883\r\n"}
	for _, m := range append(listenersOfAllKinds[:len(listenersOfAllKinds):len(listenersOfAllKinds)], mode{name: "tcp", protocol: snapshot.TCP}) {
		for header, sent := range local {
			t.Run(m.name+" "+header, func(t *testing.T) {
				r := m.start(t, []string{startNode(t, nil).address()}, func(s *snapshot.Snapshot) {
					s.Listeners[0].AcceptProxy, s.Listeners[0].Trusted = header != "", loopback
				})
				leaves := []func(*client){func(c *client) { _ = c.Close() }, (*client).reset}
				if sent == "" && m.protocol != snapshot.TCP {
					leaves = leaves[:1] // the kernel tells nobody of a connection that is reset before its first byte (TCP_DEFER_ACCEPT)
				}
				for _, leave := range leaves {
					n := r.outcomes(outcome.NoData)
					c := r.dialBare(r.srv.Addr("mqtt"))
					c.send([]byte(sent))
					leave(c)
					r.waitOutcome(outcome.NoData, n+1)
				}
				r.waitLine("level=DEBUG msg=session ")
				c := r.dialBare(r.srv.Addr("mqtt"))
				c.send([]byte(sent + "\x10"))
				_ = c.Close()
				eventually(t, "its outcome", func() bool { return r.outcomes(outcome.ClientGone)+r.outcomes(outcome.ClientClosed) == 1 })
				r.waitLine("level=INFO msg=session ")
			})
		}
	}
}

// Clients of some protocols wait for the server's greeting.
func TestAClientThatSendsNothingMayWaitForAGreeting(t *testing.T) {
	proxytest.WaitAbreast(t)
	for _, m := range listenersOfAllKinds {
		r := start(t, []string{refusing}, m.set, func(s *snapshot.Snapshot) {
			if s.Timeouts.ConnectPacket = 500 * time.Millisecond; s.Listeners[0].TLS != nil {
				s.Listeners[0].TLS.Timeout = 500 * time.Millisecond
			}
		})
		c := r.dialBare(r.srv.Addr("mqtt"))
		c.rest()
		r.waitOutcome(outcome.ConnectTimeout, 1)
		r.waitLine(opening.SentNothing)
	}
}
