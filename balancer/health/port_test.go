package health

import (
	"testing"

	"mqttlb/balancer"
)

func TestPortOfANodeGoesBeforeThatOfItsPool(t *testing.T) {
	for _, c := range []struct{ pool, node, want uint16 }{{0, 0, 0}, {18083, 0, 18083}, {18083, 18084, 18084}, {0, 18084, 18084}} {
		check := Check{Port: c.pool}
		if got := check.portOf(&balancer.Node{HealthPort: c.node}); got != c.want {
			t.Errorf("%+v: port %d", c, got)
		}
	}
}
