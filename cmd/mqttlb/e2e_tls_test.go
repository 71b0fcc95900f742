package main_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/eclipse/paho.golang/autopaho"
	"github.com/eclipse/paho.golang/paho"
	mqtt "github.com/eclipse/paho.mqtt.golang"

	"mqttlb/proxy/proxytest"
)

// lab is a folder in which mqttlb cert has made certificates.
type lab string

// newLab makes a CA, a certificate of the server at 127.0.0.1 and one for each client.
func newLab(t *testing.T, clients ...string) lab {
	t.Helper()
	return newLabIn(t, t.TempDir(), clients...)
}

// newLabIn is newLab in a folder.
func newLabIn(t *testing.T, dir string, clients ...string) lab {
	t.Helper()
	l := lab(dir)
	args := []string{"cert", "--dir", string(l), "--name", "127.0.0.1", "--name", "broker.example"}
	for _, name := range clients {
		args = append(args, "--client", name)
	}
	if out, code := mqttlb(t, args...); code != 0 {
		t.Fatalf("mqttlb cert: exit code %d\n%s", code, out)
	}
	return l
}

// file returns the path of a file in the lab.
func (l lab) file(name string) string { return filepath.Join(string(l), name) }

// ca returns the lab's CA, for certificates that mqttlb cert cannot make.
func (l lab) ca() *proxytest.CA { return proxytest.LoadCA(l.file("ca.pem"), l.file("ca.key")) }

// tls returns the tls section of a listener, with further settings.
func (l lab) tls(settings ...string) string {
	return fmt.Sprintf("{certificates: [{cert: %q, key: %q}], handshake_timeout: 1m%s}", // long, since other tests cause storms
		l.file("server.pem"), l.file("server.key"), strings.Join(append([]string{""}, settings...), ", "))
}

// asking is tls for a listener that asks for client certificates.
func (l lab) asking(settings ...string) string {
	return l.tls(append([]string{fmt.Sprintf("client_ca: %q, client_auth: require", l.file("ca.pem"))}, settings...)...)
}

// client returns the TLS configuration of a client that shows the certificate with this name, or none if it is "".
func (l lab) client(t *testing.T, name string) *tls.Config {
	t.Helper()
	ca, err := os.ReadFile(l.file("ca.pem"))
	if err != nil {
		t.Fatal(err)
	}
	c := &tls.Config{RootCAs: x509.NewCertPool()}
	c.RootCAs.AppendCertsFromPEM(ca)
	if name != "" {
		c.Certificates = make([]tls.Certificate, 1)
		if c.Certificates[0], err = tls.LoadX509KeyPair(l.file("client-"+name+".pem"), l.file("client-"+name+".key")); err != nil {
			t.Fatal(err)
		}
	}
	return c
}

// flags returns the TLS flags of mosquitto_pub and mosquitto_sub.
func (l lab) flags(name string) []string {
	flags := []string{"--cafile", l.file("ca.pem")}
	if name != "" {
		flags = append(flags, "--cert", l.file("client-"+name+".pem"), "--key", l.file("client-"+name+".key"))
	}
	return flags
}

// everyTLSWay has listeners for mqtts without and with client certificates, for wss
// before nodes that speak MQTT over WebSocket, and for wss before nodes that do not.
func everyTLSWay(l lab, tcp, ws []*mosquitto) string {
	return `
listeners:
  - {name: mqtts, address: "${mqtts}", protocol: mqtt, pool: brokers, tls: ` + l.tls() + `}
  - {name: certified, address: "${certified}", protocol: mqtt, pool: brokers, tls: ` + l.asking() + `}
  - {name: wss, address: "${wss}", protocol: ws, pool: brokers-ws, tls: ` + l.tls() + `}
  - {name: translated, address: "${translated}", protocol: ws, pool: brokers, tls: ` + l.asking() + `}
` + poolsOfBoth(tcp, ws)
}

// brokersOver is a configuration with a listener mqtts, with this tls section, before the brokers.
func brokersOver(section string, brokers ...*mosquitto) string {
	return `
listeners:
  - {name: mqtts, address: "${mqtts}", protocol: mqtt, pool: brokers, tls: ` + section + `}
pools:
  - name: brokers
    health: {probe: none}
    nodes:
` + nodes(brokers...)
}

// passMessage sends a message with Mosquitto's clients and these flags, through the listener to the broker a.
func passMessage(t *testing.T, b *balancer, a *mosquitto, listener, topic string, flags ...string) {
	t.Helper()
	sub, pub := proxytest.Program(t, "/usr/bin/mosquitto_sub"), proxytest.Program(t, "/usr/bin/mosquitto_pub")
	args := append(append(hostPort(b.addrs[listener]), flags...), "-q", "1", "-t", topic)
	subscriber := start(t, "sub", exec.Command(sub, append(args, "-i", "sub-"+topic, "-C", "1")...))
	a.waitFor(t, "Sending SUBACK to sub-"+topic)
	out, err := exec.Command(pub, append(args, "-i", "pub-"+topic, "-m", "hello over "+topic)...).CombinedOutput()
	if err != nil {
		t.Fatalf("mosquitto_pub: %v\n%s", err, out)
	}
	subscriber.waitFor(t, "hello over "+topic)
	if code := subscriber.exitCode(t); code != 0 {
		t.Errorf("mosquitto_sub ended with %d", code)
	}
	for _, s := range b.sessionsEnded(t, 2, "-"+topic+`"`) {
		if s.Listener != listener || s.Node != "a" || s.Outcome != "client_disconnected" {
			t.Errorf("the session's line is %+v", s)
		}
	}
}

