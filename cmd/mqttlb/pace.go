package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"mqttlb/proxy"
	"mqttlb/proxy/admin/api"
)

const (
	// maxPace is the most sessions a second, minute or hour.
	maxPace = proxy.MaxPace
	// Within a second is at once, and more than a week is no drain.
	minWithin = time.Second
	maxWithin = 7 * 24 * time.Hour
)

// paceUnits are the units of a pace.
var paceUnits = map[string]time.Duration{"s": time.Second, "m": time.Minute, "h": time.Hour}

// parsePace parses the pace of a change; without one it is the zero Pace.
func parsePace(c api.NodeChange) (proxy.Pace, error) {
	switch {
	case c.Pace != "" && c.Within != "":
		return proxy.Pace{}, badRequest("pace and within are set: a drain has one of them")
	case c.Pace != "":
		perSecond, err := parseRate(c.Pace)
		return proxy.Pace{PerSecond: perSecond}, err
	case c.Within != "":
		d, err := time.ParseDuration(c.Within)
		if err != nil || d < minWithin || d > maxWithin {
			return proxy.Pace{}, badRequest("within: %q is not a duration from %v to %vh, as 30s or 10m", c.Within, minWithin, maxWithin.Hours())
		}
		return proxy.Pace{Within: d}, nil
	}
	return proxy.Pace{}, nil
}

// parseRate parses a number of sessions in a time, as 50/s, and returns that of a second.
func parseRate(s string) (perSecond float64, err error) {
	number, unit, found := strings.Cut(s, "/")
	per := time.Second
	if found {
		per = paceUnits[unit]
	}
	n, err := strconv.ParseUint(number, 10, 32)
	if err != nil || n < 1 || n > maxPace || per == 0 {
		return 0, badRequest("pace: %q is not a number of sessions from 1 to %d, alone or with /s, /m or /h, as 50, 50/s or 300/m", s, maxPace)
	}
	return float64(n) / per.Seconds(), nil
}

// formatPace formats sessions a second as parseRate reads them.
func formatPace(perSecond float64) string {
	for _, unit := range []string{"s", "m", "h"} {
		if n := perSecond * paceUnits[unit].Seconds(); n >= 1 && n == float64(int64(n)) {
			return fmt.Sprintf("%d/%s", int64(n), unit)
		}
	}
	return fmt.Sprintf("%.3g/s", perSecond)
}
