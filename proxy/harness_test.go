package proxy

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"mqttlb/balancer"
	"mqttlb/mqttparse"
	"mqttlb/proxy/opening"
	"mqttlb/proxy/outcome"
	"mqttlb/proxy/proxytest"
	"mqttlb/proxy/reactor"
	"mqttlb/proxy/snapshot"
)

// patience bounds every wait of a test. It is long: only a failure uses it up.
const patience = 20 * time.Second

// CONNECTs with the identifier "c1".
var (
	connect31  = []byte("\x10\x10\x00\x06MQIsdp\x03\x02\x00\x3c\x00\x02c1")
	connect311 = []byte("\x10\x0e\x00\x04MQTT\x04\x02\x00\x3c\x00\x02c1")
	connect5   = []byte("\x10\x0f\x00\x04MQTT\x05\x02\x00\x3c\x00\x00\x02c1")
	connack311 = []byte("\x20\x02\x00\x00")
	connack5   = []byte("\x20\x03\x00\x00\x00")
)

// connectAs returns a CONNECT of 3.1.1 with the identifier.
func connectAs(id string) []byte {
	b := []byte{0x10, byte(12 + len(id)), 0, 4, 'M', 'Q', 'T', 'T', 4, 2, 0, 60, 0, byte(len(id))}
	return append(b, id...)
}

// node is a broker for tests. It records the bytes before its first answer, answers a CONNECT with a
// CONNACK, and echoes the rest.
type node struct {
	t        *testing.T
	listener net.Listener
	// handle, if set, replaces all of this.
	handle func(net.Conn)

	mu    sync.Mutex // guards the fields below
	first [][]byte
	conns []net.Conn
	wg    sync.WaitGroup
}

func startNode(t *testing.T, handle func(net.Conn)) *node {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	n := &node{t: t, listener: ln, handle: handle}
	n.wg.Go(n.accept)
	t.Cleanup(n.stop)
	return n
}

func (n *node) address() string { return n.listener.Addr().String() }

// refusing is an address where nobody listens. A port that was free a moment ago may belong to another
// test.
const refusing = "127.0.0.1:1"

// stop ends the node at once, like a killed process.
func (n *node) stop() {
	_ = n.listener.Close()
	n.mu.Lock()
	for _, c := range n.conns {
		_ = c.Close()
	}
	n.mu.Unlock()
	n.wg.Wait()
}

func (n *node) accept() {
	for {
		c, err := n.listener.Accept()
		if err != nil {
			return
		}
		n.mu.Lock()
		n.conns = append(n.conns, c)
		n.mu.Unlock()
		n.wg.Go(func() {
			defer c.Close()
			if n.handle != nil {
				n.handle(c)
				return
			}
			n.serve(c)
		})
	}
}

func (n *node) serve(c net.Conn) {
	var stream []byte
	var connect mqttparse.Connect
	_, records := c.(*tls.Conn) // where one write may take several reads
	b := make([]byte, 1<<20)
	for {
		got, err := c.Read(b)
		if err != nil {
			return
		}
		if stream == nil {
			n.mu.Lock()
			n.first = append(n.first, bytes.Clone(b[:got]))
			n.mu.Unlock()
		} else if records {
			n.mu.Lock()
			n.first[len(n.first)-1] = append(n.first[len(n.first)-1], b[:got]...)
			n.mu.Unlock()
		}
		stream = append(stream, b[:got]...)
		rest := stream
		if h, err := opening.ReadProxyHeader(rest); err == nil {
			rest = rest[h.Length:]
		}
		length, err := connect.Parse(rest, len(b))
		if errors.Is(err, mqttparse.ErrShort) {
			continue
		}
		if err != nil {
			return
		}
		answer := connack311
		if connect.Version == mqttparse.V5 {
			answer = connack5
		}
		if _, err := c.Write(append(bytes.Clone(answer), rest[length:]...)); err == nil {
			_, _ = io.Copy(struct{ io.Writer }{c}, struct{ io.Reader }{c})
		}
		return
	}
}

// firstWrites returns the first read of each connection.
func (n *node) firstWrites() [][]byte {
	n.mu.Lock()
	defer n.mu.Unlock()
	return append([][]byte(nil), n.first...)
}

// rig is a server under test with its log and snapshot.
type rig struct {
	t    *testing.T
	srv  *Server
	snap *snapshot.Snapshot
	log  *proxytest.Log
	run  func() // runs the server, in the background
	stop func() // stops the server and waits for it; may be called twice

	registry  balancer.Registry
	nodes     []*balancer.Node // of every snapshot
	forgotten bool             // a listener and its counters were removed
}

// setting changes a snapshot before the server starts.
type setting func(*snapshot.Snapshot)

