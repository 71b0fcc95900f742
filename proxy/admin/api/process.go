package api

import "time"

// Change is one difference between two configurations.
type Change struct {
	Action string `json:"action"`           // added, removed or changed
	Name   string `json:"name"`             // the path of the setting, as pools[emqx].nodes[n1].weight
	Before string `json:"before,omitempty"` // spelled as in a file
	After  string `json:"after,omitempty"`
}

// Reload is the answer of POST /api/v1/reload.
type Reload struct {
	Generation int      `json:"generation"` // of the configuration in force after the reload
	Changes    []Change `json:"changes"`    // made only if Errors is empty
	Warnings   []string `json:"warnings,omitempty"`
	Errors     []string `json:"errors,omitempty"` // empty: the configuration is in force
}

// DiffRequest is the body of POST /api/v1/diff.
type DiffRequest struct {
	File string `json:"file"` // an absolute path, as the running process sees the file system
}

// Diff is the answer of POST /api/v1/diff.
type Diff struct {
	Changes []Change `json:"changes"`          // that a reload of the file would make
	Errors  []string `json:"errors,omitempty"` // why a reload of the file would be refused
}

// Config is the answer of GET /api/v1/config.
type Config struct {
	Generation int       `json:"generation"`
	File       string    `json:"file,omitempty"`
	Read       time.Time `json:"read"`             // when the configuration in force was read
	Config     string    `json:"config,omitempty"` // the configuration in force, as one file, without secrets
	Errors     []string  `json:"errors,omitempty"` // of a newer file that could not be used
}

// Log is the answer of GET /api/v1/log, and the body and answer of POST /api/v1/log, which changes the
// fields that are set until the next reload that changes the same setting, or the end of the process.
type Log struct {
	Level  string   `json:"level,omitempty"`
	Fields []string `json:"fields,omitempty"` // of the session line
}

// Event is the data of an event of GET /api/v1/events.
type Event struct {
	Time    time.Time `json:"time"`
	Kind    string    `json:"kind"` // node, nodes, drain, rebalance, ban, reload, operator or process
	Subject string    `json:"subject,omitempty"`
	Text    string    `json:"text"`
}

// Check is the answer of GET /debug/check: whether the counts of each loop agree with its sessions.
type Check struct {
	Sessions int      `json:"sessions"`
	Faults   []string `json:"faults"` // empty: all agree
}

// Yield is the answer of POST /api/v1/yield.
type Yield struct {
	Socket    string  `json:"socket,omitempty"`  // where this process answers from now on; none: nowhere
	Accepting float64 `json:"accepting_seconds"` // for how long this process goes on to accept clients
}
