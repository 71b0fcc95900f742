package main

import (
	"context"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"sync"
	"syscall"

	"mqttlb/config"
	"mqttlb/proxy"
)

// modePrivate is the mode of a Unix socket that its owner and root alone may use.
const modePrivate = 0o600

// bind listens on an address of an admin server. A Unix socket that a process has
// left is replaced; private ones are of modePrivate from their first moment on.
func bind(a config.Address, private bool) (net.Listener, error) {
	if a.Network != "unix" {
		return (&net.ListenConfig{}).Listen(context.Background(), a.Network, a.String())
	}
	if err := proxy.ClearPath(a.Path); err != nil {
		return nil, err
	}
	var lc net.ListenConfig
	if private {
		lc.Control = func(_, _ string, c syscall.RawConn) (err error) {
			if controlErr := c.Control(func(fd uintptr) { err = makePrivate(fd) }); controlErr != nil {
				return controlErr
			}
			return err
		}
	}
	ln, err := lc.Listen(context.Background(), a.Network, a.Path)
	if err != nil {
		return nil, err
	}
	l := &pathListener{UnixListener: ln.(*net.UnixListener), path: a.Path}
	l.SetUnlinkOnClose(false) // it would remove whatever is there
	if l.file, err = os.Lstat(l.path); err != nil {
		_ = l.Close()
		return nil, err
	}
	return l, nil
}

// pathListener is a Unix socket whose file is removed at the end, if it is still ours.
type pathListener struct {
	*net.UnixListener
	path   string
	file   fs.FileInfo
	closed sync.Once
}

// Close ends the listener and removes its file. It may be called twice.
func (l *pathListener) Close() (err error) {
	l.closed.Do(func() {
		if now, statErr := os.Lstat(l.path); statErr == nil && l.file != nil && os.SameFile(now, l.file) {
			_ = os.Remove(l.path)
		}
		err = l.UnixListener.Close()
	})
	return err
}

// openToAll reports whether everybody may put another file in the place of the one
// at path.
func openToAll(path string) bool {
	dir, err := os.Stat(filepath.Dir(path))
	return err == nil && dir.Mode().Perm()&0o002 != 0 && dir.Mode()&fs.ModeSticky == 0
}
