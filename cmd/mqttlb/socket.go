package main

import (
	"context"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"sync"

	"mqttlb/config"
)

const (
	// socketName is the file of the admin socket in a runtime directory.
	socketName = "mqttlb.sock"
	// runtimeDir is that of a service of the system.
	runtimeDir = "/run/mqttlb"
	// maxOperators is how many connections the admin socket serves at a time. Each is
	// one request; more wait in the kernel's queue.
	maxOperators = 16
)

// socketPlaces are the paths where the admin socket is without the setting, the
// best first. A process listens at the first one alone if XDG_RUNTIME_DIR is set.
func socketPlaces() []string {
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
		path = socketPlaces()[0]
		if filepath.Dir(path) == runtimeDir && !writable(runtimeDir) {
			return config.Address{}
		}
	}
	return config.Address{Network: "unix", Path: path}
}

// bindSocket listens at the address of the admin socket. Where the configuration
// has not chosen it, a failure is a warning and there is no socket: another process
// may have the place already.
func bindSocket(a config.Address, chosen bool, log *slog.Logger) (net.Listener, error) {
	ln, err := bind(a, true)
	if err != nil {
		if chosen {
			return nil, err
		}
		log.Warn("there is no admin socket: set admin.socket to a path, or to off", "path", a.Path, "error", err)
		return nil, nil
	}
	if openToAll(a.Path) {
		log.Warn("anybody can replace the admin socket: its folder can be written by all and is not sticky", "path", a.Path)
	}
	return &fewListener{Listener: ln, places: make(chan struct{}, maxOperators), closed: make(chan struct{})}, nil
}

// fewListener accepts a connection only while fewer than maxOperators are open.
type fewListener struct {
	net.Listener
	places chan struct{} // one for each that is open
	closed chan struct{}
	once   sync.Once
}

// Accept waits for a connection and for a place for it.
func (l *fewListener) Accept() (net.Conn, error) {
	select {
	case l.places <- struct{}{}:
	case <-l.closed:
		return nil, net.ErrClosed
	}
	c, err := l.Listener.Accept()
	if err != nil {
		<-l.places
		return nil, err
	}
	return &placedConn{Conn: c, leave: sync.OnceFunc(func() { <-l.places })}, nil
}

// Close ends Accept. It may be called twice.
func (l *fewListener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return l.Listener.Close()
}

// placedConn is a connection that gives its place back when it is closed.
type placedConn struct {
	net.Conn
	leave func()
}

// Close ends the connection.
func (c *placedConn) Close() error {
	defer c.leave()
	return c.Conn.Close()
}

// peerKey is the key of the origin of a connection in its context.
type peerKey struct{}

// withPeer notes in the context of a connection who has made it.
func withPeer(ctx context.Context, c net.Conn) context.Context {
	return context.WithValue(ctx, peerKey{}, socketOrigin(c))
}
