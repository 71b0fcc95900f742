package health

import (
	"net"
	"net/netip"
	"syscall"
	"testing"

	"mqttlb/balancer"
)

// Every probe sees that the process has no descriptor left, by the kernel's own error.
func TestProbesWithoutDescriptorsAreNoResults(t *testing.T) {
	n := broker(t, "127.0.0.1:0", func(*net.TCPConn) {})
	port := netip.MustParseAddrPort(n.Address).Port()
	probers := map[Probe]*prober{}
	for _, probe := range []Probe{TCP, MQTT, HTTP, EMQX, EMQX | MQTT} {
		probers[probe] = newProber(Check{Probe: probe, Method: "GET", Path: "/", Port: port})
		_ = probers[probe].probe(t.Context(), n) // package net has all descriptors of its own
	}
	var before syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &before); err != nil {
		t.Fatal(err)
	}
	none := before
	none.Cur = 3 // those that are open stay
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &none); err != nil {
		t.Fatal(err)
	}
	results := map[Probe]result{}
	for probe, p := range probers {
		results[probe] = p.probe(t.Context(), n)
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &before); err != nil {
		t.Fatal(err)
	}
	for probe, r := range results {
		if balancer.ShortageOf(r.err) != balancer.Descriptors {
			t.Errorf("%v: %v", probe, r.err)
		}
	}
}
