package proxy

import (
	"bufio"
	"bytes"
	"crypto/sha1"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pires/go-proxyproto"

	"mqttlb/balancer"
	"mqttlb/proxy/opening"
	"mqttlb/proxy/outcome"
	"mqttlb/proxy/proxytest"
	"mqttlb/proxy/snapshot"
	"mqttlb/proxy/websocket"
)

// asked is a connection to a node that speaks WebSocket, with the bytes before the node's answer, in
// one read, and the request in them.
type asked struct {
	net.Conn
	first   []byte
	request *http.Request
}

// startUpgradeNode starts a node whose handle gets the connection after the request and answers it.
// Bytes between the request and the answer are an error.
func startUpgradeNode(t *testing.T, handle func(*asked)) *node {
	t.Helper()
	return startNode(t, func(c net.Conn) {
		b := make([]byte, 64<<10)
		n, err := c.Read(b)
		if err != nil {
			return
		}
		r := bufio.NewReader(bytes.NewReader(b[:n]))
		_, _ = proxyproto.Read(r)
		request, err := http.ReadRequest(r)
		if err != nil || r.Buffered() > 0 {
			t.Errorf("the node's first read %q is no request, or more: %v", b[:n], err)
			return
		}
		handle(&asked{c, b[:n], request})
	})
}

