//go:build linux

package storm

import (
	"bytes"
	"context"
	"embed"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"text/template"

	"mqttlb/bench/compare"
)

// configs are the templates of the configuration files.
//
//go:embed haproxy.cfg mqttlb.yaml
var configs embed.FS

// maxConnections fits into 20,000 descriptors, two for each connection.
const maxConnections = 9500

// balancer is a program to compare.
type balancer struct {
	name    string
	path    string
	config  string   // of configs
	args    []string // before the path of the configuration file
	version string   // argument that prints the version
}

func (o *Options) balancers() []balancer {
	return []balancer{
		{"haproxy", o.HAProxy, "haproxy.cfg", []string{"-db", "-f"}, "-v"},
		{"mqttlb", o.Mqttlb, "mqttlb.yaml", []string{"serve", "-c"}, "version"},
	}
}

// rateShare is the connect_rate of a node, as a share of what it accepts. A little more makes a short queue in
// its kernel, so that it is not idle whenever the balancer is late.
const rateShare = 1.05

// nodeConfig is a node in a configuration file.
type nodeConfig struct {
	Name    string
	Address netip.AddrPort
}

// launch starts the balancer of a stage.
func (s *stage) launch(ctx context.Context, b balancer, folder string) error {
	file := filepath.Join(folder, s.scenario.name+"-"+b.config)
	text, err := s.config(b)
	if err != nil {
		return err
	}
	if err := os.WriteFile(file, text, 0o600); err != nil {
		return err
	}
	s.balancer, err = compare.StartProgram(ctx, s.target, b.path, append(b.args[:len(b.args):len(b.args)], file)...)
	return err
}

// config returns the configuration file of a balancer.
func (s *stage) config(b balancer) ([]byte, error) {
	t, err := template.ParseFS(configs, b.config)
	if err != nil {
		return nil, err
	}
	rate := ""
	if s.scenario.connectRate {
		rate = fmt.Sprintf("%.0f", s.opt.Rate*rateShare)
	}
	var nodes []nodeConfig
	for _, n := range s.nodes {
		nodes = append(nodes, nodeConfig{n.name, n.address})
	}
	var text bytes.Buffer
	err = t.Execute(&text, struct {
		Listen         netip.AddrPort
		Nodes          []nodeConfig
		Management     uint16
		MaxConnections int
		Protect        bool
		Rate           string // connections a second of each node; empty: no limit
		Clients        int
		Patience       string
	}{s.target, nodes, s.nodes[0].management.Port(), maxConnections, s.opt.Protect, rate, len(s.clients), s.opt.Patience.String()})
	return text.Bytes(), err
}
