package proxy

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"os"
	"syscall"
)

// RemovePath removes the file of a Unix socket at the path, unless another file has replaced it. A nil file does
// nothing.
func RemovePath(path string, file fs.FileInfo) {
	if file == nil {
		return
	}
	// A file system gives the number of a removed file to the next one, but not its time.
	if now, err := os.Lstat(path); err == nil && os.SameFile(now, file) && now.ModTime().Equal(file.ModTime()) {
		_ = os.Remove(path)
	}
}

// ClearPath removes a Unix socket that a dead process left at the path. It returns EADDRINUSE if a
// process answers there or is too busy to answer. It leaves any other file alone, and bind then fails.
func ClearPath(path string) error {
	if info, err := os.Lstat(path); err != nil || info.Mode().Type() != fs.ModeSocket {
		return nil //nolint:nilerr // bind returns the error
	}
	var d net.Dialer
	c, err := d.DialContext(context.Background(), "unix", path)
	if err == nil {
		_ = c.Close()
	}
	if !errors.Is(err, syscall.ECONNREFUSED) {
		return syscall.EADDRINUSE // a process answers, or is too busy to answer
	}
	return os.Remove(path)
}
