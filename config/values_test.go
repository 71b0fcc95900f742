package config

import (
	"fmt"
	"testing"
	"time"
)

func TestAddressesAreWrittenInOneWay(t *testing.T) {
	for _, c := range []struct {
		written string
		node    bool
		want    Address
		text    string
	}{
		{":1883", false, Address{Network: "tcp", Port: 1883}, ":1883"},
		{"*:1883", false, Address{Network: "tcp", Port: 1883}, ":1883"},
		{"0.0.0.0:1883", false, Address{Network: "tcp", Host: "0.0.0.0", Port: 1883}, "0.0.0.0:1883"},
		{"127.0.0.1:0", false, Address{Network: "tcp", Host: "127.0.0.1"}, "127.0.0.1:0"},
		{"[0:0::1]:1883", false, Address{Network: "tcp", Host: "::1", Port: 1883}, "[::1]:1883"},
		{"[fe80::1%eth0]:1", false, Address{Network: "tcp", Host: "fe80::1%eth0", Port: 1}, "[fe80::1%eth0]:1"},
		{"unix:/run/mqttlb.sock", false, Address{Network: "unix", Path: "/run/mqttlb.sock"}, "unix:/run/mqttlb.sock"},
		{"[::ffff:10.0.0.1]:1883", true, Address{Network: "tcp", Host: "10.0.0.1", Port: 1883}, "10.0.0.1:1883"},
		{"node-1.emqx_net.example.:65535", true, Address{Network: "tcp", Host: "node-1.emqx_net.example.", Port: 65535}, "node-1.emqx_net.example.:65535"},
		{"[fd00::1]:1883", true, Address{Network: "tcp", Host: "fd00::1", Port: 1883}, "[fd00::1]:1883"},
	} {
		parse := parseListenAddress
		if c.node {
			parse = parseNodeAddress
		}
		got, err := parse(c.written)
		if err != nil || got != c.want || got.String() != c.text {
			t.Errorf("%s: got %+v (%s), %v; want %+v (%s)", c.written, got, got, err, c.want, c.text)
		}
	}
}

func TestUnitsAreUnderstood(t *testing.T) {
	file := func(limits, timeouts string) *Config {
		return parse(t, fmt.Sprintf(`
listeners: [{name: a, address: ":1", pool: p}]
pools: [{name: p, nodes: [{name: n, address: "h:1"}]}]
limits: {%s}
timeouts: {%s}`, limits, timeouts))
	}
	for text, want := range map[string]int{
		"65536": 65536, "65536B": 65536, "64KiB": 65536, `"64KiB"`: 65536, "256": 256, "1MiB": 1 << 20, "16MiB": 16 << 20, "16777216": 16 << 20,
	} {
		if got := file("max_connect_size: "+text, "").Limits.MaxConnectSize; got != want {
			t.Errorf("%s is %d bytes; want %d", text, got, want)
		}
	}
	for text, want := range map[string]time.Duration{
		"0s": 0, "0ms": 0, "1s": time.Second, "1.5s": 1500 * time.Millisecond, "1h30m": 90 * time.Minute, `"90s"`: 90 * time.Second, "168h": 168 * time.Hour,
	} {
		if got := file("", "idle: "+text).Timeouts.Idle; got != want {
			t.Errorf("%s is %s; want %s", text, got, want)
		}
	}
}

func TestDurationsAndSizesReadAsPeopleWriteThem(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0s", time.Hour: "1h", time.Minute: "1m", 90 * time.Minute: "1h30m", 10 * time.Hour: "10h", 70 * time.Second: "1m10s",
		time.Hour + time.Second: "1h0m1s", 250 * time.Millisecond: "250ms", 20 * time.Minute: "20m",
	} {
		if got := formatDuration(d); got != want {
			t.Errorf("%v is written %s; want %s", d, got, want)
		}
	}
	for n, want := range map[int]string{256: "256B", 1024: "1KiB", 1025: "1025B", 64 << 10: "64KiB", 3 << 20: "3MiB", 0: "0B"} {
		if got := formatSize(n); got != want {
			t.Errorf("%d is written %s; want %s", n, got, want)
		}
	}
}

func TestAProbeEndsBeforeTheNextOneByDefault(t *testing.T) {
	for interval, want := range map[string]time.Duration{"100ms": 100 * time.Millisecond, "1s": time.Second, "2s": 2 * time.Second, "3s": 2 * time.Second, "1h": 2 * time.Second} {
		c := parse(t, `
listeners: [{name: a, address: ":1", pool: p}]
pools: [{name: p, health: {interval: `+interval+`}, nodes: [{name: n, address: "h:1"}]}]
`)
		if got := c.Pools[0].Health.Timeout; got != want {
			t.Errorf("interval %s: the timeout is %s, want %s", interval, got, want)
		}
		checkYAML(t, c)
	}
}
