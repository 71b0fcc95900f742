package main_test

import (
	"encoding/json"
	"net"
	"net/netip"
	"strings"
	"testing"

	"mqttlb/proxy/proxytest"
)

func TestAShortDescriptorLimitIsSaidAtOnceWithBothNumbers(t *testing.T) {
	t.Parallel()
	broker := startMosquitto(t, "a")
	b := configure(t, oneBroker+nodes(broker)+"limits: {max_connections: 12345}\n")
	b.start(t, "ulimit -n 600")
	b.waitReady(t)
	var line struct{ Taken int }
	if err := json.Unmarshal([]byte(b.waitFor(t, "12345", "600")), &line); err != nil {
		t.Fatal(err)
	}
	if line.Taken < 20 || line.Taken > 290 {
		t.Fatalf("%d connections are taken with 600 descriptors", line.Taken)
	}

	// It takes as many sessions as it has announced, and no more.
	for _, id := range ids("fits", line.Taken) {
		join(t, b.addrs["mqtt"], "", 4, id)
	}
	refused(t, b.addrs["mqtt"], 5, "too-many", quotaExceeded)
	alarms, _ := mqttlb(t, "ctl", "--address", b.addrs["admin"], "alarms")
	if !strings.Contains(alarms, "connections_nearly_full") || !strings.Contains(alarms, "descriptor limit (ulimit -Hn), which has no room for the 12345 of") {
		t.Errorf("the alarm does not name the descriptor limit:\n%s", alarms)
	}
}

// What a low limit has room for is taken, and neither refused clients nor a flood at the admin address takes the rest.
func TestALowDescriptorLimitIsUsed(t *testing.T) {
	t.Parallel()
	broker := startMosquitto(t, "a")
	for limit, least := range map[string]int{"200": 50, "100": 15, "64": 5} {
		t.Run(limit, func(t *testing.T) {
			b := configure(t, oneBroker+nodes(broker)+"limits: {max_connections: 12345}\n")
			b.start(t, "ulimit -n "+limit)
			b.waitReady(t)
			var line struct{ Taken int }
			if err := json.Unmarshal([]byte(b.waitFor(t, "12345", limit, "ulimit")), &line); err != nil {
				t.Fatal(err)
			}
			if line.Taken < least {
				t.Fatalf("%d connections are taken with %s descriptors, want %d or more", line.Taken, limit, least)
			}
			for _, id := range ids("fits", line.Taken) {
				join(t, b.addrs["mqtt"], "", 4, id)
			}
			for range 30 { // they stay
				dialWire(t, b.addrs["mqtt"], "")
				stall(t, netip.MustParseAddr("127.0.0.1"), b.addrs["admin"], nil, 0)
			}
			if n := b.metrics(t).sum(t, "mqttlb_sessions_open"); int(n) != line.Taken {
				t.Errorf("%g sessions are open, want %d", n, line.Taken)
			}
			if n := b.metrics(t).sum(t, "mqttlb_accept_errors_total"); n > 0 {
				t.Errorf("%g connections could not be accepted", n)
			}
		})
	}
}

func TestServeSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()

	const pools = "\npools: [{name: brokers, nodes: [{name: a, address: \"127.0.0.1:1\"}]}]\n"
	for _, wrong := range []struct {
		name, config string
		code         int
		says         []string
	}{
		{"an unknown key", "listeners: [{name: a, adress: \":1\", pool: brokers}]" + pools, 78, []string{"mqttlb.yaml:1:23:", "adress"}},
		{"a pool that is not there", "listeners: [{name: a, address: \"${mqtt}\", protocol: mqtt, pool: nodes}]" + pools, 78, []string{"mqttlb.yaml:1:", "nodes", "brokers"}},
		{"an address in use", "listeners: [{name: a, address: \"" + taken.Addr().String() + "\", protocol: mqtt, pool: brokers}]" + pools, 1, []string{taken.Addr().String(), "address already in use"}},
		{"an address of another machine", "listeners: [{name: a, address: \"192.0.2.1:1883\", protocol: mqtt, pool: brokers}]" + pools, 1, []string{"192.0.2.1:1883", "cannot assign requested address"}},
	} {
		t.Run(wrong.name, func(t *testing.T) {
			b := configure(t, wrong.config)
			output, code := mqttlb(t, "serve", "-c", b.config)
			if code != wrong.code {
				t.Errorf("exit code %d, want %d", code, wrong.code)
			}
			for _, part := range wrong.says {
				if !strings.Contains(output, part) {
					t.Errorf("does not say %q:\n%s", part, output)
				}
			}
		})
	}

	output, code := mqttlb(t, "serve", "mqttlb.yaml")
	if code != 2 || !strings.Contains(output, "is named with -c") {
		t.Errorf("a file without -c: exit code %d, %s", code, output)
	}
	output, code = mqttlb(t, "serve", "-c", "/nowhere/mqttlb.yaml")
	if code != 78 || !strings.Contains(output, "/nowhere/mqttlb.yaml") {
		t.Errorf("a file that is not there: exit code %d, %s", code, output)
	}
}

func TestCheckPrintsEveryErrorWithItsPlace(t *testing.T) {
	t.Parallel()
	b := configure(t, `listeners:
  - name: mqtt
    address: "${mqtt}"
    protocol: mqttt
    pool: emqx
timeouts: {dial: 5}
pools:
  - name: brokers
    nodes:
      - {name: a, address: "127.0.0.1"}
`)
	output, code := mqttlb(t, "check", "-c", b.config)
	if code != 1 {
		t.Errorf("exit code %d, want 1", code)
	}
	for _, at := range []string{":4:15: ", ":5:11: ", ":6:18: ", ":10:28: "} {
		if !strings.Contains(output, b.config+at) {
			t.Errorf("no error at %s%s", b.config, at)
		}
	}
	if n := strings.Count(output, b.config); n != 4 {
		t.Errorf("%d errors, want 4:\n%s", n, output)
	}
}

func TestCheckSummarisesAFileThatLoads(t *testing.T) {
	t.Parallel()
	b := configure(t, oneBroker+"      - {name: a-node, address: \"127.0.0.1:1\"}\n")
	output, code := mqttlb(t, "check", "-c", b.config)
	if code != 0 {
		t.Errorf("exit code %d, want 0", code)
	}
	for _, part := range []string{b.addrs["mqtt"], "brokers", "a-node", "127.0.0.1:1"} {
		if !strings.Contains(output, part) {
			t.Errorf("does not say %q:\n%s", part, output)
		}
	}
}

// A sidecar runs without a configuration file.
func TestServeWithoutAFile(t *testing.T) {
	t.Parallel()
	brokers := startMosquittos(t, 2)
	b := &balancer{addrs: map[string]string{"mqtt": proxytest.FreeAddr(t, "127.0.0.1"), "admin": proxytest.FreeAddr(t, "127.0.0.1")}}
	b.startWith(t, "", "serve", "--admin", b.addrs["admin"], "--listen", b.addrs["mqtt"], "--node", brokers[0].addr, "--node", brokers[1].addr)
	b.waitFor(t, "listening", b.addrs["mqtt"])
	clients := ids("sidecar", 20)
	for _, id := range clients {
		join(t, b.addrs["mqtt"], "", 4, id)
	}
	homes(t, brokers, clients, 1)
	for _, m := range brokers {
		if len(m.connects()) == 0 {
			t.Errorf("%s has no client", m.name)
		}
	}
}

func TestVersionSaysWhatItIs(t *testing.T) {
	t.Parallel()
	output, code := mqttlb(t, "version")
	if code != 0 || !strings.HasPrefix(output, "mqttlb ") {
		t.Errorf("exit code %d, %q", code, output)
	}
	if output, code = mqttlb(t, "servee"); code == 0 || !strings.Contains(output, "servee") {
		t.Errorf("an unknown command: exit code %d, %q", code, output)
	}
}
