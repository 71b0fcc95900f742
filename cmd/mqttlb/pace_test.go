package main

import (
	"errors"
	"net/http"
	"testing"
	"time"

	"mqttlb/proxy"
	"mqttlb/proxy/admin"
	"mqttlb/proxy/admin/api"
)

func TestParsePace(t *testing.T) {
	for text, want := range map[string]float64{"50": 50, "50/s": 50, "300/m": 5, "1/h": 1.0 / 3600, "90/h": 0.025, "10000000/s": 1e7} {
		p, err := parsePace(api.NodeChange{Pace: text})
		if err != nil || p != (proxy.Pace{PerSecond: want}) {
			t.Errorf("%s is %v, %v", text, p, err)
		}
		if again, err := parsePace(api.NodeChange{Pace: formatPace(p.PerSecond)}); err != nil || again != p {
			t.Errorf("%s is written as %s, which is %v, %v", text, formatPace(p.PerSecond), again, err)
		}
	}
	for text, want := range map[string]time.Duration{"1s": time.Second, "10m": 10 * time.Minute, "168h": 168 * time.Hour} {
		if p, err := parsePace(api.NodeChange{Within: text}); err != nil || p != (proxy.Pace{Within: want}) {
			t.Errorf("within %s is %v, %v", text, p, err)
		}
	}
	if p, err := parsePace(api.NodeChange{}); err != nil || !p.None() {
		t.Errorf("without a pace: %v, %v", p, err)
	}
	for _, c := range []api.NodeChange{
		{Pace: "0"}, {Pace: "-1"}, {Pace: "+1"}, {Pace: "1.5/s"}, {Pace: "50/"}, {Pace: "/s"}, {Pace: "50/d"}, {Pace: "50 /s"}, {Pace: "50s"},
		{Pace: "10000001"}, {Pace: "99999999999999999999"}, {Pace: "NaN"}, {Pace: "1e3"}, {Pace: "fast"},
		{Within: "0s"}, {Within: "10"}, {Within: "999ms"}, {Within: "-1m"}, {Within: "169h"}, {Within: "soon"},
		{Pace: "50", Within: "10m"},
	} {
		_, err := parsePace(c)
		if failed := (*admin.Error)(nil); !errors.As(err, &failed) || failed.Status != http.StatusBadRequest {
			t.Errorf("%+v: %v, want a bad request", c, err)
		}
	}
}
