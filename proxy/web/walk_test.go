package web

import (
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"mqttlb/balancer"
	"mqttlb/proxy/proxytest"
)

// again makes requests try their nodes again, each time for a short while.
func again(_ *rig, o *setup) { o.DialTimeout, o.ConnectTimeout = 500*time.Millisecond, time.Hour }

// busyAddress is an address whose kernel drops SYNs: nobody accepts, and the queue is
// full.
func busyAddress(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	raw, err := ln.(*net.TCPListener).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	if err := raw.Control(func(fd uintptr) { err = syscall.Listen(int(fd), 0) }); err != nil {
		t.Fatal(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	c, err := net.Dial("tcp", ln.Addr().String()) // a queue of length 0 has room for one
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return ln.Addr().String()
}

// A request whose body is still complete can go to the node that was busy before.
func TestNodesAreTriedAgainAfterOneTimedOut(t *testing.T) {
	proxytest.WaitAbreast(t)
	idle := newNode(t, "busy", nil)
	busy := &node{name: "busy", address: busyAddress(t)}
	dead := &node{name: "dead", address: refusedAddress}
	var failures atomic.Int32
	r := start(t, []*node{busy, dead}, again, func(r *rig, _ *setup) {
		r.pool.DialFailed = func(*balancer.Node) {
			if failures.Add(1) == 4 { // after two walks
				r.pool.Nodes()[0].SetAddrs([]netip.AddrPort{netip.MustParseAddrPort(idle.address)})
			}
		}
	})
	body := strings.Repeat("0123456789abcdef", 64<<10)
	if s := r.client().tell(http.MethodPost, "/", strings.NewReader(body)); s.Node != "busy" || s.Body != body {
		t.Errorf("%d bytes arrived at %s, want %d at busy", len(s.Body), s.Node, len(body))
	}
}

func TestNodesThatRefuseAreNotTriedAgain(t *testing.T) {
	r := start(t, []*node{{name: "a", address: refusedAddress}, {name: "b", address: refusedAddress}}, again)
	r.client().refused(http.StatusBadGateway, "could be reached", http.MethodGet, "/", nil)
	if len(r.failed) != 2 {
		t.Errorf("tried %v, want each once", r.failed)
	}
}

func TestNodesAreTriedAgainUntilConnectTimeoutIsOver(t *testing.T) {
	proxytest.WaitAbreast(t)
	proxytest.RunAbreast(t, map[string]func(*testing.T){
		"after a connection timed out": connectionsTimeOut,
		"after a handshake timed out":  handshakesTimeOut,
	})
}

func connectionsTimeOut(t *testing.T) {
	r := start(t, []*node{{name: "a", address: busyAddress(t)}}, again, func(_ *rig, o *setup) { o.ConnectTimeout = 2 * time.Second })
	r.client().refused(http.StatusBadGateway, "could be reached", http.MethodGet, "/", nil)
	if len(r.failed) < 2 {
		t.Errorf("tried %d times, want it tried again", len(r.failed))
	}
}

func TestConnectTimeoutCutsTheLastAttempt(t *testing.T) {
	proxytest.WaitAbreast(t)
	r := start(t, []*node{{name: "a", address: busyAddress(t)}}, func(_ *rig, o *setup) {
		o.DialTimeout, o.ConnectTimeout = time.Hour, time.Second
	})
	r.client().refused(http.StatusBadGateway, "could be reached", http.MethodGet, "/", nil)
}

// A handshake is part of the attempt.
func handshakesTimeOut(t *testing.T) {
	mute := listening(t, "a", func(conn *net.TCPConn) { io.Copy(io.Discard, conn) })
	r := start(t, []*node{mute}, withSecure(proxytest.NewCA("a CA")), again, func(_ *rig, o *setup) { o.ConnectTimeout = 2 * time.Second })
	r.client().refused(http.StatusBadGateway, "could be reached", http.MethodGet, "/", nil)
	if len(r.failed) < 2 {
		t.Errorf("tried %d times, want it tried again", len(r.failed))
	}
}

func TestClientThatLeavesWhileNodesAreTriedAgainIsLetGo(t *testing.T) {
	proxytest.WaitAbreast(t)
	tried := make(chan struct{}, 1000)
	over := make(chan struct{})
	r := start(t, []*node{{name: "a", address: busyAddress(t)}}, again, func(r *rig, o *setup) {
		r.pool.DialFailed = func(*balancer.Node) { tried <- struct{}{} }
	})
	serve := r.front.Config.Handler
	r.front.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		defer close(over)
		serve.ServeHTTP(w, req)
	})
	conn := r.raw()
	conn.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
	<-tried
	<-tried
	conn.Close()
	select {
	case <-over:
	case <-time.After(patience):
		t.Error("the request goes on without its client")
	}
}
