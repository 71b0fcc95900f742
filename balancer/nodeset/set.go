package nodeset

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"
)

// Kind is how a source names its nodes.
type Kind uint8

// The kinds of sources.
const (
	DNS  Kind = iota // the addresses of a host name
	SRV              // the targets of SRV records
	File             // a file
)

// String returns the key of the configuration.
func (k Kind) String() string { return [...]string{"dns", "srv", "file"}[k] }

// Source is where the nodes of a pool come from.
type Source struct {
	Pool string
	Kind Kind
	Name string // of the host, of the records or of the file
}

// String returns the source as people write it, without its pool.
func (s Source) String() string { return s.Kind.String() + " " + s.Name }

// Node is a node of a set.
type Node struct {
	Name string // unique in the set

	// Addrs are where the node is found by DNS, sorted, at least one. Host and Port are where it is found by SRV
	// records or a file: a host name or an IP address.
	Addrs []netip.Addr
	Host  string
	Port  uint16

	Weight   int // 1 to balancer.MaxWeight
	Priority int // of SRV records and files; lower ones come first

	Settings any // what else a file says of the node; comparable
}

func (n Node) equal(o Node) bool {
	return n.Name == o.Name && n.Host == o.Host && n.Port == o.Port && n.Weight == o.Weight && n.Priority == o.Priority &&
		n.Settings == o.Settings && slices.Equal(n.Addrs, o.Addrs)
}

// Set is what is known of the nodes of a source.
type Set struct {
	// Known reports that the source was asked. If there is no Set of an answer, Nodes is then empty.
	Known bool

	// Nodes are sorted by name. They do not change.
	Nodes []Node
}

// Equal reports whether both are the same.
func (s Set) Equal(o Set) bool { return s.Known == o.Known && sameNodes(s.Nodes, o.Nodes) }

// sameNodes reports whether two sorted lists are the same.
func sameNodes(a, b []Node) bool { return slices.EqualFunc(a, b, Node.equal) }

// sortNodes sorts nodes by name.
func sortNodes(nodes []Node) {
	slices.SortFunc(nodes, func(a, b Node) int { return cmp.Compare(a.Name, b.Name) })
}

// isHost reports whether s can be the name of a node: names are in logs, in labels of metrics and in URLs, and these
// come from the network.
func isHost(s string) bool {
	if s == "" || len(s) > 253 {
		return false
	}
	for label := range strings.SplitSeq(s, ".") {
		if label == "" || len(label) > 63 {
			return false
		}
	}
	return !strings.ContainsFunc(s, func(c rune) bool {
		return (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '.' && c != '_' && c != '-'
	})
}
