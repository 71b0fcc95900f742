package main

import (
	"log/slog"
	"net"
	"os"
	"path/filepath"

	"mqttlb/config"
	"mqttlb/proxy"
)

const (
	// socketName is the file name of the admin socket in a runtime directory.
	socketName = "mqttlb.sock"
	// runtimeDir is the runtime directory of a system service.
	runtimeDir = "/run/mqttlb"
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
	return ln, nil
}

func warnNoSocket(log *slog.Logger, a config.Address, err error) {
	log.Warn("there is no admin socket: set admin.socket to a path, or to off", "path", a.Path, "error", err)
}
