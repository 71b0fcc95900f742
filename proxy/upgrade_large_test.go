package proxy

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"mqttlb/balancer"
	"mqttlb/proxy/outcome"
	"mqttlb/proxy/snapshot"
)

// largeUpgrades starts a server that accepts upgrades with megabytes of cookies and forwards them to
// its nodes. blamed counts the failures that it reports to the health checks.
func largeUpgrades(t *testing.T, backend *node) (r *rig, blamed *atomic.Int32) {
	t.Helper()
	blamed = new(atomic.Int32)
	r = wsToWS.start(t, []string{backend.address()}, func(s *snapshot.Snapshot) {
		s.MaxHeaderSize = 16 << 20
		s.Listeners[0].Pool.ForwardHeaders = []string{"Cookie"}
		s.Listeners[0].Pool.DialFailed = func(*balancer.Node) { blamed.Add(1) }
	})
	return r, blamed
}

// largeCookie is larger than a socket takes at once.
var largeCookie = "+Cookie: a=" + strings.Repeat("c", 8<<20)

// waitHeld waits until there is a backlog of an upgrade.
func (r *rig) waitHeld() {
	r.t.Helper()
	eventually(r.t, "a part of the upgrade is kept", func() bool { return r.held() > 0 })
}

// awaitRelease waits until the test releases the node or has failed.
func awaitRelease(t *testing.T, release <-chan struct{}) {
	select {
	case <-release:
	case <-t.Context().Done():
	}
}

// A client's request may be larger than a node's socket takes at once. The rest waits for room.
func TestAnUpgradeLargerThanTheNodesSocketWaitsForRoom(t *testing.T) {
	release := make(chan struct{})
	backend := startNode(t, func(c net.Conn) {
		awaitRelease(t, release)
		in := bufio.NewReader(c)
		request, err := http.ReadRequest(in)
		if err != nil || len(request.Header.Get("Cookie")) != 8<<20+2 {
			t.Errorf("the node's request has %d bytes of cookie: %v", len(request.Header.Get("Cookie")), err)
			return
		}
		_, _ = io.WriteString(c, (&asked{c, nil, request}).switching()+string(connackFrame))
		_, _ = io.Copy(io.Discard, in)
	})
	r, blamed := largeUpgrades(t, backend)
	c := r.dialUpgraded(largeCookie)
	c.send(clientFrame(finBinary, connect311))
	r.waitHeld()
	close(release)
	c.expect(connackFrame)
	_ = c.Close()
	r.waitOutcome(outcome.ClientClosed, 1)
	if n := blamed.Load(); n != 0 {
		t.Errorf("the node was blamed %d times", n)
	}
}

// A node that breaks the connection over a client's upgrade is still reachable.
func TestNodeThatBreaksOverAnUpgradeIsNotBlamed(t *testing.T) {
	for _, kept := range []bool{false, true} {
		release := make(chan struct{})
		breaks := startNode(t, func(c net.Conn) {
			if kept {
				awaitRelease(t, release)
			} else if _, err := http.ReadRequest(bufio.NewReader(c)); err != nil {
				t.Error(err)
			}
			_ = tcp(c).SetLinger(0)
		})
		r, blamed := largeUpgrades(t, breaks)
		cookie := "+Cookie: a=b"
		if kept {
			cookie = largeCookie
		}
		c := r.dialUpgraded(cookie)
		c.send(clientFrame(finBinary, connect311))
		if kept {
			r.waitHeld()
			close(release)
		}
		if got := c.frames(); !slices.Equal(got, []string{"20 02 00 03", "close 1013"}) {
			t.Errorf("kept %v: the client was told %q", kept, got)
		}
		_ = c.Close()
		r.waitOutcome(outcome.UpgradeRefused, 1)
		if n := blamed.Load(); n != 0 {
			t.Errorf("kept %v: the node was blamed %d times", kept, n)
		}
	}
}
