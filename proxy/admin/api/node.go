package api

import "time"

// Nodes is the answer of GET /api/v1/nodes.
type Nodes struct {
	Nodes []Node `json:"nodes"`
}

// Node is a broker in all the pools that have it.
type Node struct {
	Name     string       `json:"name"`
	Operator NodeOperator `json:"operator"`
	Drain    *Drain       `json:"drain,omitempty"`    // of its sessions; none: nothing leaves
	Pools    []NodeInPool `json:"pools"`              // empty: only the operator's word is left of it
	Warnings []string     `json:"warnings,omitempty"` // of the change that this answers
}

// NodeOperator is what an operator has said about a node at run time.
type NodeOperator struct {
	State  OperatorState `json:"state"`
	Weight int           `json:"weight,omitempty"` // in place of the configured ones; 0: none
	Since  *time.Time    `json:"since,omitempty"`  // of the last change; none: there was none
}

// OperatorState is the operator's word about a node.
type OperatorState string

// The operator's words.
const (
	Enabled  OperatorState = "enabled"
	Draining OperatorState = "draining" // no new sessions; those it has leave at a pace, or stay
	Disabled OperatorState = "disabled" // as draining, but its sessions always leave
)

// Drain is the progress of the sessions that leave a node.
type Drain struct {
	Cause     string    `json:"cause"` // operator, removed (from its pool) or node_down
	Began     time.Time `json:"began"`
	Sessions  int64     `json:"sessions"`                    // when it began
	Left      int64     `json:"left"`                        // still on the node
	Leaving   int64     `json:"leaving"`                     // told to leave, since the beginning
	PerSecond float64   `json:"per_second"`                  // the pace; 0: they stay until they end by themselves
	Remaining float64   `json:"remaining_seconds,omitempty"` // until the last session has left; 0: not known
}

// NodeInPool is a node as one pool sees it.
type NodeInPool struct {
	Pool             string        `json:"pool"`
	Address          string        `json:"address"`
	Addresses        []NodeAddress `json:"addresses,omitempty"` // that the host name of Address has, in the order in which they are dialled; none: it has one
	Source           string        `json:"source,omitempty"`    // where the pool has it from, as "dns emqx-headless.default.svc"; none: from the configuration
	State            string        `json:"state"`               // up, draining or down
	Health           string        `json:"health"`              // what the health checks say: up, draining or down
	Healthy          bool          `json:"healthy"`             // Health is up
	Since            *time.Time    `json:"since,omitempty"`     // of the last change of Health
	Reason           string        `json:"reason,omitempty"`    // why the last probe did not find it up
	Warning          string        `json:"warning,omitempty"`   // why the probes know less than they should
	ProbeSeconds     float64       `json:"probe_seconds,omitempty"`
	OutlierUntil     *time.Time    `json:"outlier_until,omitempty"` // until then it is tried after the others; none: it is no outlier
	Unanswered       uint64        `json:"unanswered,omitempty"`    // sessions that it has given no CONNACK, since the start
	Mute             string        `json:"mute,omitempty"`          // the likely cause why it accepts connections and no session gets a CONNACK; empty: it answers
	Overloaded       bool          `json:"overloaded,omitempty"`    // over the pool's max_load: new clients without a persistent session go elsewhere
	Priority         int           `json:"priority,omitempty"`      // the nodes of the lowest one are used, while one of them is up
	Backup           bool          `json:"backup,omitempty"`        // used while no node that is no backup is up
	Weight           int           `json:"weight"`
	ConfiguredWeight int           `json:"configured_weight"`
	Connections      int64         `json:"connections"`
	MaxConnections   int           `json:"max_connections,omitempty"` // 0: no limit
	ConnectRate      int           `json:"connect_rate,omitempty"`    // new sessions a second; 0: no limit
	Waiting          int64         `json:"waiting,omitempty"`         // sessions that wait until the node takes them
	Ramp             float64       `json:"ramp"`                      // the part of its load that it should take now, 0 to 1
}

// NodeAddress is one of several addresses of a node. All of them lead to the same broker.
type NodeAddress struct {
	Address      string     `json:"address"`
	Health       string     `json:"health"`           // what the health checks say of the node there: up, draining or down
	Since        *time.Time `json:"since,omitempty"`  // of the last change of Health
	Reason       string     `json:"reason,omitempty"` // why the last probe did not find it up
	ProbeSeconds float64    `json:"probe_seconds,omitempty"`
	Connections  int64      `json:"connections"`
}

// NodeChange is the body of POST /api/v1/nodes/NAME/drain and of the paths beside it: undrain, disable,
// enable and weight. Pace and Within are for drain and disable, and at most one of them is set.
type NodeChange struct {
	Pace   string `json:"pace,omitempty"`   // sessions that leave, as 50/s, 300/m or 50
	Within string `json:"within,omitempty"` // the time in which all leave, as 10m
	Weight *int   `json:"weight,omitempty"` // 1 to 256; 0: the configured one again
}
