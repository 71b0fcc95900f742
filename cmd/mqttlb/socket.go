package main

import (
	"context"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"sync"
	"syscall"

	"mqttlb/config"
)

const (
	// socketName is the file of the admin socket in a runtime directory.
	socketName = "mqttlb.sock"
	// runtimeDir is that of a service of the system.
	runtimeDir = "/run/mqttlb"
	// maxAPIConns is how many connections the admin socket serves at a time. Each is
	// one request; more wait in the kernel's queue.
	maxAPIConns = 16
)

// socketPaths are the paths where the admin socket is without the setting, the
// best first. A process listens at the first one alone if XDG_RUNTIME_DIR is set.
func socketPaths() []string {
	var paths []string
	if dir := os.Getenv("XDG_RUNTIME_DIR"); filepath.IsAbs(dir) {
		paths = append(paths, filepath.Join(dir, socketName))
	}
	return append(paths, filepath.Join(runtimeDir, socketName))
}

// socketAddress is where the configuration has the admin socket; the zero Address:
// nowhere.
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

// writable reports whether dir is a folder that this process may write to.
func writable(dir string) bool {
	info, err := os.Stat(dir)
	const forWriting = 2 // W_OK
	return err == nil && info.IsDir() && syscall.Access(dir, forWriting) == nil
}

// bindSocket listens at the address of the admin socket. Where the configuration
// has not chosen it, a failure is a warning and there is no socket: another process
// may have the place already.
func bindSocket(a config.Address, configured bool, log *slog.Logger) (net.Listener, error) {
	ln, err := bind(a, true)
	if err != nil {
		if configured {
			return nil, err
		}
		log.Warn("there is no admin socket: set admin.socket to a path, or to off", "path", a.Path, "error", err)
		return nil, nil
	}
	if openToAll(a.Path) {
		log.Warn("anybody can replace the admin socket: its folder can be written by all and is not sticky", "path", a.Path)
	}
	return &limitListener{Listener: ln, slots: make(chan struct{}, maxAPIConns), closed: make(chan struct{})}, nil
}

// limitListener accepts a connection only while fewer than maxAPIConns are open.
type limitListener struct {
	net.Listener
	slots  chan struct{} // one for each that is open
	closed chan struct{}
	once   sync.Once
}

// Accept waits for a connection and for a place for it.
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

// limitedConn is a connection that gives its place back when it is closed.
type limitedConn struct {
	net.Conn
	release func()
}

// Close ends the connection.
func (c *limitedConn) Close() error {
	defer c.release()
	return c.Conn.Close()
}

// originKey is the key of the origin of a connection in its context.
type originKey struct{}

// withOrigin notes in the context of a connection who has made it.
func withOrigin(ctx context.Context, c net.Conn) context.Context {
	return context.WithValue(ctx, originKey{}, socketOrigin(c))
}
