package main

import (
	"context"
	"strings"

	"mqttlb/config"
)

// needRestart names the changes that the process cannot make. It stands until all of
// them can be made by proxy.Server.Apply; the log and the admin servers change already.
func needRestart(changes []change) faults {
	var names faults
	for _, c := range changes {
		if part, _, _ := strings.Cut(c.Name, "."); part != "log" && part != "admin" {
			names = append(names, fault{line: c.Name + ": " + c.Action + ": this needs a restart"})
		}
	}
	return names
}

// apply puts a revision in force in the place of the one before. Whatever can fail is
// done first; after an error nothing has changed.
func (s *server) apply(ctx context.Context, before, next *revision) (warnings []string, err error) {
	toStatus, stay, err := s.status.move(ctx, next.config.Admin.Address)
	if err != nil {
		return nil, err
	}
	// Without the setting a socket that another process had is tried for again.
	s.chosen = next.config.Admin.Socket != ""
	toSocket, _, err := s.socket.move(ctx, socketAddress(next.config.Admin))
	if err != nil {
		s.chosen = before.config.Admin.Socket != ""
		stay()
		return nil, err
	}
	warnings = s.applySessions(next)
	toStatus()
	toSocket()
	s.control.log.set(next.config.Log)
	return warnings, nil
}

// applySessions reads the files of TLS again. It stands for proxy.Server.Apply, which
// puts the plan of next in the place of the one in force.
func (s *server) applySessions(next *revision) (warnings []string) {
	for _, reload := range s.plan.reloads {
		if err := reload(); err != nil {
			warnings = append(warnings, "what was good before stays in force: "+err.Error())
		}
	}
	s.log.Info("certificates have been read again")
	return append(warnings, next.plan.warnings...)
}

// listenSocket binds the admin socket, see bindSocket.
func (s *server) listenSocket(a config.Admin) error {
	s.chosen = a.Socket != ""
	return s.socket.listen(socketAddress(a))
}