// start runs a server with one MQTT listener, "mqtt", for the nodes. When the test ends, every
// connection must have ended in one outcome and nothing of the server may be left.
func start(t *testing.T, nodes []string, settings ...setting) *rig {
	t.Helper()
	r := prepare(t, nodes, settings...)
	r.run()
	return r
}

// shortWaits are the waits of a server whose test waits for their end. A living node still has enough
// time for its CONNACK.
var shortWaits = waits{
	boundary: 50 * time.Millisecond, linger: 50 * time.Millisecond, walkPause: 50 * time.Millisecond,
	portRelease: 50 * time.Millisecond,
}

// prepare is start for a server whose waits are set before it is run.
func prepare(t *testing.T, nodes []string, settings ...setting) *rig {
	t.Helper()
	return prepareInheriting(t, nil, nodes, settings...)
}

// prepareInheriting is prepare for a server with inherited sockets.
func prepareInheriting(t *testing.T, inherited *Inherited, nodes []string, settings ...setting) *rig {
	t.Helper()
	spec := balancer.PoolSpec{Name: "pool"}
	for i, address := range nodes {
		spec.Nodes = append(spec.Nodes, balancer.NodeSpec{Name: "node-" + string(rune('a'+i)), Address: address})
	}
	pool, err := balancer.NewPool(spec)
	if err != nil {
		t.Fatal(err)
	}
	snap := &snapshot.Snapshot{
		Listeners: []*snapshot.Listener{{
			Name: "mqtt", Network: "tcp", Address: "127.0.0.1:0", Protocol: snapshot.MQTT, Pool: &snapshot.Pool{Pool: pool},
		}},
		MaxConnections: 5000,
		MaxConnectSize: 64 << 10,
		Timeouts: snapshot.Timeouts{
			ConnectPacket: patience, Dial: patience, Connack: time.Minute, HalfClosed: patience, Shutdown: patience, RequestBody: patience, Response: patience,
		},
	}
	for _, set := range settings {
		set(snap)
	}
	r := &rig{t: t, snap: snap, log: &proxytest.Log{}}
	r.join(snap)
	checkLeft := proxytest.LeftAfter(t)
	srv, err := NewInheriting(snap, inherited, slog.New(slog.NewTextHandler(r.log, &slog.HandlerOptions{Level: slog.LevelDebug})))
	if errors.Is(err, reactor.ErrUnsupported) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	srv.waits.refusal = 0 // many tests have clients refused, and few look at when
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	r.srv, r.stop = srv, func() { cancel(); <-done }
	r.run = func() {
		go func() { // ends with the server
			defer close(done)
			srv.Run(ctx)
		}()
		t.Cleanup(func() {
			r.stop()
			r.checkBooks()
			checkLeft()
			*r = rig{t: t, log: r.log} // package testing keeps what cleanups refer to until all tests have ended
		})
	}
	return r
}

// checkBooks checks that every accepted connection has ended in one outcome and one line, and that the
// gauges are at zero.
func (r *rig) checkBooks() {
	r.t.Helper()
	stats := r.srv.Stats()
	var accepted, ended uint64
	for _, l := range stats.Listeners {
		if l.Open != 0 {
			r.t.Errorf("listener %s: %d connections open after the end", l.Name, l.Open)
		}
		accepted += l.Accepted
		for _, n := range l.Outcomes {
			ended += n
		}
	}
	if accepted != ended {
		r.t.Errorf("%d connections accepted, %d outcomes", accepted, ended)
	}
	if lines := uint64(strings.Count(r.log.String(), "msg=session ")); lines < accepted || lines > accepted && !r.forgotten {
		r.t.Errorf("%d connections accepted, %d log lines", accepted, lines)
	}
	for _, f := range stats.Flows {
		if f.Open != 0 {
			r.t.Errorf("node %s: %d sessions open after the end", f.Node, f.Open)
		}
	}
	r.checkCounts(&stats)
	for _, n := range r.nodes {
		if n.Open() != 0 {
			r.t.Errorf("node %s: %d connections open after the end", n.Name, n.Open())
		}
		for at, open := range n.OpenAt() {
			if open != 0 {
				r.t.Errorf("node %s: %d sessions open at %v after the end", n.Name, open, at)
			}
		}
		if n.Waiting() != 0 {
			r.t.Errorf("node %s: %d sessions wait after the end", n.Name, n.Waiting())
		}
	}
	if n := r.srv.open(); n != 0 {
		r.t.Errorf("%d connections in the server's count after the end", n)
	}
	if n := r.srv.addresses.count().open; n != 0 {
		r.t.Errorf("%d addresses have connections after the end", n)
	}
	if n := r.srv.conduct.count().open; n != 0 {
		r.t.Errorf("%d addresses have good sessions after the end", n)
	}
	r.checkEngine()
	r.checkSources()
}

