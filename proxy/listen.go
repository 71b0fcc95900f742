package proxy

import (
	"context"
	"io/fs"
	"net"
	"os"
	"syscall"
)

// clearPath makes way for a Unix socket. One that a process left at the path is
// removed, one that answers is not.
func clearPath(path string) error {
	if info, err := os.Lstat(path); err != nil || info.Mode().Type() != fs.ModeSocket {
		return nil //nolint:nilerr // bind says what is wrong there
	}
	var d net.Dialer
	if c, err := d.DialContext(context.Background(), "unix", path); err == nil {
		_ = c.Close()
		return syscall.EADDRINUSE
	}
	return os.Remove(path)
}
