package proxy

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"os"
	"syscall"
)

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
