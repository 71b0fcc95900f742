package config

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
)

// LoadNodes reads the file of nodes that the pool discovers, and parses it like ParseNodes. A file that does
// not exist is an error for which errors.Is finds fs.ErrNotExist.
func (p *Pool) LoadNodes() ([]Node, error) {
	info, err := os.Stat(p.Discover.File)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() { // a pipe could block for ever
		return nil, fmt.Errorf("%s is not a regular file", p.Discover.File)
	}
	f, err := os.Open(p.Discover.File)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFileSize+1))
	if err != nil {
		return nil, err
	}
	return p.ParseNodes(p.Discover.File, data)
}

// ParseNodes parses a file of nodes that the pool discovers:
//
//	nodes:
//	  - {name: emqx-1, address: 10.0.0.1:1883}
//
// The nodes have the settings of Pool.Nodes, and neither their names nor their addresses. A file that says that
// there are none (nodes: []) is valid. name is the file's name in errors. The error is of type Errors, with every
// fault.
func (p *Pool) ParseNodes(name string, data []byte) ([]Node, error) {
	return thisSystem.parseNodes(p, name, data)
}

func (y system) parseNodes(p *Pool, name string, data []byte) ([]Node, error) {
	s := newSource(name)
	s.meant = "a file of nodes is a mapping with the key nodes"
	if len(data) > maxFileSize {
		s.errorf("", "the file is larger than %s", formatSize(maxFileSize))
		return nil, s.err()
	}
	root := parseYAML(s, data)
	switch {
	case root == nil:
		return nil, s.err()
	case len(root.Content) == 0: // perhaps its writer has not begun
		s.errorf("", "the file is empty; it has the key nodes, which may be [ ]")
		return nil, s.err()
	}
	nodes := []Node{}
	fields := []field{required(mayBeEmpty(mappings("nodes", &nodes, defaultNode, nodeFields)))}
	d := &decoder{source: s, system: y}
	d.keys("", root, fields)
	d.require("", fields)
	if d.stopped { // cannot check what was not read
		return nil, s.err()
	}
	if len(nodes) > maxDiscovered {
		s.errorf("nodes", "has %d nodes; at most %d are possible", len(nodes), maxDiscovered)
		return nil, s.err()
	}
	checkFileNodes(p, nodes, s)
	if err := s.err(); err != nil {
		return nil, err
	}
	return nodes, nil
}

// checkFileNodes checks the nodes of a file, which are beside those of the pool.
func checkFileNodes(p *Pool, nodes []Node, s *source) {
	both := *p
	both.Nodes = nodes
	checkNodes(&both, s, "")
	for i, n := range nodes {
		at := item("nodes", i)
		for _, own := range p.Nodes {
			switch {
			case own.Name == n.Name && s.valid(child(at, "name")):
				s.errorf(child(at, "name"), "the name %s is taken already by a node of the pool in the configuration", quote(n.Name))
			case own.Address.reached() == n.Address.reached() && n.Address.Host != "" && s.valid(child(at, "address")):
				s.errorf(child(at, "address"), "the address %s is taken already by node %s of the pool in the configuration",
					quote(n.Address.reached()), cmp.Or(own.Name, "without a name"))
			}
		}
		if rate := child(at, "connect_rate"); s.written(rate) && p.Protocol == HTTP && s.valid(rate) {
			s.errorf(rate, "has no meaning with protocol http; only sessions have a rate, requests do not wait")
		}
	}
}

// IsFault reports whether an error is about the content of a file, and not about reading it.
func IsFault(err error) bool {
	_, ok := errors.AsType[Errors](err)
	return ok
}
