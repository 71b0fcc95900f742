package config

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// Discover says where nodes of a pool come from beside Pool.Nodes. Exactly one of DNS, SRV and File is set.
type Discover struct {
	// DNS is a host name, each address of which is a node. Port is theirs; valid only with DNS.
	DNS  string
	Port int

	// SRV is the name of SRV records, each of which is a node.
	SRV string

	// File is a file of nodes, see ParseNodes. It is watched.
	File string

	// MaxConnections, HealthPort and Backup are those of each node, as in Node. Not valid with File, whose nodes
	// have their own.
	MaxConnections int
	HealthPort     int
	Backup         bool
}

// String returns the kind of the source and its name; empty for nil.
func (d *Discover) String() string {
	switch {
	case d == nil:
		return ""
	case d.DNS != "":
		return "dns " + d.DNS
	case d.SRV != "":
		return "srv " + d.SRV
	}
	return "file " + d.File
}

func discoverFields(d *Discover) []field {
	return []field{
		scalar("dns", &d.DNS, text(parseLookedUp)),
		scalar("port", &d.Port, integer(1, maxPort)),
		scalar("srv", &d.SRV, text(parseLookedUp)),
		scalar("file", &d.File, text(parseFile)),
		scalar("max_connections", &d.MaxConnections, integer(0, maxConnections)),
		scalar("health_port", &d.HealthPort, integer(1, maxPort)),
		scalar("backup", &d.Backup, boolean),
	}
}

// parseLookedUp parses a name to look up. A dot at its end says that no search domain follows.
func parseLookedUp(s string) (string, error) {
	switch _, err := netip.ParseAddr(strings.Trim(s, "[]")); {
	case s == "":
		return "", fmt.Errorf("is empty; write a name, as emqx-headless.default.svc")
	case err == nil:
		return "", fmt.Errorf("%s is an IP address; write it in nodes, and here a name", quote(s))
	}
	name := strings.ToLower(toALabels(s))
	if isHostName(name) {
		return name, nil
	}
	if host, port, ok := strings.Cut(name, ":"); ok && isHostName(host) && isDecimal(port) {
		return "", fmt.Errorf("%s has a port; write it as port: %s beside dns, srv records have their own", quote(s), port)
	}
	return "", fmt.Errorf("%s is not a host name", quote(s))
}

// mayHaveRate reports whether a node of the pool has a rate, or one of a file may have one.
func (p *Pool) mayHaveRate() bool {
	return p.hasRate() || p.Discover != nil && p.Discover.File != ""
}

// summary describes the source and what its nodes get.
func (d *Discover) summary() string {
	s := d.String()
	if d.DNS != "" {
		s += ", port " + strconv.Itoa(d.Port)
	}
	if d.MaxConnections > 0 {
		s += fmt.Sprintf(", limit %d for each node", d.MaxConnections)
	}
	if d.HealthPort > 0 {
		s += fmt.Sprintf(", health port %d", d.HealthPort)
	}
	if d.Backup {
		s += ", backups"
	}
	return s
}