// switching returns the 101 for the request, with the first name of MQTT that it offers.
func (a *asked) switching() string {
	offered := websocket.Tokens(a.request.Header.Values("Sec-WebSocket-Protocol"))
	first := slices.IndexFunc(offered, func(p string) bool { return strings.HasPrefix(strings.ToLower(p), "mqtt") })
	sum := sha1.Sum([]byte(a.request.Header.Get("Sec-WebSocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	return "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Protocol: " +
		offered[first] + "\r\nSec-WebSocket-Accept: " + base64.StdEncoding.EncodeToString(sum[:]) + "\r\n\r\n"
}

var connackFrame = append([]byte{0x82, 4}, connack311...)

// The first write to a node holds the PROXY header and the whole upgrade: the client's request, the
// headers that the pool forwards, and the client's address.
func TestFirstWriteToAWebSocketNodeHoldsTheProxyHeaderAndTheUpgrade(t *testing.T) {
	got := make(chan *asked, 1)
	backend := startUpgradeNode(t, func(a *asked) {
		got <- a
		_, _ = io.WriteString(a, a.switching())
		_, _ = a.Read(make([]byte, 64))
		_, _ = a.Write(connackFrame)
		_, _ = io.Copy(io.Discard, a)
	})
	for _, version := range []int{0, 1, 2} {
		r := wsToWS.start(t, []string{backend.address()}, sendProxy(version), func(s *snapshot.Snapshot) {
			s.Listeners[0].Pool.ForwardHeaders = []string{"Cookie", "Origin", "User-Agent"}
		})
		c := r.dialUpgraded("GET /mqtt?token=a%20b&x HTTP/1.1", "Host: broker.example:8083", "Sec-WebSocket-Protocol: foo, mqttv3.1, mqtt",
			"+Cookie: a=1", "+Cookie: b=2", "+Origin: https://app.example.com", "+User-Agent: MQTT.js",
			"+X-Forwarded-For: 192.0.2.66", "+X-Forwarded-Port: 6", "+X-Forwarded-Proto: gopher", "+X-Forwarded-Host: evil.example",
			"+X-Real-IP: 192.0.2.66", "+Authorization: Basic secret", "+Sec-WebSocket-Extensions: permessage-deflate")
		c.send(clientFrame(finBinary, connect311))
		c.expect(connackFrame)
		a := <-got
		own := addrOf(c)
		for name, want := range map[string][]string{
			"Upgrade":                  {"websocket"},
			"Connection":               {"Upgrade"},
			"Sec-Websocket-Version":    {"13"},
			"Sec-Websocket-Protocol":   {"foo, mqttv3.1, mqtt"},
			"Sec-Websocket-Extensions": nil,
			"Cookie":                   {"a=1", "b=2"},
			"Origin":                   {"https://app.example.com"},
			"User-Agent":               {"MQTT.js"},
			"X-Forwarded-For":          {own.Addr().String()},
			"X-Forwarded-Port":         {fmt.Sprint(own.Port())},
			"X-Forwarded-Proto":        {"http"},
			"X-Forwarded-Host":         {"broker.example:8083"},
			"X-Real-Ip":                nil,
			"Authorization":            nil,
		} {
			if got := a.request.Header[name]; !slices.Equal(got, want) {
				t.Errorf("%s: %q, want %q", name, got, want)
			}
		}
		if a.request.RequestURI != "/mqtt?token=a%20b&x" || a.request.Host != "broker.example:8083" {
			t.Errorf("asked for %s at %s", a.request.RequestURI, a.request.Host)
		}
		if key := a.request.Header.Get("Sec-WebSocket-Key"); key == "" || key == "dGhlIHNhbXBsZSBub25jZQ==" {
			t.Errorf("the key is %q", key)
		}
		h, err := opening.ReadProxyHeader(a.first)
		if version > 0 && (err != nil || h.Source != own || h.Destination.String() != r.srv.Addr("mqtt").String()) || version == 0 && err == nil {
			t.Errorf("PROXY %d: the node was told %+v, %v", version, h, err)
		}
		_ = c.Close()
	}
}

// A client behind a trusted proxy is named in the PROXY header and in the upgrade.
func TestUpgradeOfAClientBehindAProxyNamesTheClient(t *testing.T) {
	backend := startUpgradeNode(t, func(a *asked) {
		h, _ := opening.ReadProxyHeader(a.first)
		_, _ = fmt.Fprintf(a, "%s\x82\x1a%-26s", a.switching(), h.Source.String()+" "+a.request.Header.Get("X-Forwarded-For"))
		_, _ = io.Copy(io.Discard, a)
	})
	r := wsToWS.start(t, []string{backend.address()}, sendProxy(2), func(s *snapshot.Snapshot) {
		s.Listeners[0].AcceptProxy, s.Listeners[0].Trusted = true, loopback
	})
	for _, drip := range []bool{false, true} {
		c := r.dialBare(r.srv.Addr("mqtt"))
		c.trickle([]byte("PROXY TCP4 192.0.2.7 192.0.2.9 40000 1883\r\n"+upgradeRequest()), drip)
		if resp, _ := c.response(); resp.StatusCode != 101 { //nolint:bodyclose // response has read and closed it
			t.Fatalf("drip %v: answered %s", drip, resp.Status)
		}
		c.send(clientFrame(finBinary, connect311))
		c.expect([]byte("\x82\x1a192.0.2.7:40000 192.0.2.7 "))
		_ = c.Close()
	}
	r.waitLine("client=192.0.2.7:40000 ")
}

// However slowly its 101 arrives, a node gets no frame before it. The bytes behind the 101 in the same
// segment reach the client.
func TestNodeGetsNoFrameBeforeItsAnswer(t *testing.T) {
	const early = "\x89\x02hi" // a ping
	for name, answer := range map[string]func(a *asked, whole string){
		"in one write":                 func(a *asked, whole string) { _, _ = io.WriteString(a, whole) },
		"byte by byte":                 func(a *asked, whole string) { trickleTo(a, whole) },
		"after an interim response":    func(a *asked, whole string) { _, _ = io.WriteString(a, "HTTP/1.1 100 Continue\r\n\r\n"+whole) },
		"a ping in the same segment":   func(a *asked, whole string) { _, _ = io.WriteString(a, whole+early) },
		"a ping byte by byte after it": func(a *asked, whole string) { trickleTo(a, whole+early) },
	} {
		t.Run(name, func(t *testing.T) {
			asking := make(chan struct{})
			goOn := make(chan struct{})
			backend := startUpgradeNode(t, func(a *asked) {
				close(asking)
				<-goOn
				_ = a.SetReadDeadline(time.Now())
				if n, err := a.Read(make([]byte, 1)); n > 0 || err == io.EOF {
					t.Error("something came before the 101")
				}
				_ = a.SetReadDeadline(time.Time{})
				answer(a, a.switching())
				b := make([]byte, len(clientFrame(finBinary, connect311)))
				_, _ = io.ReadFull(a, b)
				_, _ = a.Write(connackFrame)
				_, _ = io.Copy(struct{ io.Writer }{a}, struct{ io.Reader }{a})
			})
			r := wsToWS.start(t, []string{backend.address()})
			c := r.dialUpgraded()
			frames := slices.Concat(clientFrame(finBinary, connect311), clientFrame(finBinary, []byte("\xc0\x00")))
			c.send(frames)
			<-asking
			c.send(frames[:7]) // waits in the client's socket
			close(goOn)
			want := append(bytes.Clone(connackFrame), clientFrame(finBinary, []byte("\xc0\x00"))...)
			if strings.Contains(name, "ping") {
				want = append([]byte(early), want...)
			}
			c.expect(append(want, frames[:7]...))
			_ = c.Close()
			r.waitOutcome(outcome.ClientClosed, 1)
			r.waitLine("client_id=c1 version=3.1.1 node=node-a")
		})
	}
}

func trickleTo(w io.Writer, s string) {
	for i := range len(s) {
		_, _ = w.Write([]byte{s[i]})
	}
}

// Answers that refuse the upgrade.
var refusedUpgrades = map[string]func(*asked){
	"400":             func(a *asked) { _, _ = io.WriteString(a, "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n") },
	"403":             func(a *asked) { _, _ = io.WriteString(a, "HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno") },
	"503":             func(a *asked) { _, _ = io.WriteString(a, "HTTP/1.1 503 Service Unavailable\r\n\r\n") },
	"200":             func(a *asked) { _, _ = io.WriteString(a, "HTTP/1.1 200 OK\r\n\r\n<html>") },
	"garbage":         func(a *asked) { _, _ = io.WriteString(a, "\x20\x02\x00\x00") },
	"the key of none": func(a *asked) { _, _ = io.WriteString(a, strings.Replace(a.switching(), "Accept: ", "Accept: A", 1)) },
	"compression": func(a *asked) {
		_, _ = io.WriteString(a, strings.Replace(a.switching(), "Upgrade: ", "Sec-WebSocket-Extensions: permessage-deflate\r\nUpgrade: ", 1))
	},
	"other protocol": func(a *asked) {
		_, _ = io.WriteString(a, strings.Replace(a.switching(), "Protocol: mqtt", "Protocol: wamp", 1))
	},
	"an endless head": func(a *asked) {
		_, _ = io.WriteString(a, "HTTP/1.1 101 Switching Protocols\r\nX: "+strings.Repeat("x", 2*maxUpgradeResponse))
	},
	"half an answer":   func(a *asked) { _, _ = io.WriteString(a, "HTTP/1.1 101 Switch") },
	"nothing, and end": func(a *asked) {},
}

func TestNodeThatRefusesTheUpgradeIsPassedOver(t *testing.T) {
	for name, answer := range refusedUpgrades {
		t.Run(name, func(t *testing.T) {
			refuses := startUpgradeNode(t, func(a *asked) {
				answer(a)
				_ = tcp(a.Conn).CloseWrite()
				_, _ = io.Copy(io.Discard, a)
			})
			takes := wsToWS.startNode(t, nil)
			r := wsToWS.start(t, []string{refuses.address(), takes.address()})
			for i := range 8 {
				r.open(fmt.Sprint("device-", i))
			}
			if n := r.srv.Stats().Flows[0].DialErrors; n == 0 || n == 8 {
				t.Errorf("%d of 8 identifiers met the node that refuses", n)
			}
			r.node(1).SetOperator(balancer.Draining)
			c := r.dialUpgraded()
			c.send(clientFrame(finBinary, connect5))
			want := []string{"20 03 00 88 00", "close 1013"}
			if name == "403" {
				want = []string{"20 03 00 87 00", "close 1008"}
			}
			if got := c.frames(); !slices.Equal(got, want) {
				t.Errorf("with no other node the client is told %q", got)
			}
			_ = c.Close()
			r.waitOutcome(outcome.UpgradeRefused, 1)
			r.waitLine("level=DEBUG msg=dial listener=mqtt node=node-a error=\"upgrade refused: ")
		})
	}
}

func TestNodeThatNeverAnswersTheUpgradeIsPassedOverAfterDialTimeout(t *testing.T) {
	proxytest.WaitAbreast(t)
	silent := startUpgradeNode(t, func(a *asked) { _, _ = io.Copy(io.Discard, a) })
	r := wsToWS.start(t, []string{silent.address()}, func(s *snapshot.Snapshot) { s.Timeouts.Dial = 100 * time.Millisecond })
	c := r.dialUpgraded()
	c.send(clientFrame(finBinary, connect311))
	if got := c.frames(); !slices.Equal(got, []string{"20 02 00 03", "close 1013"}) {
		t.Errorf("answered %q", got)
	}
	_ = c.Close()
	r.waitOutcome(outcome.UpgradeRefused, 1)
}

// Frames pass both ways unchanged: masks, fragments, pings, and violations of the protocol, which the
// node judges.
func TestFramesPassToAWebSocketNodeAsTheyAre(t *testing.T) {
	after := slices.Concat(clientFrame(beginBinary, []byte("a")), clientFrame(finPing, []byte("p")), clientFrame(last, bytes.Repeat([]byte("b"), 70000)),
		clientFrame(finText, []byte("text")), []byte("\x82\x01x"), clientFrame(finClose, closeWith(1000, "bye")))
	ping := clientFrame(finPing, []byte("mine"))
	for name, connect := range splits(connect311) {
		t.Run(name, func(t *testing.T) {
			got := make(chan []byte, 1)
			backend := startUpgradeNode(t, func(a *asked) {
				_, _ = io.WriteString(a, a.switching()+string(connackFrame)+string(after))
				b, err := io.ReadAll(a)
				if err != nil {
					t.Error(err)
				}
				got <- b
			})
			r := wsToWS.start(t, []string{backend.address()})
			c := r.dialUpgraded()
			c.send(ping) // before the CONNECT we answer it ourselves
			c.expect([]byte("\x8a\x04mine"))
			c.send(connect)
			c.expect(append(bytes.Clone(connackFrame), after...))
			c.send(after)
			c.halfClose()
			if b := <-got; !bytes.Equal(b, append(bytes.Clone(connect), after...)) {
				t.Errorf("the node got %d bytes, want %d, or others", len(b), len(connect)+len(after))
			}
			c.rest()
			_ = c.Close()
			r.waitOutcome(outcome.ClientClosed, 1)
		})
	}
}
