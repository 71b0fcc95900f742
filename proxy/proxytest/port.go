package proxytest

import (
	"errors"
	"net"
	"os"
	"strconv"
	"sync/atomic"
	"syscall"
	"testing"
)

// Ports come from below the range that the kernel gives to outgoing connections, of
// which tests make thousands: a port that was free a moment ago is free still.
// mqttbench compare uses the ports from 29000 on.
const firstPort, lastPort = 14000, 28999

// nextPort is where to look next. Another test binary begins elsewhere.
var nextPort = func() *atomic.Uint32 {
	var n atomic.Uint32
	n.Store(uint32(os.Getpid()) * 97)
	return &n
}()

// FreeAddr is an address of ip on which nobody listens, and which no other test gets
// until this one ends, in whichever binary it runs. A machine that has no such ip skips
// the test.
func FreeAddr(t testing.TB, ip string) string {
	t.Helper()
	for range lastPort - firstPort {
		port := strconv.Itoa(int(firstPort + nextPort.Add(1)%(lastPort-firstPort+1)))
		// The UDP port of the same number, which nobody wants, is the claim: of two
		// binaries one has it.
		claim, err := net.ListenPacket("udp4", net.JoinHostPort("127.0.0.1", port)) //nolint:noctx // binds at once
		if err != nil {
			continue
		}
		addr := net.JoinHostPort(ip, port)
		if err = listens(addr); err == nil {
			t.Cleanup(func() { _ = claim.Close() })
			return addr
		}
		_ = claim.Close()
		if !errors.Is(err, syscall.EADDRINUSE) {
			t.Skipf("this machine cannot listen on %s: %v", ip, err)
		}
	}
	t.Fatal("no port is free")
	return ""
}

// listens reports whether it is possible to listen on addr. A program that another test starts at this moment has the
// listener, too, until it executes, so that the port would stay in use after it was closed.
func listens(addr string) error {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	ln, err := net.Listen("tcp", addr) //nolint:noctx // listens at once
	if err == nil {
		_ = ln.Close()
	}
	return err
}
