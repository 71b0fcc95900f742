package config

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// FromFlags returns the configuration of a balancer without a file:
//
//	mqttlb serve --listen :1883 --node node1:1883 --node emqx-2=node2:1883
//
// Each element of listen is an address for MQTT clients. Each element of nodes is a node,
// host:port or name=host:port. The name is hashed. Without a name the address is the
// name, and a new address is another node for its clients. All replicas must use the same
// names. admin is the address of the admin server, or off; empty for the default. If other
// machines can reach it, it shows them what PublicMetrics says and nothing else.
//
// The listeners are called mqtt, mqtt-2, mqtt-3 and so on, the pool is called mqtt. All
// other settings have their defaults. The error is of type Errors.
func FromFlags(listen, nodes []string, admin string) (*Config, error) {
	s := newSource("flags")
	c := defaultConfig
	pool := defaultPool
	pool.Name = "mqtt"

	if len(listen) == 0 {
		s.at["listeners"] = place{file: "--listen"}
		s.errorf("listeners", "is missing; write where clients arrive, as --listen :1883")
	}
	for i, value := range listen {
		l, at := defaultListener, item("listeners", i)
		s.at[at] = place{file: "--listen " + quote(value)}
		l.Name, l.Pool = "mqtt", pool.Name
		if i > 0 {
			l.Name = fmt.Sprintf("mqtt-%d", i+1)
		}
		l.Address = parseFlag(s, child(at, "address"), value, parseListenAddress)
		c.Listeners = append(c.Listeners, l)
	}

	if len(nodes) == 0 {
		s.at["pools"] = place{file: "--node"}
		s.errorf("pools", "is missing; write the address of a broker, as --node node1:1883")
	}
	for i, value := range nodes {
		n, at := defaultNode, item("pools[0].nodes", i)
		s.at[at] = place{file: "--node " + quote(value)}
		name, address, named := strings.Cut(value, "=")
		if !named {
			address = value
		}
		n.Address = parseFlag(s, child(at, "address"), address, parseNodeAddress)
		if named {
			n.Name = parseFlag(s, child(at, "name"), name, parseName)
		} else if s.valid(child(at, "address")) {
			n.Name = n.Address.String()
		}
		pool.Nodes = append(pool.Nodes, n)
	}

	if admin != "" {
		s.at["admin"] = place{file: "--admin " + quote(admin)}
		c.Admin.Address = parseFlag(s, "admin.address", admin, parseAdminAddress)
		if c.Admin.Address.Reachable() { // there is no flag for a token
			c.Admin.Public = PublicMetrics
		}
	}
	c.Pools = []Pool{pool}
	return finish(&c, s)
}

// parseFlag parses the part of a flag that is the setting at path.
func parseFlag[T any](s *source, path, value string, parse func(string) (T, error)) T {
	if !utf8.ValidString(value) {
		s.errorf(path, "is not UTF-8")
		var zero T
		return zero
	}
	v, err := parse(value)
	if err != nil {
		s.errorf(path, "%v", err)
	}
	return v
}
