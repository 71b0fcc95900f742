package api

import "time"

// Sessions is the answer of GET /api/v1/sessions. Its query has the fields of [SessionFilter], sort and
// limit.
type Sessions struct {
	Total    int       `json:"total"` // sessions that match, of which Sessions has at most limit
	Sessions []Session `json:"sessions"`
}

// Session is one client connection with its connection to a node.
type Session struct {
	ID              string    `json:"id"` // stable for its life, and not used again
	Listener        string    `json:"listener"`
	Client          string    `json:"client"` // address and port; "unix" for a Unix socket
	ClientID        string    `json:"client_id"`
	Username        string    `json:"username,omitempty"`
	Version         string    `json:"version,omitempty"`   // 3.1, 3.1.1 or 5
	CleanStart      bool      `json:"clean_start"`         // the node need not keep its session state after it
	Tolerated       []string  `json:"tolerated,omitempty"` // rules that its CONNECT breaks, as listeners[].validity allows
	TLS             bool      `json:"tls"`
	TLSVersion      string    `json:"tls_version,omitempty"` // such as TLSv1.3
	TLSCipher       string    `json:"tls_cipher,omitempty"`  // as OpenSSL names it
	TLSResumed      bool      `json:"tls_resumed,omitempty"` // from a ticket
	SNI             string    `json:"sni,omitempty"`         // that the client asked for in its handshake, up to 256 bytes
	TLSCN           string    `json:"tls_cn,omitempty"`      // the CN of its certificate
	WebSocket       bool      `json:"websocket"`
	Pool            string    `json:"pool,omitempty"`
	Node            string    `json:"node,omitempty"`
	State           string    `json:"state"` // opening, http, connecting, connected or leaving
	Began           time.Time `json:"began"`
	Age             float64   `json:"age_seconds"`
	Silent          float64   `json:"silent_seconds"` // since a byte has passed, with a resolution of some 0.1 s
	BytesReceived   uint64    `json:"bytes_received"` // from the client
	BytesSent       uint64    `json:"bytes_sent"`     // to the client
	PacketsReceived uint32    `json:"packets_received"`
	PacketsSent     uint32    `json:"packets_sent"`
	PacketsPerSec   float64   `json:"packets_per_second,omitempty"` // both ways; only with sort=rate
}

// SessionFilter says which sessions are meant: those that fulfil every field that is set.
type SessionFilter struct {
	ID       string `json:"id,omitempty"`
	ClientID string `json:"client_id,omitempty"` // whole, or a prefix and *
	Username string `json:"username,omitempty"`  // whole, or a prefix and *
	Node     string `json:"node,omitempty"`
	Pool     string `json:"pool,omitempty"`
	Listener string `json:"listener,omitempty"`
	Address  string `json:"address,omitempty"` // an IP address or a CIDR
	Version  string `json:"version,omitempty"` // 3.1, 3.1.1 or 5
	Older    string `json:"older,omitempty"`   // a duration, as 1h: open for at least so long
	Silent   string `json:"silent,omitempty"`  // a duration: no byte for at least so long
}

// Kick is the body of POST /api/v1/sessions/kick.
type Kick struct {
	SessionFilter
	All        bool   `json:"all,omitempty"`         // needed if no other field is set
	Pace       string `json:"pace,omitempty"`        // as 50/s; empty: 100 a second
	ReasonCode int    `json:"reason_code,omitempty"` // for MQTT 5 clients, of a server's DISCONNECT; 0: 0x98
}

// Kicked is the answer of POST /api/v1/sessions/kick.
type Kicked struct {
	Kicked int `json:"kicked"`
}

// Route is the answer of GET /api/v1/route?client_id=...: the ways that a client with this identifier
// may take now, for each listener.
type Route struct {
	ClientID string          `json:"client_id"`
	Routes   []ListenerRoute `json:"routes"`

	Rules     []RouteRule `json:"rules,omitempty"`      // that may keep the client out or let it in before one does
	MoreRules bool        `json:"more_rules,omitempty"` // there are too many such rules to list
}

// RouteWay is a way through a listener to a pool.
type RouteWay struct {
	Listener  string   `json:"listener"`
	Route     string   `json:"route,omitempty"`     // that takes the client, such as "routes[2]"; none: it goes where all go that no route takes
	Takes     string   `json:"takes,omitempty"`     // what the route takes, as it is written
	Routed    bool     `json:"routed,omitempty"`    // the listener has routes
	Undecided []string `json:"undecided,omitempty"` // conditions of the route about what the query does not say
	Sure      bool     `json:"sure"`                // nothing is undecided, neither here nor in a route before it
}

// ListenerRoute is the way to a pool, and through it.
type ListenerRoute struct {
	Listeners  []string    `json:"listeners"` // those that lead to the pool, each once
	Ways       []RouteWay  `json:"ways"`      // through them
	Pool       string      `json:"pool"`
	Algorithm  string      `json:"algorithm"`
	HashKey    string      `json:"hash_key,omitempty"`
	Key        string      `json:"key,omitempty"`  // the hash of the identifier, in hexadecimal
	Note       string      `json:"note,omitempty"` // why the candidates are not certain
	Candidates []Candidate `json:"candidates"`     // in the order in which they are tried; then the nodes that are not
}

// Candidate is a node that may take the session.
type Candidate struct {
	Node           string `json:"node"`
	State          string `json:"state"` // up, draining or down
	Chosen         bool   `json:"chosen"`
	Why            string `json:"why"` // such as "first by its hash", "at its limit of 100 sessions"
	Weight         int    `json:"weight"`
	Connections    int64  `json:"connections"`
	MaxConnections int    `json:"max_connections,omitempty"`
}
