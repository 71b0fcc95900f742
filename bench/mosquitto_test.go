//go:build linux

package bench

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// startMosquitto runs a real broker for the test's life.
func startMosquitto(t *testing.T) netip.AddrPort {
	t.Helper()
	path, err := exec.LookPath("mosquitto")
	if err != nil {
		path, err = exec.LookPath("/usr/sbin/mosquitto")
	}
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("mosquitto is not installed")
		}
		t.Skip("mosquitto is not installed")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	a := netip.MustParseAddrPort(l.Addr().String())
	l.Close()
	conf := filepath.Join(t.TempDir(), "mosquitto.conf")
	text := fmt.Sprintf("listener %d 127.0.0.1\nallow_anonymous true\nmax_queued_messages 0\n", a.Port())
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(path, "-c", conf)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	for deadline := time.Now().Add(testTimeout); ; {
		conn, err := net.Dial("tcp", a.String())
		if err == nil {
			conn.Close()
			return a
		}
		if time.Now().After(deadline) {
			t.Fatalf("mosquitto does not accept: %v", err)
		}
		time.Sleep(5 * time.Millisecond) //nolint:forbidigo // until another process listens there is nothing to wait on
	}
}

func TestMosquittoAcknowledgesEveryVersionAndQoS(t *testing.T) {
	a := startMosquitto(t)
	for version := byte(3); version <= 5; version++ {
		for qos := byte(1); qos <= 2; qos++ {
			exchange(t, a,
				Options{Clients: 10, Version: version, Prefix: fmt.Sprintf("m%d%d-", version, qos), CleanStart: true, KeepAlive: 60},
				Publishing{Topic: "t/%c", QoS: qos, Size: 300, Inflight: 4}, 500)
		}
	}
}

func TestMosquittoDeliversToSubscribersOnce(t *testing.T) {
	a := startMosquitto(t)
	for version := byte(4); version <= 5; version++ {
		for qos := byte(0); qos <= 2; qos++ {
			ctx := testContext(t)
			o := Options{Targets: []netip.AddrPort{a}, Version: version, CleanStart: true, Clients: 4}
			o.Prefix = fmt.Sprintf("sub%d%d-", version, qos)
			subs := newFleet(t, o)
			topic := fmt.Sprintf("d/%d/%d", version, qos)
			subs.Subscribe(Subscription{Filter: topic + "/#", QoS: qos, Stamp: true})
			received := subs.Stats()
			if err := subs.Run(ctx, func() bool { return received.Granted == 4 }); err != nil {
				t.Fatal(err, *received)
			}
			o.Prefix = fmt.Sprintf("pub%d%d-", version, qos)
			pubs := newFleet(t, o)
			if err := pubs.Connect(ctx); err != nil {
				t.Fatal(err)
			}
			p := Publishing{Topic: topic + "/%i", QoS: max(qos, 1), Size: 64, Limit: 100, Stamp: true}
			if err := pubs.Publish(p); err != nil {
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
				t.Errorf("version %d QoS %d: received %d with %d latencies, lost %d connections: %v", version, qos,
					received.Received, received.Delivery.TotalCount(), received.Lost, received.Causes)
			}
		}
	}
}