func TestMosquittosClientsSpeakTLS(t *testing.T) {
	t.Parallel()
	tcp, ws := startWSMosquittos(t, 1)
	l := newLab(t, "device-1")
	b := serve(t, everyTLSWay(l, tcp, ws))
	for listener, shown := range map[string]string{"mqtts": "", "certified": "device-1"} {
		for _, version := range []string{"tlsv1.2", "tlsv1.3"} {
			t.Run(listener+" "+version, func(t *testing.T) {
				passMessage(t, b, tcp[0], listener, listener+"-"+version, append(l.flags(shown), "--tls-version", version)...)
			})
		}
	}
}

func TestPahosClientsSpeakTLS(t *testing.T) {
	t.Parallel()
	tcp, ws := startWSMosquittos(t, 1)
	l := newLab(t, "device-1")
	b := serve(t, everyTLSWay(l, tcp, ws))
	for listener, shown := range map[string]string{"mqtts": "", "certified": "device-1", "wss": "", "translated": "device-1"} {
		for _, version := range []byte{4, 5} {
			t.Run(listener+" "+versionName(version), func(t *testing.T) {
				scheme := "ssl://"
				if listener == "wss" || listener == "translated" {
					scheme = "wss://"
				}
				passThroughPaho(t, b, listener, scheme, version, l.client(t, shown), 0, 1, 16<<10, 100_000) // less than a record, and more
			})
		}
	}
}

// passThroughPaho makes a Paho client publish payloads of these sizes to itself, through
// a listener with this URL scheme, at the broker a.
func passThroughPaho(t *testing.T, b *balancer, listener, scheme string, version byte, config *tls.Config, sizes ...int) {
	t.Helper()
	id := "paho-" + listener + versionName(version)
	server := scheme + b.addrs[listener]
	if strings.HasPrefix(scheme, "ws") {
		server += "/mqtt"
	}
	connect := pahoClientV3
	if version == 5 {
		connect = pahoClientV5
	}
	c := connect(t, server, id, config)
	c.subscribe(t, id)
	for _, size := range sizes {
		want := strings.Repeat("x", size)
		c.publish(t, id, []byte(want))
		if got := receive(t, c); got.topic != id || string(got.payload) != want {
			t.Fatalf("%d bytes on %q, want %d on %q", len(got.payload), got.topic, size, id)
		}
	}
	if v5, ok := c.(*autopahoClient); ok {
		v5.acknowledge(t, id)
	}
	c.disconnect(t)
	s := b.sessionsEnded(t, 1, `"`+id+`"`)[0]
	if s.Listener != listener || s.Version != versionName(version) || s.Node != "a" || s.Outcome != "client_disconnected" {
		t.Errorf("the session's line is %+v", s)
	}
}

// pahoClientV3 is paho.mqtt.golang with its own TLS and WebSocket; config is nil without TLS.
func pahoClientV3(t *testing.T, server, id string, config *tls.Config) client {
	t.Helper()
	c := &clientV3{in: make(chan message, 16)}
	c.Client = mqtt.NewClient(mqtt.NewClientOptions().
		AddBroker(server).
		SetTLSConfig(config).
		SetClientID(id).
		SetProtocolVersion(4).
		SetAutoReconnect(false).
		SetConnectTimeout(patience).
		SetDefaultPublishHandler(func(_ mqtt.Client, m mqtt.Message) { c.in <- message{m.Topic(), m.Payload()} }))
	await(t, c.Connect(), "CONNECT of "+id)
	t.Cleanup(func() { c.Disconnect(0) })
	return c
}

// pahoClientV5 is paho.golang's autopaho with its own TLS and WebSocket; config is nil without TLS.
func pahoClientV5(t *testing.T, address, id string, config *tls.Config) client {
	t.Helper()
	server, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	c := &autopahoClient{in: make(chan message, 16)}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	c.ConnectionManager, err = autopaho.NewConnection(ctx, autopaho.ClientConfig{
		ServerUrls:     []*url.URL{server},
		TlsCfg:         config,
		KeepAlive:      30,
		ConnectTimeout: patience,
		OnConnectError: func(err error) { t.Errorf("CONNECT of %s: %v", id, err); cancel() },
		ClientConfig: paho.ClientConfig{
			ClientID:      id,
			PacketTimeout: patience,
			OnPublishReceived: []func(paho.PublishReceived) (bool, error){func(p paho.PublishReceived) (bool, error) {
				c.in <- message{p.Packet.Topic, p.Packet.Payload}
				return true, nil
			}},
		},
	})
	if err == nil {
		err = c.AwaitConnection(ctx)
	}
	if err != nil {
		t.Fatal(err)
	}
	return c
}
