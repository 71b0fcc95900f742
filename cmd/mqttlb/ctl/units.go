package ctl

import (
	"fmt"
	"math"
	"strconv"
	"time"
)

// thousands writes a number with commas: 12,345.
func thousands[N int | int64 | uint64](n N) string {
	s := strconv.FormatInt(int64(n), 10)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// short writes a number in at most four characters: 999, 1.2k, 12k, 3.4M.
func short(n float64) string {
	if n < 999.5 {
		return strconv.FormatFloat(n, 'f', 0, 64)
	}
	unit := 0
	const units = "kMGTPE"
	for n /= 1000; n >= 999.5 && unit < len(units)-1; unit++ {
		n /= 1000
	}
	digits := 0
	if n < 9.95 {
		digits = 1
	}
	return strconv.FormatFloat(n, 'f', digits, 64) + units[unit:unit+1]
}

// rate writes a number per second.
func rate(n float64) string {
	if n > 0 && n < 9.95 {
		return strconv.FormatFloat(n, 'f', 1, 64)
	}
	return short(n)
}

// span writes a duration in seconds with its two largest units: 3d4h, 5m20s, 0.4s.
func span(seconds float64) string {
	if math.IsNaN(seconds) || seconds < 0 {
		return "0s"
	}
	switch s := int64(min(seconds, 1e12)); {
	case seconds < 0.95:
		return strconv.FormatFloat(math.Floor(seconds*10)/10, 'g', -1, 64) + "s"
	case s < 60:
		return fmt.Sprintf("%ds", max(s, 1))
	case s < 60*60:
		return fmt.Sprintf("%dm%ds", s/60, s%60)
	case s < 24*60*60:
		return fmt.Sprintf("%dh%dm", s/3600, s/60%60)
	default:
		return fmt.Sprintf("%dd%dh", s/86400, s/3600%24)
	}
}

// since writes how long ago a time is; without one it writes nothing.
func since(t *time.Time, now time.Time) string {
	if t == nil || t.IsZero() {
		return ""
	}
	return span(now.Sub(*t).Seconds())
}

// count writes a number with its noun: 1 session, 2 sessions.
func count[N int | int64 | uint64](n N, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return thousands(n) + " " + noun
}
