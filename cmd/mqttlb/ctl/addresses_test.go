package ctl

import (
	"strings"
	"testing"
	"time"

	"mqttlb/proxy/admin/api"
)

func TestNoteNamesTheAddressesThatAreDown(t *testing.T) {
	in := api.NodeInPool{Health: "up", Healthy: true, Ramp: 1, Addresses: []api.NodeAddress{
		{Address: "10.0.0.2:1883", Health: "up", Connections: 5},
		{Address: "[2001:db8::1]:1883", Health: "down", Since: ago(5*time.Hour + 10*time.Second), Reason: "connection refused"},
	}}
	const want = "[2001:db8::1]:1883 is down for 5h0m: connection refused"
	if got := nodeNote(&api.Node{}, &in, time.Now()); got != want {
		t.Errorf("%q, want %q", got, want)
	}
	in.Healthy, in.Health, in.Reason = false, "down", "10.0.0.2:1883: refused; [2001:db8::1]:1883: refused" // which names them all
	if got := nodeNote(&api.Node{}, &in, time.Now()); strings.Contains(got, want) || !strings.Contains(got, in.Reason) {
		t.Errorf("%q", got)
	}
}
