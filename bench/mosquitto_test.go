//go:build linux

package bench

import (
	"crypto/tls"
	"fmt"
	"net"
	"net/netip"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"mqttlb/proxy/proxytest"
)

// startMosquitto runs a real broker until the test ends and returns its address for each
// of transports.
func startMosquitto(t *testing.T, p *pki) []netip.AddrPort {
	t.Helper()
	text := "per_listener_settings true\nuser root\n" // under another user Mosquitto cannot read the keys; without root it keeps its user
	var addrs []netip.AddrPort
	for _, tr := range transports {
		a := netip.MustParseAddrPort(proxytest.FreeAddr(t, "127.0.0.1"))
		addrs = append(addrs, a)
		text += fmt.Sprintf("listener %d 127.0.0.1\nallow_anonymous true\nmax_queued_messages 0\n", a.Port())
		if tr.ws {
			text += "protocol websockets\n"
		}
		if tr.ssl {
			pair := p.server.File(t)
			text += fmt.Sprintf("cafile %s\ncertfile %s\nkeyfile %s\nrequire_certificate true\n",
				proxytest.TempFile(t, "ca.pem", p.Cert), pair, pair)
		}
	}
	cmd := exec.Command(proxytest.Program(t, "mosquitto"), "-c", proxytest.TempFile(t, "mosquitto.conf", []byte(text)))
	cmd.Stderr = t.Output()
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} // so that a killed test leaves no broker behind
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	for deadline := time.Now().Add(testTimeout); ; {
		conn, err := net.Dial("tcp", addrs[len(addrs)-1].String())
		if err == nil {
			conn.Close()
			return addrs
		}
		if time.Now().After(deadline) {
			t.Fatalf("mosquitto does not accept: %v", err)
		}
		time.Sleep(5 * time.Millisecond) //nolint:forbidigo // until another process listens there is nothing to wait on
	}
}

// forMosquitto returns o for a client of Mosquitto over t: its listeners require a
// certificate.
func (t transport) forMosquitto(o Options, p *pki) Options {
	o = t.apply(o, p)
	if t.ssl {
		o.TLS.Certificates = []tls.Certificate{p.client.TLS}
	}
	return o
}

func TestMosquittoAcknowledgesEveryVersionAndQoSOverEveryTransport(t *testing.T) {
	p := newPKI()
	addrs := startMosquitto(t, p)
	for i, tr := range transports {
		t.Run(tr.name, func(t *testing.T) {
			for version := byte(3); version <= 5; version++ {
				for qos := byte(1); qos <= 2; qos++ {
					o := Options{Clients: 10, Version: version, Prefix: fmt.Sprintf("m%d%d-", version, qos), CleanStart: true, KeepAlive: 60}
					exchange(t, addrs[i], tr.forMosquitto(o, p), Publishing{Topic: "t/%c", QoS: qos, Size: 300, Inflight: 4}, 500)
				}
			}
			exchange(t, addrs[i], tr.forMosquitto(Options{Clients: 2, CleanStart: true, Prefix: "big"}, p),
				Publishing{Topic: "t/%c", QoS: 1, Size: 300_000, Inflight: 2}, 20)
		})
	}
}

func TestMosquittoDeliversToSubscribersOnceOverEveryTransport(t *testing.T) {
	p := newPKI()
	addrs := startMosquitto(t, p)
	for i, tr := range transports {
		for version := byte(4); version <= 5; version++ {
			for qos := byte(0); qos <= 2; qos++ {
				t.Run(fmt.Sprintf("%s version %d QoS %d", tr.name, version, qos), func(t *testing.T) {
					o := Options{Targets: addrs[i : i+1], Version: version, CleanStart: true, Clients: 4}
					deliver(t, tr.forMosquitto(o, p), qos)
				})
			}
		}
	}
}

// deliver publishes 100 messages to four subscribers. Each test has a topic of its own.
func deliver(t *testing.T, o Options, qos byte) {
	t.Helper()
	ctx := testContext(t)
	topic := strings.ReplaceAll(t.Name(), "#", "")
	o.Prefix = "sub-" + topic
	subs := newFleet(t, o)
	subs.Subscribe(Subscription{Filter: topic + "/#", QoS: qos, Stamp: true})
	received := subs.Stats()
	if err := subs.Run(ctx, func() bool { return received.Granted == 4 }); err != nil {
		t.Fatal(err, *received)
	}
	o.Prefix = "pub-" + topic
	pubs := newFleet(t, o)
	if err := pubs.Connect(ctx); err != nil {
		t.Fatal(err)
	}
	if err := pubs.Publish(Publishing{Topic: topic + "/%i", QoS: max(qos, 1), Size: 64, Limit: 100, Stamp: true}); err != nil {
		t.Fatal(err)
	}
	published := pubs.Stats()
	if err := pubs.Run(ctx, func() bool { return published.Acked == 100 }); err != nil {
		t.Fatal(err, *published)
	}
	if err := subs.Run(ctx, func() bool { return received.Received >= 400 }); err != nil {
		t.Fatal(err, *received)
	}
	if received.Received != 400 || received.Lost > 0 || received.Delivery.TotalCount() != 400 {
		t.Errorf("received %d with %d latencies, lost %d connections: %v",
			received.Received, received.Delivery.TotalCount(), received.Lost, received.Causes)
	}
}
