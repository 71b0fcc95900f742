package api

import "time"

// Error is the answer to a request that failed.
type Error struct {
	Errors []string `json:"errors"` // what is wrong, and what is allowed; at least one
}

// Status is the answer of GET /api/v1/status.
type Status struct {
	Version      string           `json:"version"`
	PID          int              `json:"pid"`
	Started      time.Time        `json:"started"`
	State        State            `json:"state"`
	Ready        bool             `json:"ready"`               // as /readyz
	NotReady     []string         `json:"not_ready,omitempty"` // why not
	Generation   int              `json:"generation"`          // of the configuration; 1 at the start
	ReloadFailed bool             `json:"reload_failed"`       // the configuration read last is not in force
	Sessions     int64            `json:"sessions"`            // open connections of clients
	MaxSessions  int64            `json:"max_sessions"`
	Loops        int              `json:"loops"`
	Totals       Totals           `json:"totals"`
	Listeners    []ListenerStatus `json:"listeners"`
	Pools        []PoolStatus     `json:"pools"`
	Alarms       int              `json:"alarms"`
}

// State says what the process does with clients.
type State string

// The states of the process.
const (
	Serving  State = "serving"
	LameDuck State = "lame_duck" // not ready, and still accepting: timeouts.lame_duck
	Stopping State = "stopping"  // accepts no more; sessions end within timeouts.shutdown
)

// Totals count since the start. Two of them give a rate.
type Totals struct {
	Accepted        uint64 `json:"accepted"`
	Refused         uint64 `json:"refused"`
	BytesReceived   uint64 `json:"bytes_received"` // from clients
	BytesSent       uint64 `json:"bytes_sent"`     // to clients
	PacketsReceived uint64 `json:"packets_received"`
	PacketsSent     uint64 `json:"packets_sent"`
}

// ListenerStatus is a listener in a [Status].
type ListenerStatus struct {
	Name     string `json:"name"`
	Address  string `json:"address"`
	Protocol string `json:"protocol"`
	TLS      bool   `json:"tls"`
	Pool     string `json:"pool,omitempty"`
	Open     int64  `json:"open"`
	Accepted uint64 `json:"accepted"`
	Refused  uint64 `json:"refused"`

	Tolerated []Tolerated `json:"tolerated,omitempty"` // the rules that some clients break, as listeners[].validity allows
}

// Tolerated counts the clients of a listener whose CONNECT breaks a rule.
type Tolerated struct {
	Rule    string `json:"rule"`
	Clients uint64 `json:"clients"`
}

// PoolStatus is a pool in a [Status].
type PoolStatus struct {
	Name  string `json:"name"`
	Nodes int    `json:"nodes"`
	Up    int    `json:"up"` // nodes that take new sessions, or would if no node before them was up
	Open  int64  `json:"open"`

	TierInUse int    `json:"tier_in_use"`      // which nodes new sessions go to, by priority: 1 the first, 0 none is up
	InUse     string `json:"in_use,omitempty"` // if not the first, what they are, such as a backup

	Rebalance *Rebalance `json:"rebalance,omitempty"` // none: pools[].rebalance is off
	Discovery *Discovery `json:"discovery,omitempty"` // none: the pool has no pools[].discover
}

// Discovery is the state of where the nodes of a pool come from.
type Discovery struct {
	Source     string     `json:"source"`                // as "dns emqx-headless.default.svc"
	Nodes      int        `json:"nodes"`                 // that it has given
	Known      bool       `json:"known"`                 // it was asked; before, clients wait
	LastAnswer *time.Time `json:"last_answer,omitempty"` // the last one that could be used; none: there was none
	Changes    uint64     `json:"changes"`               // of the nodes, since it is asked
	Failures   uint64     `json:"failures"`              // times that it gave no answer that could be used
	Error      string     `json:"error,omitempty"`       // why the last answer could not be used; none: it could
	Since      *time.Time `json:"since,omitempty"`       // of the first error of those in a row

	EmptySince   *time.Time `json:"empty_since,omitempty"`   // since then it says that there are no nodes
	EmptyIgnored bool       `json:"empty_ignored,omitempty"` // the nodes of before stay meanwhile
}

// Rebalance is the progress of the sessions of a pool that return to their first node.
type Rebalance struct {
	Active    bool       `json:"active"`                      // sessions return now
	Began     *time.Time `json:"began,omitempty"`             // of this activity, or of the last one; none: there was none
	Found     int64      `json:"found"`                       // sessions of the activity
	Moved     int64      `json:"moved"`                       // of those, told to return
	Left      int64      `json:"left"`                        // of those, still to be told
	PerSecond float64    `json:"per_second"`                  // the pace
	Remaining float64    `json:"remaining_seconds,omitempty"` // until the last is told; 0: none is left
}

// Alarms is the answer of GET /api/v1/alarms.
type Alarms struct {
	Alarms []Alarm `json:"alarms"`
}

// Alarm is something that is wrong now.
type Alarm struct {
	Name    string     `json:"name"`            // such as node_down
	Subject string     `json:"subject"`         // such as emqx/emqx-1
	Since   *time.Time `json:"since,omitempty"` // when it began, if that is known
	Text    string     `json:"text"`
}
