//go:build linux

package proxy

import (
	"io"
	"net"
	"net/netip"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"mqttlb/proxy/outcome"
	"mqttlb/proxy/proxytest"
	"mqttlb/proxy/snapshot"
)

// Filters for the packets that a listener's kernel accepts for a new connection.
var (
	nothing = []unix.SockFilter{{Code: unix.BPF_RET}}
	// A SYN alone. The node's side answers it and gets nothing more, as if its queue were full again
	// when the handshake ends.
	aSYN = []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_B | unix.BPF_ABS, K: 13}, // the flags
		{Code: unix.BPF_JMP | unix.BPF_JEQ, Jf: 1, K: 2},       // SYN alone
		{Code: unix.BPF_RET, K: 1 << 16},
		{Code: unix.BPF_RET},
	}
	everything = []unix.SockFilter{{Code: unix.BPF_RET, K: 1 << 16}}
)

// startFilteredNode starts a node whose kernel can filter packets. Go listens with MPTCP, which
// cannot.
func startFilteredNode(t *testing.T, handle func(net.Conn)) *node {
	t.Helper()
	var plain net.ListenConfig
	plain.SetMultipathTCP(false)
	ln, err := plain.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	n := &node{t: t, listener: ln, handle: handle}
	n.wg.Go(n.accept)
	t.Cleanup(n.stop)
	return n
}

// take sets the filter of a node's kernel.
func (n *node) take(filter []unix.SockFilter) {
	n.t.Helper()
	raw, err := n.listener.(*net.TCPListener).SyscallConn()
	if err != nil {
		n.t.Fatal(err)
	}
	var failed error
	err = raw.Control(func(fd uintptr) {
		failed = unix.SetsockoptSockFprog(int(fd), unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]})
	})
	if err != nil || failed != nil {
		n.t.Fatal(err, failed)
	}
}

// waitStep waits until the only session is at a step, with or without a proof to wait for.
func (r *rig) waitStep(want step, unproven bool) {
	r.t.Helper()
	eventually(r.t, "the step", func() (there bool) {
		r.each(func(s *session) { there = s.step == want && (s.pending.unproven > 0) == unproven })
		return there
	})
}

// late drops the first SYN of a client's session and filters the packets after the second.
func late(t *testing.T, n *node, filter []unix.SockFilter, dial time.Duration) (*rig, *client) {
	n.take(nothing)
	r := start(t, []string{n.address()}, func(s *snapshot.Snapshot) { s.Timeouts.Dial, s.Timeouts.ConnectNode = dial, time.Hour })
	c := r.dial()
	c.send(connect311)
	r.waitStep(stepAnnounce, false)
	n.take(filter)
	return r, c
}

// The kernel waits a second before it sends a SYN again.
func connectionWhoseFirstSYNWasLostIsInDoubt(t *testing.T) {
	proxytest.RunAbreast(t, map[string]func(*testing.T){
		"it exists on one side alone and is given up": oneSidedConnectionIsGivenUp,
		"its client breaks and is let go":             clientThatBreaksBeforeTheProofIsLetGo,
		"it is proven by the answer and used":         lateAnswerIsProof,
		"it is proven by the acknowledgement":         lateAcknowledgementIsProof,
	})
}

func oneSidedConnectionIsGivenUp(t *testing.T) {
	idle := netip.MustParseAddrPort(startNode(t, nil).address())
	full := startFilteredNode(t, nil)
	r, c := late(t, full, aSYN, 2500*time.Millisecond) // time for the second SYN, but not for the third
	r.waitStep(stepAnnounce, true)
	r.node(0).SetAddrs([]netip.AddrPort{idle})
	c.expect(connack311)
	if n := r.dialErrors(0); n != 1 {
		t.Errorf("%d attempts have failed, want 1", n)
	}
	full.take(everything)
	if n := len(full.firstWrites()); n != 0 {
		t.Errorf("the node has had %d connections", n)
	}
}

func clientThatBreaksBeforeTheProofIsLetGo(t *testing.T) {
	r, c := late(t, startFilteredNode(t, nil), aSYN, patience)
	r.waitStep(stepAnnounce, true)
	c.reset()
	r.waitOutcome(outcome.ClientGone, 1)
}

func lateAnswerIsProof(t *testing.T) {
	r, c := late(t, startFilteredNode(t, nil), everything, patience)
	c.expect(connack311)
	if n := r.dialErrors(0); n != 0 {
		t.Errorf("%d attempts have failed", n)
	}
}

func lateAcknowledgementIsProof(t *testing.T) {
	r, _ := late(t, startFilteredNode(t, func(c net.Conn) { _, _ = io.Copy(io.Discard, c) }), everything, patience)
	r.waitStep(stepConfirm, true) // the proof is no longer checked
	if n := r.dialErrors(0); n != 0 {
		t.Errorf("%d attempts have failed", n)
	}
}
