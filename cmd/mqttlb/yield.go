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
)

// maxSideSockets is how many names yield tries for its socket: containers that share a
// folder may all have the process ID 1.
const maxSideSockets = 8

// yieldResult is the answer of POST /api/v1/yield.
type yieldResult struct {
	Socket string `json:"socket,omitempty"` // where this process answers from now on; empty: nowhere
	// AcceptingSeconds is for how long this process goes on to accept clients at its listeners.
	AcceptingSeconds float64  `json:"accepting_seconds"`
	Errors           []string `json:"errors,omitempty"`
}

// postYield gives the admin addresses of a process that stops to its successor, which asks for
// them.
func (a *api) postYield(w http.ResponseWriter, r *http.Request) {
	by, _ := r.Context().Value(originKey{}).(origin)
	var result yieldResult
	status := http.StatusOK
	err := a.do(w, r, func(serving context.Context) {
		if serving.Err() == nil {
			result.Errors = []string{fmt.Sprintf("mqttlb with process ID %d is not stopping: it keeps its addresses", os.Getpid())}
			status = http.StatusConflict
			return
		}
		result.Socket = a.server.yield(serving)
		audit(a.log, by, "yield", slog.String("socket", result.Socket))
	})
	if err == nil {
		reply(w, status, result)
	}
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
