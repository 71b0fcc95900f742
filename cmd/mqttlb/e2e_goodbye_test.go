package main_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/eclipse/paho.golang/packets"
	"github.com/eclipse/paho.golang/paho"
	"github.com/gorilla/websocket"

	"mqttlb/proxy/proxytest"
)

// A goodbye of the balancer as real clients see it. cause makes the balancer end their sessions.
var endsOfOurs = []struct {
	name, timeouts string
	cause          func(*testing.T, *balancer)
	disconnect     byte // the reason code of MQTT 5
	close          int  // the close code of WebSocket
}{
	{"idle", "idle: 2s", func(*testing.T, *balancer) {}, packets.DisconnectKeepAliveTimeout, websocket.CloseGoingAway},
	{"shutdown", "shutdown: 1s", func(t *testing.T, b *balancer) { b.signal(t, syscall.SIGTERM) }, packets.DisconnectServerShuttingDown, websocket.CloseGoingAway},
	{"removed node", "shutdown: 1s", renameNodes, packets.DisconnectUseAnotherServer, websocket.CloseServiceRestart},
}

// renameNodes reloads a file with other nodes in the place of those that the sessions are on.
func renameNodes(t *testing.T, b *balancer) {
	t.Helper()
	text, err := os.ReadFile(b.config)
	if err == nil {
		err = os.WriteFile(b.config, bytes.ReplaceAll(text, []byte("      - {name: "), []byte("      - {name: other-")), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	b.signal(t, syscall.SIGHUP)
}

// everyClient has a listener of every protocol, before nodes that speak the same protocol and before nodes that do not.
func everyClient(t *testing.T, l lab, timeouts string) (*balancer, *mosquitto) {
	t.Helper()
	plain, ws := startWSMosquittos(t, 1)
	return serve(t, strings.Replace(everyWay(plain, ws), "pools:", `  - {name: mqtts, address: "${mqtts}", protocol: mqtt, pool: brokers, tls: `+l.tls()+`}
  - {name: wss, address: "${wss}", protocol: ws, pool: brokers-ws, tls: `+l.tls()+`}
pools:`, 1)+"timeouts: {"+timeouts+"}\n"), plain[0]
}

func TestPahoSeesTheReasonCodeOfTheDisconnect(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	for _, end := range endsOfOurs {
		t.Run(end.name, func(t *testing.T) {
			b, _ := everyClient(t, l, end.timeouts)
			told := make(chan string, 4)
			for _, name := range []string{"mqtt", "mqtts", "translated", "wss"} {
				hearDisconnect(t, dialAs(t, l, name, b.addrs[name]), name, told)
			}
			end.cause(t, b)
			var got []string
			for range 4 {
				got = append(got, <-told)
			}
			for _, name := range []string{"mqtt", "mqtts", "translated", "wss"} {
				if want := fmt.Sprintf("%s: disconnect 0x%X", name, end.disconnect); !strings.Contains(strings.Join(got, "\n"), want) {
					t.Errorf("paho saw %q, want %q", got, want)
				}
			}
		})
	}
}

// dialAs opens a connection for MQTT to a listener of everyClient.
func dialAs(t *testing.T, l lab, listener, addr string) net.Conn {
	t.Helper()
	conn, err := dialer("").Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if listener == "mqtts" || listener == "wss" {
		config := l.client(t, "")
		config.ServerName = "broker.example"
		conn = tls.Client(conn, config)
	}
	if listener == "translated" || listener == "wss" {
		d := websocket.Dialer{NetDial: func(string, string) (net.Conn, error) { return conn, nil }, Subprotocols: []string{"mqtt"}}
		ws, resp, err := d.Dial("ws://broker.example/mqtt", nil)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		conn = packets.NewThreadSafeConn(&stream{Conn: ws})
	}
	return conn
}

// hearDisconnect opens a session with paho, which reports how the session ends.
func hearDisconnect(t *testing.T, conn net.Conn, name string, told chan<- string) {
	t.Helper()
	c := paho.NewClient(paho.ClientConfig{
		ClientID:           name,
		Conn:               conn,
		PacketTimeout:      patience,
		OnServerDisconnect: func(d *paho.Disconnect) { told <- fmt.Sprintf("%s: disconnect 0x%X", name, d.ReasonCode) },
		OnClientError:      func(err error) { told <- fmt.Sprintf("%s: %v", name, err) },
	})
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if _, err := c.Connect(ctx, &paho.Connect{ClientID: name, KeepAlive: 60, CleanStart: true}); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}

// typedConnect is a CONNECT that can be typed to s_client: the line feed at its end is the last byte of the password.
const typedConnect = "\x10\x17\x00\x04MQTT\x04\xc2\x00\x3c\x00\x02s1\x00\x01u\x00\x04abc"

func TestOpenSSLSeesACloseNotify(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	for _, end := range endsOfOurs {
		t.Run(end.name, func(t *testing.T) {
			b, broker := everyClient(t, l, end.timeouts)
			c := proxytest.StartOpenSSL(t, "s_client", "-connect", b.addrs["mqtts"], "-noservername", "-msg")
			c.Hears("Verify return code") // s_client reads its input from here on
			c.Say(typedConnect)
			broker.waitFor(t, "as s1")
			end.cause(t, b)
			c.Hears("<<< TLS 1.3, Alert [length 0002], warning close_notify")
		})
	}
}

// OpenSSL reports an end without close_notify, so that the test above would notice a missing one.
func TestOpenSSLMissesACloseNotify(t *testing.T) {
	t.Parallel()
	pair := proxytest.NewCA("CA").Issue("broker.example").TLS
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	go func() { // ends with ln or after one connection
		conn, err := ln.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		_ = tls.Server(conn, &tls.Config{Certificates: []tls.Certificate{pair}}).Handshake()
		_ = conn.(*net.TCPConn).CloseWrite()
		_, _ = conn.Read(make([]byte, 1000))
	}()
	c := proxytest.StartOpenSSL(t, "s_client", "-connect", ln.Addr().String(), "-noservername", "-msg")
	c.Hears("unexpected eof while reading")
}

// MQTT.js reports a DISCONNECT. The browser's WebSocket below it reports the close code, and that both sides sent a close frame.
func TestMQTTjsSeesTheReasonCodeAndTheCloseCode(t *testing.T) {
	t.Parallel()
	browser := startChromium(t)
	pages := servePages(t)
	l := newLab(t)
	for _, end := range endsOfOurs {
		t.Run(end.name, func(t *testing.T) {
			b, _ := everyClient(t, l, end.timeouts)
			var opened []context.Context
			for _, listener := range wsListeners {
				page := openPage(browser, t, pages.URL+"/page.html")
				if _, err := call[any](page, `openAndHear("ws://%s/mqtt", {clientId: %q, protocolVersion: 5})`, b.addrs[listener], listener); err != nil {
					t.Fatal(err)
				}
				opened = append(opened, page)
			}
			end.cause(t, b)
			want := fmt.Sprint([]any{"disconnect", end.disconnect, "close", end.close, true})
			for i, page := range opened {
				if heard, err := call[[]any](page, "heard"); err != nil || fmt.Sprint(heard) != want {
					t.Errorf("%s: the page heard %v, %v; want %v", wsListeners[i], heard, err, want)
				}
			}
		})
	}
}
