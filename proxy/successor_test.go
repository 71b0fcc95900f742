package proxy

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"mqttlb/proxy/proxytest"
)

// A second server, as of another process, takes the addresses while the first waits for its sessions.
func TestSuccessorHasTheAddressesOfAServerThatStops(t *testing.T) {
	for network, address := range map[string]string{"tcp": proxytest.FreeAddr(t, "127.0.0.1"), "unix": filepath.Join(t.TempDir(), "socket")} {
		t.Run(network, func(t *testing.T) {
			node := startNode(t, nil)
			first := start(t, []string{node.address()}, at(network, address))
			stays := first.open("c1")
			if err := bindError(t, first.snap); !errors.Is(err, syscall.EADDRINUSE) {
				t.Fatalf("before the stop: %v", err)
			}
			first.waitClosed(network)
			stopped := make(chan struct{})
			go func() { // ends when the session has ended
				defer close(stopped)
				first.stop()
			}()
			if network == "unix" { // at its end the first would not know its own file from the second's
				eventually(t, "the path is gone", func() bool {
					_, err := os.Lstat(address)
					return errors.Is(err, os.ErrNotExist)
				})
			}
			eventually(t, "the address is free", func() bool {
				srv, err := New(first.snap, first.srv.log)
				if err == nil {
					srv.Close()
				}
				return err == nil
			})
			second := start(t, []string{node.address()}, at(network, address))
			comes := second.open("c2")
			stillCarry([]*client{stays, comes})
			_ = stays.Close()
			<-stopped
			stillCarry([]*client{comes, second.open("c3")})
			if _, err := os.Lstat(address); network == "unix" && err != nil {
				t.Errorf("the first has removed the path of the second: %v", err)
			}
		})
	}
}

// waitClosed waits for the connection with which a server that wants to bind a path asks whether anybody answers.
func (r *rig) waitClosed(network string) {
	if network == "unix" {
		r.waitLine("outcome=no_data")
	}
}
