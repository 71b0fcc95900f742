//go:build linux

package storm

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
)

// head explains the page. The figures of a run follow.
const head = `# In a storm

What clients and nodes notice in a bad night, once behind HAProxy and once behind mqttlb. ` + "`mqttbench storm`" + ` plays the nights and writes this page:
` + "```" + `
go build -o bin/ ./cmd/mqttlb ./cmd/mqttbench
bin/mqttbench storm --page docs/storm.md --plots docs    # all of it, some 7 minutes
bin/mqttbench storm --only kill,refuse                   # some nights
bin/mqttbench storm --protect=false                      # mqttlb without its keys for storms: connect_rate, queue, slow_start, ...
bin/mqttbench storm --clients 500 --rate 20              # on a small machine
` + "```" + `
It needs Linux, HAProxy 2.6 and, for 5,000 clients, 20,000 file descriptors. On two or more cores a balancer has one of its own.

- **Nodes** are stubs with EMQX's behaviour: over its rate a listener leaves connections in the kernel's queue of 1,024, at its connection limit it closes
  right after accept, while it is evacuated it refuses in MQTT; the management port has /status and the availability check.
- **Clients** speak MQTT 3.1.1 and 5, half and half, a quarter with a persistent session. After a failure they come back in 1 s, doubling up to 10 s, each
  time after between a half and the whole of it. They have %s of patience for a CONNACK.
- **A wait** is from the first CONNECT of a client to its CONNACK, with the failed attempts between them. **An absence** begins with the loss of the session,
  so that the client's own delay is in it. Clients that never came back count with the time until the end.
- **A balancer sends clients to another node** where it ends sessions whose node is there: mqttlb's key ` + "`rebalance`" + ` brings clients back to the node
  that was restarted, 50 a second, once it has been up for 10 s after its slow start. Each of them is absent for its delay of about a second, after the
  storm is over. HAProxy leaves them where they are.
- **connect_rate** of mqttlb is 5 %% above what a node accepts. The excess waits in its kernel, and no node is idle when the balancer is late. In the night
  boot clean sessions go to the node that has room first; nobody sends them back when the storm is over.
- **Connections to a node** are counted as they come, before the node accepts them: the kernel's queue is part of it.
- The configurations are [haproxy.cfg](../bench/storm/haproxy.cfg), with the reason of each line, and [mqttlb.yaml](../bench/storm/mqttlb.yaml).

`

// Markdown returns the report as a page.
func (r *Report) Markdown() []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, head, r.Options.Patience)
	fmt.Fprintf(&b, "## The run of %s\n", r.Date)
	if r.Options.Protect {
		fmt.Fprintf(&b, "mqttlb has its keys for storms (`--protect`). ")
	} else {
		fmt.Fprintf(&b, "mqttlb is without its keys for storms (no `--protect`). ")
	}
	fmt.Fprintf(&b, "%s, %d cores, %s.\n\n", r.Machine.CPU, r.Machine.Cores, r.Machine.Kernel)
	for _, c := range r.Balancers {
		fmt.Fprintf(&b, "- %s: %s\n", c.Name, c.Version)
	}
	fmt.Fprintf(&b, "- mqttbench: built with %s\n\n![Clients with a session over time](%s)\n", r.Machine.Go, plotFile)
	row := func(cells []string) { fmt.Fprintf(&b, "| %s |\n", strings.Join(cells, " | ")) }
	for _, n := range r.Nights {
		fmt.Fprintf(&b, "\n### %s: %s\n%s %d clients.\n\n", n.Name, n.Title, n.About, n.Results[0].Clients)
		row(append([]string{""}, r.names()...))
		row(append([]string{"---"}, slices.Repeat([]string{"--:"}, len(r.Balancers))...))
		for _, line := range n.table() {
			row(line)
		}
	}
	return b.Bytes()
}
