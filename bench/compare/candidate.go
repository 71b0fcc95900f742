//go:build linux

package compare

import (
	"bytes"
	"context"
	"crypto/tls"
	"embed"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"text/template"
)

// configs are the templates of the configuration files.
//
//go:embed haproxy.cfg haproxy-ws.cfg mqttlb.yaml nginx.conf
var configs embed.FS

// maxConnections fits into 20,000 descriptors: two for each connection, and the reserve
// of a program.
const maxConnections = 9500

// candidate is a program, or none, between load and broker.
type candidate struct {
	name    string
	path    string              // of the program; empty: no program, straight to the broker
	files   map[protocol]string // of configs, by the clients' protocol; missing: not supported
	args    []string            // before the path of the configuration file
	version string

	translates bool // supports WebSocket clients with nodes that speak plain MQTT
	exports    bool // has metrics for Prometheus

	// Valid in the result of over.
	protocol protocol // of the clients
	pool     protocol // of the nodes
}

// over returns c configured for the work. ok is false if c does not support it.
func (c *candidate) over(w work) (carrying *candidate, ok bool) {
	carrying = new(*c)
	carrying.protocol, carrying.pool = w.protocol, w.protocol.plain()
	if w.translate && c.translates {
		carrying.pool = mqtt
	}
	_, ok = c.files[w.protocol]
	return carrying, ok && (c.exports || !w.scraped)
}

func haproxy(path string) *candidate {
	return &candidate{
		name: "haproxy", path: path,
		files: map[protocol]string{mqtt: "haproxy.cfg", mqtts: "haproxy.cfg", ws: "haproxy-ws.cfg"},
		args:  []string{"-db", "-f"}, version: firstLine(path, "-v"), exports: true,
	}
}

func mqttlb(path string) *candidate {
	return &candidate{
		name: "mqttlb", path: path,
		files: map[protocol]string{mqtt: "mqttlb.yaml", mqtts: "mqttlb.yaml", ws: "mqttlb.yaml"},
		args:  []string{"serve", "-c"}, version: firstLine(path, "version"), translates: true, exports: true,
	}
}

func nginx(path string) *candidate {
	return &candidate{
		name: "nginx", path: path, files: map[protocol]string{mqtt: "nginx.conf"},
		args: []string{"-e", "stderr", "-c"}, version: firstLine(path, "-v"),
	}
}

// usableNginx returns an error if nginx or its stream module is missing.
func (b *bench) usableNginx(ctx context.Context) (*candidate, error) {
	if b.opt.Nginx == "" {
		return nil, errors.New("it is not installed")
	}
	n := nginx(b.opt.Nginx)
	file, err := b.writeConfig(n, b.nodes[mqtt][0], "", work{})
	if err != nil {
		return nil, err
	}
	if out, err := exec.CommandContext(ctx, n.path, "-t", "-e", "stderr", "-c", file).CombinedOutput(); err != nil {
		return nil, fmt.Errorf("it refuses its configuration: %s", bytes.TrimSpace(out))
	}
	return n, nil
}

func direct() *candidate {
	return &candidate{name: "direct", files: map[protocol]string{mqtt: "", ws: ""}}
}

// firstLine returns the first line of a program's output, its version.
func firstLine(path string, arg string) string {
	out, err := exec.Command(path, arg).CombinedOutput() // nginx prints it on stderr
	if err != nil {
		return "unknown"
	}
	line, _, _ := strings.Cut(string(out), "\n")
	return strings.TrimSpace(line)
}

// running is a candidate that accepts connections.
type running struct {
	*candidate
	targets []netip.AddrPort
	process *process    // nil: direct
	tls     *tls.Config // of its clients; nil: no TLS
	metrics string      // address of its metrics; empty: none
}

func (r *running) stop() {
	if r.process != nil {
		r.process.stop()
	}
}

// launch starts the candidate on the balancers' cores, configured for the work.
func (b *bench) launch(ctx context.Context, c *candidate, w work) (*running, error) {
	if c.path == "" {
		return &running{candidate: c, targets: b.nodes[c.pool]}, nil
	}
	listen, err := b.ports.take()
	if err != nil {
		return nil, err
	}
	metrics := ""
	if w.scraped {
		a, err := b.ports.take()
		if err != nil {
			return nil, err
		}
		metrics = a.String()
	}
	file, err := b.writeConfig(c, listen, metrics, w)
	if err != nil {
		return nil, err
	}
	targets := []netip.AddrPort{listen}
	env := []string{"GOMAXPROCS=" + strconv.Itoa(w.balancerThreads())}
	p, err := start(ctx, b.cores.balancer, targets, env, c.path, append(c.args[:len(c.args):len(c.args)], file)...)
	if err != nil {
		return nil, err
	}
	r := &running{candidate: c, targets: targets, process: p, metrics: metrics}
	if c.protocol != mqtts {
		return r, nil
	}
	r.tls = b.certificates[w.certificate].client(w.resume)
	if err := r.checkHandshake(ctx); err != nil {
		r.stop()
		return nil, err
	}
	return r, nil
}

// writeConfig executes the template of c and returns the path of the file.
func (b *bench) writeConfig(c *candidate, listen netip.AddrPort, metrics string, w work) (string, error) {
	name := c.files[c.protocol]
	t, err := template.ParseFS(configs, name)
	if err != nil {
		return "", err
	}
	certificate := ""
	if c.protocol == mqtts {
		certificate = b.certificates[w.certificate].file
	}
	var text bytes.Buffer
	err = t.Execute(&text, struct {
		Folder         string
		Protocol, Pool protocol
		Listen         netip.AddrPort
		Nodes          []netip.AddrPort
		MaxConnections int
		Threads        int
		Bufsize        int
		Certificate    string // empty: no TLS
		Metrics        string // empty: no metrics
	}{b.folder, c.protocol.plain(), c.pool, listen, b.nodes[c.pool], maxConnections, w.balancerThreads(), w.bufsize, certificate, metrics})
	if err != nil {
		return "", err
	}
	file := filepath.Join(b.folder, fmt.Sprintf("%d-%s", listen.Port(), name))
	return file, os.WriteFile(file, text.Bytes(), 0o600)
}
