package balancer

import (
	"fmt"
	"slices"
	"strings"
)

// Algorithm is the rule by which a pool orders its nodes for a session.
type Algorithm uint8

// The algorithms.
const (
	ConsistentHash   Algorithm = iota // weighted rendezvous over the session's key
	LeastConnections                  // fewest open sessions for its weight
	RoundRobin                        // in turn, as often as the weight says
	RandomTwo                         // the less loaded of two random nodes
	SourceIP                          // ConsistentHash over the client's address
)

var algorithmWords = []string{
	ConsistentHash:   "consistent_hash",
	LeastConnections: "least_connections",
	RoundRobin:       "round_robin",
	RandomTwo:        "random_two",
	SourceIP:         "source_ip",
}

// String returns the word of the configuration file.
func (a Algorithm) String() string { return word(algorithmWords, int(a)) }

// ParseAlgorithm reads the word of the configuration file.
func ParseAlgorithm(s string) (Algorithm, error) {
	i, err := parseWord("algorithm", algorithmWords, s)
	return Algorithm(i), err
}

// HashKey is the field of a session that is hashed.
type HashKey uint8

// The fields that can be hashed.
const (
	ByClientID HashKey = iota // the CONNECT's Client Identifier
	ByUsername                // the CONNECT's User Name
	BySourceIP                // the client's address, without its port
	ByCookie                  // the key that an HTTP client's cookie holds
	ByTLSCN                   // the Common Name of the client's certificate
	BySNI                     // the server name that the client's TLS asks for
	NoKey                     // the pool's algorithm looks at no field; not a word of the configuration
)

var hashKeyWords = []string{
	ByClientID: "client_id",
	ByUsername: "username",
	BySourceIP: "source_ip",
	ByCookie:   "cookie",
	ByTLSCN:    "tls_cn",
	BySNI:      "sni",
}

// String returns the word of the configuration file, "none" for NoKey.
func (k HashKey) String() string {
	if k == NoKey {
		return "none"
	}
	return word(hashKeyWords, int(k))
}

// ParseHashKey reads the word of the configuration file.
func ParseHashKey(s string) (HashKey, error) {
	i, err := parseWord("hash_key", hashKeyWords, s)
	return HashKey(i), err
}

func word(words []string, i int) string {
	if i < len(words) {
		return words[i]
	}
	return "unknown"
}

func parseWord(setting string, words []string, s string) (int, error) {
	if i := slices.Index(words, s); i >= 0 {
		return i, nil
	}
	return 0, fmt.Errorf("%s %q is unknown; it is one of %s", setting, s, strings.Join(words, ", "))
}