func (r *rig) outcomes(o outcome.Outcome) (n uint64) {
	for _, l := range r.srv.Stats().Listeners {
		n += l.Outcomes[o]
	}
	return n
}

// waitOutcome waits until n connections have ended with the outcome.
func (r *rig) waitOutcome(o outcome.Outcome, n uint64) {
	r.t.Helper()
	eventually(r.t, o.String(), func() bool { return r.outcomes(o) >= n })
	if got := r.outcomes(o); got != n {
		r.t.Fatalf("%d connections ended with %s, want %d\n%s", got, o, n, r.log)
	}
}

// waitLine waits for a line in the log that contains part. Lines are written after the outcome is
// counted.
func (r *rig) waitLine(part string) {
	r.t.Helper()
	defer func() {
		if r.t.Failed() {
			r.t.Log(r.log)
		}
	}()
	eventually(r.t, "a line with "+part, func() bool { return strings.Contains(r.log.String(), part) })
}

func (r *rig) node(i int) *balancer.Node { return r.snap.Listeners[0].Pool.Nodes()[i] }

// dial opens a client connection to the first listener.
func (r *rig) dial() *client {
	r.t.Helper()
	return r.dialTo(r.srv.Addr(r.snap.Listeners[0].Name))
}

// dialTo opens a client connection, with TLS and an upgrade if the listener's clients use them.
func (r *rig) dialTo(to net.Addr) *client {
	r.t.Helper()
	return r.handshakeAndUpgrade(r.dialBare(to))
}

// handshakeAndUpgrade makes the TLS handshake and the upgrade on a connection, if the listener's clients use them.
func (r *rig) handshakeAndUpgrade(c *client) *client {
	r.t.Helper()
	if r.snap.Listeners[0].TLS != nil {
		c.secure(nil)
	}
	if p := r.snap.Listeners[0].Protocol; p == snapshot.WS || p == snapshot.HTTP {
		ws, err := upgraded(c.Conn)
		if err != nil {
			r.t.Fatalf("upgrade: %v", err)
		}
		_ = ws.SetDeadline(time.Now().Add(patience))
		c.Conn = ws
	}
	return c
}

// dialBare opens a connection without TLS and upgrade.
func (r *rig) dialBare(to net.Addr) *client {
	r.t.Helper()
	return r.dialWith(&net.Dialer{}, to)
}

// dialFrom opens a bare connection to the first listener from an address of 127.0.0.0/8. Only on Linux
// is all of that on loopback.
func (r *rig) dialFrom(source string) *client {
	r.t.Helper()
	return r.dialWith(&net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(source)}}, r.srv.Addr(r.snap.Listeners[0].Name))
}

func (r *rig) dialWith(d *net.Dialer, to net.Addr) *client {
	r.t.Helper()
	c, err := d.DialContext(r.t.Context(), to.Network(), to.String())
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(patience))
	return &client{r.t, c}
}

// open dials and opens an MQTT session with the identifier.
func (r *rig) open(id string) *client {
	r.t.Helper()
	c := r.dial()
	c.send(connectAs(id))
	c.expect(connack311)
	return c
}

// client is a raw client connection whose methods fail the test.
type client struct {
	t *testing.T
	net.Conn
}

func (c *client) send(b []byte) {
	c.t.Helper()
	if _, err := c.Write(b); err != nil {
		c.t.Fatalf("send: %v", err)
	}
}

// expect reads exactly b.
func (c *client) expect(b []byte) {
	c.t.Helper()
	got := make([]byte, len(b))
	if n, err := io.ReadFull(c, got); err != nil || !bytes.Equal(got, b) {
		c.t.Fatalf("got % x, error %v; want % x", got[:n], err, b)
	}
}

// rest reads to the end of the stream. Some closes end it with a reset.
func (c *client) rest() []byte {
	c.t.Helper()
	b, err := io.ReadAll(c)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		c.t.Fatalf("the connection stays open; % x so far", b)
	}
	return b
}

// reset closes with RST and without a close_notify.
func (c *client) reset() {
	_ = tcp(c.Conn).SetLinger(0)
	_ = tcp(c.Conn).Close()
}

// halfClose ends the client's stream.
func (c *client) halfClose() {
	c.t.Helper()
	if err := c.Conn.(interface{ CloseWrite() error }).CloseWrite(); err != nil {
		c.t.Fatal(err)
	}
}

func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !is(); {
		if time.Now().After(deadline) {
			buf := make([]byte, 1<<16)
			t.Fatalf("waited %v in vain for: %s\n%s", patience, what, buf[:runtime.Stack(buf, true)])
		}
		runtime.Gosched()
		time.Sleep(time.Millisecond) //nolint:forbidigo // between two checks, not a guess at how long it takes
	}
}

func addrOf(c net.Conn) netip.AddrPort { return c.LocalAddr().(*net.TCPAddr).AddrPort() }
