package main_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"sync"
	"syscall"
	"testing"
	"time"

	v5 "github.com/eclipse/paho.golang/packets"
)

// pacedNode is a broker that admits so many clients a second and no more, as EMQX does
// with max_conn_rate: the others wait in the kernel's queue, which is short, and what
// finds that full is dropped.
type pacedNode struct {
	addr    string
	ln      net.Listener
	serving sync.WaitGroup
}

func startPacedNode(t *testing.T, perSecond, backlog int) *pacedNode {
	t.Helper()
	ln, err := net.Listen("tcp", freeAddr(t, "127.0.0.1"))
	if err != nil {
		t.Fatal(err)
	}
	raw, err := ln.(*net.TCPListener).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var failed error
	if err := raw.Control(func(fd uintptr) { failed = syscall.Listen(int(fd), backlog) }); err != nil || failed != nil {
		t.Fatal(err, failed)
	}
	n := &pacedNode{addr: ln.Addr().String(), ln: ln}
	n.serving.Go(func() { n.accept(time.Second / time.Duration(perSecond)) }) // ends with ln
	t.Cleanup(func() {
		ln.Close()
		n.serving.Wait() // for the balancer to close, which ends before: it was started later
	})
	return n
}

func (n *pacedNode) accept(pace time.Duration) {
	tick := time.NewTicker(pace)
	defer tick.Stop()
	for range tick.C {
		conn, err := n.ln.Accept()
		if err != nil {
			return
		}
		n.serving.Go(func() { // ends with the connection
			defer conn.Close()
			in := bufio.NewReader(conn)
			if _, err := v5.ReadPacket(in); err != nil {
				return // a probe
			}
			(&v5.Connack{Properties: &v5.Properties{}}).WriteTo(conn)
			io.Copy(io.Discard, in)
		})
	}
}

// Nodes that drop most of a storm for want of turns are slow, not down, and nobody is
// refused while there is time.
func TestAStormOnNodesThatAdmitFewRefusesNobody(t *testing.T) {
	t.Parallel()
	const clients = 1500
	var nodes string
	for _, name := range []string{"a", "b"} {
		nodes += fmt.Sprintf("      - {name: %s, address: %q}\n", name, startPacedNode(t, 200, 256).addr)
	}
	// A probe waits in the same queue and is dropped like the sessions: the more of them it
	// takes to say that a node is down, the surer it is that no session does.
	b := serve(t, `
listeners:
  - {name: mqtt, address: "${mqtt}", pool: stubs}
pools:
  - name: stubs
    health: {probe: tcp, fall: 100}
    nodes:
`+nodes+`timeouts: {dial: 1s}
`)
	begun := time.Now()
	var storm sync.WaitGroup
	errs := make([]error, clients)
	for i, id := range ids("storm", clients) {
		storm.Go(func() {
			w, err := tryDialWire(b.addrs["mqtt"], "")
			if err != nil {
				errs[i] = err
				return
			}
			t.Cleanup(func() { w.Close() })
			switch code, err := w.connect(5, id); {
			case err != nil:
				errs[i] = fmt.Errorf("%s: %w", id, err)
			case code != 0:
				errs[i] = fmt.Errorf("%s is refused with 0x%02x", id, code)
			}
		})
	}
	storm.Wait()
	t.Logf("all are in after %v", time.Since(begun))
	failed := 0
	for _, err := range errs {
		if err != nil {
			if failed++; failed <= 5 {
				t.Error(err)
			}
		}
	}
	if failed > 0 {
		t.Errorf("%d of %d clients are not in", failed, clients)
	}
	m := b.metrics(t)
	if n := m.sum(t, "mqttlb_dial_errors_total"); n < 100 {
		t.Errorf("%v attempts failed: that was no storm", n)
	}
	if n := m.sum(t, "mqttlb_node_state", `state="up"`); n != 2 {
		t.Errorf("%v nodes are up, want 2", n)
	}
	if lines := b.said("node is down"); len(lines) > 0 {
		t.Errorf("a node that is slow was taken out: %s", lines[0])
	}
}
