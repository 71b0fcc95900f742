package main_test

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var seriesOf = regexp.MustCompile(`^mqttlb_(\w+)\{(.*)\}$`)

// unrecorded are counters that vary from run to run, or repeat another: whether a client has its ticket
// in time, which cipher suite suits the processor, how many probes there were.
// Packets are in the recording one by one.
var unrecorded = []string{
	"refusals_total", "tls_sessions_total", "node_tls_sessions_total", "node_probes_total",
	"packets_total", "publishes_total", "node_connacks_total", "node_disconnects_total",
}

// counted waits until no session of the scenes is open, and adds to each recording the
// counters of its listener and pool. Every process plays one scenario, so that counters
// start at zero.
func counted(t *testing.T, b *balancer, scenes []*scene) {
	t.Helper()
	var m metrics
	eventually(t, "every connection has ended and is counted", func() bool {
		m = b.metrics(t)
		for _, s := range scenes {
			for _, gauge := range []string{"connections_open", "sessions_open", "node_connections"} {
				label := fmt.Sprintf("listener=%q", s.mode.id())
				if gauge == "node_connections" {
					label = fmt.Sprintf("pool=%q", s.mode.id())
				}
				if m.sum(t, "mqttlb_"+gauge, label) != 0 {
					return false
				}
			}
			if m.sum(t, "mqttlb_outcomes_total", fmt.Sprintf("listener=%q", s.mode.id())) != float64(s.sessions) {
				return false
			}
		}
		return true
	})
	for _, s := range scenes {
		if !s.scenario.uncounted {
			s.notef("counts %s", strings.Join(m.of(s), " "))
		}
	}
}

// of returns the metrics of a scene's listener and pool that are not zero.
func (m metrics) of(s *scene) (counts []string) {
	for series, v := range m {
		parts := seriesOf.FindStringSubmatch(series)
		if v == 0 || parts == nil || !strings.HasSuffix(parts[1], "_total") || slices.Contains(unrecorded, parts[1]) ||
			!s.measured() && parts[1] == "bytes_total" {
			continue
		}
		var own bool
		words := []string{strings.TrimSuffix(parts[1], "_total")}
		for label := range strings.SplitSeq(parts[2], ",") {
			key, value, _ := strings.Cut(label, "=")
			switch value = strings.Trim(value, `"`); key {
			case "listener", "pool":
				own = value == s.mode.id()
			case "node":
			default:
				words = append(words, value)
			}
		}
		if own {
			counts = append(counts, fmt.Sprintf("%s=%v", strings.Join(words, "."), v))
		}
	}
	slices.Sort(counts)
	return counts
}
