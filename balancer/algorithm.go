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
	ConsistentHash   Algorithm = iota // weighted rendezvous hashing of the session's key
	LeastConnections                  // fewest open sessions relative to weight
	RoundRobin                        // in turn, in proportion to weight
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

// String returns the name of a in the configuration file.
func (a Algorithm) String() string { return word(algorithmWords, int(a)) }

// ParseAlgorithm parses the name of an algorithm in the configuration file.
func ParseAlgorithm(s string) (Algorithm, error) {
	i, err := parseWord("algorithm", algorithmWords, s)
	return Algorithm(i), err
}

// HashKey is the field of a session that the pool hashes.
type HashKey uint8

// The hashable fields.
const (
	ByClientID HashKey = iota // the CONNECT's Client Identifier
	ByUsername                // the CONNECT's User Name
	BySourceIP                // the client's address, without its port
	ByCookie                  // the key in an HTTP client's cookie
	ByTLSCN                   // the Common Name of the client's certificate
	BySNI                     // the server name that the client asks for in TLS
	NoKey                     // the pool's algorithm hashes no field; not a name in the configuration
)

var hashKeyWords = []string{
	ByClientID: "client_id",
	ByUsername: "username",
	BySourceIP: "source_ip",
	ByCookie:   "cookie",
	ByTLSCN:    "tls_cn",
	BySNI:      "sni",
}

// String returns the name of k in the configuration file, "none" for NoKey.
func (k HashKey) String() string {
	if k == NoKey {
		return "none"
	}
	return word(hashKeyWords, int(k))
}

// ParseHashKey parses the name of a hash key in the configuration file.
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
