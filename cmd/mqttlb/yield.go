package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"mqttlb/config"
	"mqttlb/proxy/admin"
	"mqttlb/proxy/admin/api"
)

// maxSideSockets is how many names yield tries for its socket: containers that share a
// folder may all have the process ID 1.
const maxSideSockets = 8

// Yield implements [admin.Control]. A successor asks for the addresses.
func (c *control) Yield(ctx context.Context, by admin.Origin) (answer api.Yield, err error) {
	s := c.server
	if s.state.load() == api.Serving {
		return answer, &admin.Error{Status: http.StatusConflict, Text: "it is not stopping"}
	}
	err = c.do(ctx, func(serving context.Context) {
		answer = api.Yield{Socket: s.yield(serving), Accepting: s.state.accepting().Seconds()}
		c.Audit(by, "yield", slog.String("socket", answer.Socket))
	})
	return answer, err
}

// yield frees admin.address and the path of the admin socket. It returns the path beside it at
// which the admin API is served from now on, or "" if there is none. It may be called twice. Only
// the manager calls it.
func (s *server) yield(ctx context.Context) string {
	s.status.release()
	beside := s.socket.address
	if !s.yielded {
		s.yielded = true
		before := beside.Path
		beside = s.moveSocketBeside(ctx, filepath.Dir(before))
		s.log.Info("a successor has taken the admin addresses", "setting", s.socket.setting, "before", before, "now", beside.Path)
	}
	return beside.Path
}

// moveSocketBeside moves the admin socket to mqttlb-PID.sock in dir. If that cannot be bound, there
// is no admin socket any more.
func (s *server) moveSocketBeside(ctx context.Context, dir string) config.Address {
	s.socketConfigured = true // bind returns errors
	name := fmt.Sprintf("%s-%d", strings.TrimSuffix(socketName, ".sock"), os.Getpid())
	var err error
	for i := 1; i <= maxSideSockets; i++ {
		to := config.Address{Network: "unix", Path: filepath.Join(dir, name+".sock")}
		if i > 1 {
			to.Path = filepath.Join(dir, fmt.Sprintf("%s-%d.sock", name, i))
		}
		var commit func()
		if commit, _, err = s.socket.move(ctx, to); err == nil {
			commit()
			return to
		}
		if !errors.Is(err, syscall.EADDRINUSE) {
			break
		}
	}
	s.log.Warn("there is no admin socket while this process stops", "error", err)
	s.socket.release()
	return config.Address{}
}
