package config

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// fileTestPool is the pool of which the tests parse files of nodes.
var fileTestPool = Pool{
	Protocol: MQTT, Health: Health{Probe: []Probe{ProbeTCP}}, Discover: &Discover{File: "nodes.yaml"},
	Nodes: []Node{{Name: "static", Address: Address{Network: "tcp", Host: "10.0.0.9", Port: 1883}}},
}

func TestAFileOfNodesHasTheirSettings(t *testing.T) {
	text := "# written by a script\nnodes:\n- {name: a, address: 'A.example:1883'}\n- {name: b, address: '10.0.0.2:1883', weight: 3, max_connections: 10, connect_rate: 5/s}\n"
	nodes, err := fileTestPool.ParseNodes("nodes.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	want := []Node{
		{Name: "a", Address: Address{Network: "tcp", Host: "A.example", Port: 1883}, Weight: 1, ConnectRate: RateOfPool},
		{Name: "b", Address: Address{Network: "tcp", Host: "10.0.0.2", Port: 1883}, Weight: 3, MaxConnections: 10, ConnectRate: 5},
	}
	if !slices.Equal(nodes, want) {
		t.Errorf("got %+v, want %+v", nodes, want)
	}
	// JSON is YAML.
	if nodes, err = fileTestPool.ParseNodes("nodes.json", []byte(`{"nodes": []}`)); err != nil || len(nodes) != 0 {
		t.Errorf("a file without nodes: %v, %v", nodes, err)
	}
}

func TestAWrongFileOfNodesSaysWhatIsWrong(t *testing.T) {
	many := "nodes:\n" + strings.Repeat("- {name: a, address: 'a:1'}\n", maxDiscovered+1)
	for text, want := range map[string]string{
		"":                                   "n:1:1: the file is empty; it has the key nodes, which may be [ ]",
		"# nothing yet\n":                    "n:1:1: the file is empty; it has the key nodes, which may be [ ]",
		"nodes:\n":                           "n:1:7: nodes: has no value; write one or remove the key",
		"- {name: a, address: 'a:1'}":        "n:1:1: the file is a list; a file of nodes is a mapping with the key nodes",
		"nodes: 3":                           "n:1:8: nodes: is the number 3; it must be a list, whose items begin with a dash",
		"nodes: [{name: a, adress: 'a:1'}]":  "n:1:9: nodes[0].address: is missing\n" + `n:1:19: nodes[0]: unknown key "adress"; did you mean "address"?`,
		"nodes: [{name: a, address: 'a:1', ": "n:2:1: not YAML: while parsing a flow node: did not find expected node content",
		"nodes: [{name: a, address: a}]":     `n:1:28: nodes[0].address: "a" has no port; write one, as node1:1883`,
		"x-ours: 1\npools: []\nnodes: []":    `n:2:1: unknown key "pools"; it is a key of the configuration itself`,
		many:                                 "n:2:1: nodes: has 1001 nodes; at most 1000 are possible",
		strings.Repeat("#", maxFileSize+1):   "n:1:1: the file is larger than 2MiB",
		"nodes: [{name: a, address: 'a:1', health_port: 80}]":            "n:1:48: nodes[0].health_port: has no meaning with probe tcp; only http and emqx have it",
		"nodes: [{name: a, address: 'a:1'}, {name: a, address: 'b:1'}]":  `n:1:43: nodes[1].name: the name "a" is taken already`,
		"nodes: [{name: a, address: 'a:1'}, {name: b, address: 'A.:1'}]": `n:1:55: nodes[1].address: the address "a:1" is taken already by node a`,
		"nodes: [{name: static, address: 'a:1'}]":                        `n:1:16: nodes[0].name: the name "static" is taken already by a node of the pool in the configuration`,
		"nodes: [{name: a, address: '10.0.0.9:1883'}]":                   `n:1:28: nodes[0].address: the address "10.0.0.9:1883" is taken already by node static of the pool in the configuration`,
	} {
		nodes, err := fileTestPool.ParseNodes("n", []byte(text))
		if err == nil || nodes != nil || err.Error() != want || !IsFault(err) {
			t.Errorf("%.60q: got %v, %v\nwant %s", text, nodes, err, want)
		}
	}
}

func TestAFileOfNodesIsRead(t *testing.T) {
	p := fileTestPool
	p.Discover = &Discover{File: filepath.Join(t.TempDir(), "nodes.yaml")}
	if _, err := p.LoadNodes(); !os.IsNotExist(err) || IsFault(err) {
		t.Errorf("no file: %v", err)
	}
	if err := os.WriteFile(p.Discover.File, []byte("nodes: [{name: a, address: 'a:1'}]"), 0o600); err != nil {
		t.Fatal(err)
	}
	if nodes, err := p.LoadNodes(); err != nil || len(nodes) != 1 {
		t.Errorf("%v, %v", nodes, err)
	}
}
