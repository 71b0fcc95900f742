package proxytest

import (
	"net"
	"os/exec"
	"testing"
)

func TestFreeAddrIsOneTestsUntilItEnds(t *testing.T) {
	var addr string
	t.Run("holds it", func(t *testing.T) {
		addr = FreeAddr(t, "127.0.0.1")
		if c, err := net.ListenPacket("udp4", addr); err == nil {
			c.Close()
			t.Errorf("%s can be claimed by another binary", addr)
		}
		ln, err := net.Listen("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		ln.Close()
	})
	c, err := net.ListenPacket("udp4", addr)
	if err != nil {
		t.Fatalf("the claim outlives its test: %v", err)
	}
	c.Close()
}

func TestFreeAddrPassesOverWhatIsTaken(t *testing.T) {
	next := nextPort.Load()
	claimed := FreeAddr(t, "127.0.0.1")
	nextPort.Store(next) // as a binary that begins at the same place
	if got := FreeAddr(t, "127.0.0.1"); got == claimed {
		t.Errorf("%s is given twice", got)
	}
}

func TestFreeAddrPassesOverWhereAProgramListensThatHasClaimedNothing(t *testing.T) {
	next := nextPort.Load()
	var addr string
	t.Run("until its end", func(t *testing.T) { addr = FreeAddr(t, "127.0.0.1") })
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	nextPort.Store(next)
	if got := FreeAddr(t, "127.0.0.1"); got == addr {
		t.Errorf("%s is given", got)
	}
}

// A program that is just being started does not keep a free address in use.
func TestAFreeAddressIsFree(t *testing.T) {
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case <-stop:
				return
			default:
				_ = exec.Command("true").Run()
			}
		}
	}()
	for range 1000 {
		ln, err := net.Listen("tcp", FreeAddr(t, "127.0.0.1"))
		if err != nil {
			t.Error(err)
			break
		}
		_ = ln.Close()
	}
	close(stop)
	<-stopped
}
