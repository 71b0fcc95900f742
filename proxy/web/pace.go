package web

import "time"

// Pace is a minimum speed by the rule of Apache's mod_reqtimeout (body=20,MinRate=500):
// an initial time, and one second more for each Rate bytes.
type Pace struct {
	Within time.Duration // 0: no limit
	Rate   int           // bytes a second; 0: no time beyond Within
}

// For returns how long n bytes may take.
func (p Pace) For(n int64) time.Duration {
	if p.Rate <= 0 || n <= 0 {
		return p.Within
	}
	rate := int64(p.Rate)
	// In two parts: n bytes in nanoseconds could overflow.
	return p.Within + time.Duration(n/rate)*time.Second + time.Duration(n%rate)*time.Second/time.Duration(rate)
}

// next returns how long to wait for more bytes after waited, in which n bytes have
// arrived. Fast bytes earn no right to a long silence afterwards.
func (p Pace) next(n int64, waited time.Duration) time.Duration {
	return max(min(p.Within, p.For(n)-waited), 0)
}
