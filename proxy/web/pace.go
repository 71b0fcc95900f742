package web

import "time"

// Pace is how fast something has to move. It is the rule of Apache's mod_reqtimeout
// (body=20,MinRate=500): a time to begin with, and a second more for each Rate bytes.
type Pace struct {
	Within time.Duration // 0: no limit
	Rate   int           // bytes a second; 0: Within is for all of it
}

// For is how long n bytes may take.
func (p Pace) For(n int64) time.Duration {
	if p.Rate <= 0 || n <= 0 {
		return p.Within
	}
	rate := int64(p.Rate)
	// In two parts: n bytes in nanoseconds could overflow.
	return p.Within + time.Duration(n/rate)*time.Second + time.Duration(n%rate)*time.Second/time.Duration(rate)
}

// next is how long to wait for more of something of which n bytes have come after
// waiting so long. What came fast earns no right to be silent for long afterwards.
func (p Pace) next(n int64, waited time.Duration) time.Duration {
	return max(min(p.Within, p.For(n)-waited), 0)
}
