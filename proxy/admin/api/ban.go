package api

import "time"

// Bans is the answer of GET /api/v1/bans.
type Bans struct {
	Total int   `json:"total"`
	Bans  []Ban `json:"bans"` // those that end last come first
}

// Ban is a client address that is banned, and the answer of POST /api/v1/bans.
type Ban struct {
	Address   string    `json:"address"` // 203.0.113.7, or a network of IPv6: 2001:db8::/64
	Cause     string    `json:"cause"`   // of the last refusal: an outcome or connack; or operator
	Began     time.Time `json:"began"`
	Until     time.Time `json:"until"`
	Remaining float64   `json:"remaining_seconds"`
	Refused   uint64    `json:"refused"` // connections and requests since it began
}

// BanRequest is the body of POST /api/v1/bans.
type BanRequest struct {
	Address string `json:"address"`
	Time    string `json:"time,omitempty"` // as 10m; empty: bans.time
}

// UnbanRequest is the body of POST /api/v1/bans/lift.
type UnbanRequest struct {
	Address string `json:"address,omitempty"`
	All     bool   `json:"all,omitempty"` // needed without an address
}

// Unbanned is the answer of POST /api/v1/bans/lift.
type Unbanned struct {
	Lifted int `json:"lifted"`
}
