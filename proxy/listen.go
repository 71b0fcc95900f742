package proxy

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"os"
	"syscall"

	"mqttlb/proxy/reactor"
	"mqttlb/proxy/snapshot"
)

// listen binds the listener and returns a socket for each of n loops.
func (ln *listener) listen(n int) (socks []int32, err error) {
	if ln.Network == "unix" {
		if err := ClearPath(ln.Address); err != nil {
			return nil, err
		}
		if socks, err = reactor.ListenUnix(ln.Address, n); err != nil {
			return nil, err
		}
		ln.bound = &net.UnixAddr{Net: "unix", Name: ln.Address}
		ln.path, _ = os.Lstat(ln.Address)
		return socks, nil
	}
	// Clients of plain TCP may wait for the server to speak first.
	socks, bound, err := reactor.ListenTCP(ln.Address, n, ln.Protocol != snapshot.TCP)
	if err != nil {
		return nil, err
	}
	ln.bound = bound
	return socks, nil
}

// ClearPath makes way for a Unix socket. One that a process left at the path is
// removed; one that answers, or is too busy to, is EADDRINUSE. What is no socket
// is left alone, for bind to complain of.
func ClearPath(path string) error {
	if info, err := os.Lstat(path); err != nil || info.Mode().Type() != fs.ModeSocket {
		return nil //nolint:nilerr // bind says what is wrong there
	}
	var d net.Dialer
	c, err := d.DialContext(context.Background(), "unix", path)
	if err == nil {
		_ = c.Close()
	}
	if !errors.Is(err, syscall.ECONNREFUSED) {
		return syscall.EADDRINUSE // it answers, or is too busy to
	}
	return os.Remove(path)
}

// removePath removes the Unix socket's file at the end, if it is still ours.
func (ln *listener) removePath() {
	if ln.path == nil {
		return
	}
	if now, err := os.Lstat(ln.Address); err == nil && os.SameFile(now, ln.path) {
		_ = os.Remove(ln.Address)
	}
}
