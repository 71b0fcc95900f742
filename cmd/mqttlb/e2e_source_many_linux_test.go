package main_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"mqttlb/proxy/proxytest"
)

// The sessions to one node that TestOneNodeHasMoreSessionsThanOneAddressHasPorts opens, if it is set. Otherwise they are
// 300, in a range of 100 ports.
const manySessions = "MQTTLB_TEST_SESSIONS"

// Each process has a limit of descriptors, 20,000 on many machines: balancers with two for a session take 8,000
// sessions, nodes and clients twice as many.
const (
	perBalancer = 8000
	perPeer     = 16_000
)

// role is what a process of the test binary does in place of tests: node ADDRESS, or clients ADDRESS FIRST COUNT.
const role = "MQTTLB_TEST_ROLE"

// More sessions than one source address has ports are open on one node at the same time, from three.
//
//	MQTTLB_TEST_SESSIONS=40000 go test ./cmd/mqttlb -run TestOneNodeHasMoreSessions -v
func TestOneNodeHasMoreSessionsThanOneAddressHasPorts(t *testing.T) {
	if play(t, strings.Fields(os.Getenv(role))) || !proxytest.OwnNetwork(t) {
		return
	}
	sessions, ports := 300, "20000 20099"
	if n, err := strconv.Atoi(os.Getenv(manySessions)); err == nil {
		sessions, ports = n, "32768 60999"
	}
	node := proxytest.FreeAddr(t, "127.0.0.1")
	for range 1 + (sessions-1)/perPeer {
		startRole(t, "listening", "node", node)
	}
	text := fmt.Sprintf("%s      - {name: a, address: %q}\n    source: [127.0.0.2, 127.0.0.3, 127.0.0.4]\nlimits: {connect_rate: 0}\n", oneBroker, node)
	var balancers []*balancer
	for range 1 + (sessions-1)/perBalancer {
		balancers = append(balancers, serve(t, text))
	}
	proxytest.Sysctl(t, "ipv4/ip_local_port_range", ports)
	for i, b := range balancers {
		startRole(t, "all are open", "clients", b.addrs["mqtt"], fmt.Sprint(i*perBalancer), fmt.Sprint(min(perBalancer, sessions-i*perBalancer)))
	}
	used := map[string]float64{}
	for _, b := range balancers {
		m := b.metrics(t)
		for _, source := range []string{"127.0.0.2", "127.0.0.3", "127.0.0.4"} {
			used[source] += m.sum(t, "mqttlb_source_ports_used", `source="`+source+`"`)
		}
	}
	t.Logf("%d sessions to %s, ports %s: %v", sessions, node, ports, used)
	for source, n := range used {
		if third := float64(sessions) / 3; n < 0.99*third || n > 1.01*third {
			t.Errorf("%s has %v, want a third of %d", source, n, sessions)
		}
	}
}

// startRole starts a process of this test binary and waits for its word. It ends with the test.
func startRole(t *testing.T, word string, args ...string) {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
	cmd.Env = append(os.Environ(), role+"="+strings.Join(args, " "))
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { in.Close(); _ = cmd.Wait() })
	lines := bufio.NewScanner(out)
	for said := ""; ; said += lines.Text() + "\n" {
		if !lines.Scan() {
			t.Fatalf("%v: %s", args, said)
		}
		if strings.Contains(lines.Text(), word) {
			break
		}
	}
	go func() { _, _ = io.Copy(io.Discard, out) }() // ends with the process
}

// play does what a role is, until standard input ends. It returns false if there is none.
func play(t *testing.T, args []string) bool {
	t.Helper()
	switch {
	case len(args) == 2 && args[0] == "node":
		shared := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
			const reusePort = 15
			return c.Control(func(fd uintptr) { _ = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, reusePort, 1) })
		}}
		ln, err := shared.Listen(context.Background(), "tcp", args[1])
		if err != nil {
			t.Fatal(err)
		}
		defer ln.Close()
		go func() { // ends with ln
			for {
				c, err := ln.Accept()
				if err != nil {
					return
				}
				go serveConnect(c) // ends with the process
			}
		}()
		fmt.Println("listening")
	case len(args) == 4 && args[0] == "clients":
		first, _ := strconv.Atoi(args[2])
		count, _ := strconv.Atoi(args[3])
		for i := range count {
			if _, code := joinFrom(t, args[1], first+i); code != 0 {
				t.Fatalf("session %d: code %#x", i, code)
			}
		}
		fmt.Println("all are open")
	default:
		return false
	}
	_, _ = io.Copy(io.Discard, os.Stdin)
	return true
}
