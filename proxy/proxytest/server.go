package proxytest

import (
	"net"
	"strings"
	"sync"
	"testing"
)

// Serve listens on an address until the test ends, and returns where. It has serve
// handle one connection after the other, and closes each when serve returns; the test
// does not end before the last one. A machine without IPv6 skips a test of [::1].
func Serve(t testing.TB, address string, serve func(*net.TCPConn)) string {
	t.Helper()
	ln, err := net.Listen("tcp", address) //nolint:noctx // listens at once
	if err != nil {
		if strings.HasPrefix(address, "[::1]") {
			t.Skip("no IPv6 here: ", err)
		}
		t.Fatal(err)
	}
	var serving sync.WaitGroup
	serving.Go(func() { // ends with the listener
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			serve(conn.(*net.TCPConn))
			_ = conn.Close()
		}
	})
	t.Cleanup(func() {
		_ = ln.Close()
		serving.Wait()
	})
	return ln.Addr().String()
}
