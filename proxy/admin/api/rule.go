package api

// Rules is the answer of GET /api/v1/rules.
type Rules struct {
	Rules []Rule `json:"rules"` // of each listener, in their order
}

// Rule is a rule of a listener.
type Rule struct {
	Listener string `json:"listener"`
	Rule     string `json:"rule"`
	Action   string `json:"action"`  // allow or deny
	Matched  uint64 `json:"matched"` // clients and requests about which it has decided
}

// RouteRule is a rule that may decide about a client.
type RouteRule struct {
	Listener  string   `json:"listener"`
	Rule      string   `json:"rule"`
	Action    string   `json:"action"`              // allow or deny
	Undecided []string `json:"undecided,omitempty"` // conditions about what was not said of the client; none: the rule decides, unless one before it does
}
