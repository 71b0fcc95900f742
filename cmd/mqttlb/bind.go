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

// modePrivate is the file mode of a Unix socket for its owner and root only.
const modePrivate = 0o600

// The configuration keys of the addresses of admin servers. An inherited socket with such a name is
// used for that address.
const addressSetting, socketSetting = "admin.address", "admin.socket"

// bind listens on an address of an admin server, or on the inherited socket for it. It replaces a
// Unix socket that no process listens on. A private socket has modePrivate from the moment it
// exists; the service manager decides the mode of an inherited one.
func bind(a config.Address, setting string, inherited *proxy.Inherited, private bool) (net.Listener, error) {
	address := a.String()
	if a.Network == "unix" {
		address = a.Path
	}
	if ln, err := inherited.Listen(a.Network, address, setting); ln != nil || err != nil {
		return ln, err
	}
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
	l.SetUnlinkOnClose(false) // that would also remove a file that has replaced ours
	if l.file, err = os.Lstat(l.path); err != nil {
		_ = l.Close()
		return nil, err
	}
	return l, nil
}

// pathListener is a Unix listener. Close removes its file, unless another file has
// replaced it.
type pathListener struct {
	*net.UnixListener
	path   string
	file   fs.FileInfo
	closed sync.Once
}

// Close ends the listener and removes its file. It may be called twice.
func (l *pathListener) Close() (err error) {
	l.closed.Do(func() {
		proxy.RemovePath(l.path, l.file)
		err = l.UnixListener.Close()
	})
	return err
}

// openToAll reports whether any user may replace the file at path.
func openToAll(path string) bool {
	dir, err := os.Stat(filepath.Dir(path))
	return err == nil && dir.Mode().Perm()&0o002 != 0 && dir.Mode()&fs.ModeSticky == 0
}
