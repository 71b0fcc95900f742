package main

import (
	"context"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"sync"

	"mqttlb/config"
	"mqttlb/proxy"
)

const (
	// socketName is the file name of the admin socket in a runtime directory.
	socketName = "mqttlb.sock"
	// runtimeDir is the runtime directory of a system service.
	runtimeDir = "/run/mqttlb"
	// maxAPIConns is how many connections the admin socket serves at a time. Each carries
	// one request. Further connections wait in the accept queue of the kernel.
	maxAPIConns = 16
)

// socketPaths returns the default paths of the admin socket, the preferred one first.
// A process listens only at the first; a client tries them all.
func socketPaths() []string {
	var paths []string
	if dir := os.Getenv("XDG_RUNTIME_DIR"); filepath.IsAbs(dir) {
		paths = append(paths, filepath.Join(dir, socketName))
	}
	return append(paths, filepath.Join(runtimeDir, socketName))
}

// socketAddress returns the address of the admin socket, or the zero Address if there
// is to be none.
func socketAddress(a config.Admin) config.Address {
	path := a.Socket
	switch path {
	case config.SocketOff:
		return config.Address{}
	case "":
		path = socketPaths()[0]
		if filepath.Dir(path) == runtimeDir && !writable(runtimeDir) {
			return config.Address{}
		}
	}
	return config.Address{Network: "unix", Path: path}
}

// bindSocket listens at the address of the admin socket. If the address is a default
// and not configured, a failure is only a warning and the listener is nil: another
// process may use that path already.
func bindSocket(a config.Address, inherited *proxy.Inherited, configured bool, log *slog.Logger) (net.Listener, error) {
	ln, err := bind(a, socketSetting, inherited, true)
	if err != nil {
		if configured {
			return nil, err
		}
		warnNoSocket(log, a, err)
		return nil, nil
	}
	if openToAll(a.Path) {
		log.Warn("anybody can replace the admin socket: its folder can be written by all and is not sticky", "path", a.Path)
	}
	return &limitListener{Listener: ln, slots: make(chan struct{}, maxAPIConns), closed: make(chan struct{})}, nil
}

func warnNoSocket(log *slog.Logger, a config.Address, err error) {
	log.Warn("there is no admin socket: set admin.socket to a path, or to off", "path", a.Path, "error", err)
}

// limitListener accepts a connection only while fewer than maxAPIConns are open.
type limitListener struct {
	net.Listener
	slots  chan struct{} // holds a value for each open connection
	closed chan struct{}
	once   sync.Once
}

// Accept waits for a free slot and then for a connection.
func (l *limitListener) Accept() (net.Conn, error) {
	select {
	case l.slots <- struct{}{}:
	case <-l.closed:
		return nil, net.ErrClosed
	}
	c, err := l.Listener.Accept()
	if err != nil {
		<-l.slots
		return nil, err
	}
	return &limitedConn{Conn: c, release: sync.OnceFunc(func() { <-l.slots })}, nil
}

// Close ends Accept. It may be called twice.
func (l *limitListener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return l.Listener.Close()
}

// limitedConn is a connection that frees its slot when it is closed.
type limitedConn struct {
	net.Conn
	release func()
}

// Close closes the connection and frees its slot.
func (c *limitedConn) Close() error {
	defer c.release()
	return c.Conn.Close()
}

// originKey is the context key of a connection's origin.
type originKey struct{}

// withOrigin adds the origin of a connection to its context.
func withOrigin(ctx context.Context, c net.Conn) context.Context {
	return context.WithValue(ctx, originKey{}, socketOrigin(c))
}
