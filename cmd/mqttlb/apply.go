package main

import (
	"context"

	"mqttlb/config"
)

// apply replaces the revision in force. Steps that can fail come first: after an error
// nothing has changed.
func (s *server) apply(ctx context.Context, before, next *revision) (warnings []string, err error) {
	commitLog, undoLog, err := s.manager.log.prepare(next.config.Log)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			undoLog()
		} else {
			commitLog()
		}
	}()
	commitStatus, undoStatus, err := s.status.move(ctx, next.config.Admin.Address)
	if err != nil {
		return nil, err
	}
	// Without the setting, a socket path that another process had in use is tried again.
	s.socketConfigured = next.config.Admin.Socket != ""
	commitSocket, undoSocket, err := s.socket.move(ctx, socketAddress(next.config.Admin))
	if err != nil {
		s.socketConfigured = before.config.Admin.Socket != ""
		undoStatus()
		return nil, err
	}
	if warnings, err = s.applySessions(ctx, next.plan); err != nil {
		s.socketConfigured = before.config.Admin.Socket != ""
		undoStatus()
		undoSocket()
		return nil, err
	}
	commitStatus()
	commitSocket()
	return warnings, nil
}

// applySessions replaces the plan in force. Each warning names a file that cannot be used or needs attention.
func (s *server) applySessions(ctx context.Context, next *plan) (warnings []string, err error) {
	next.names.ResolveNew(ctx, next.nodes()) // first: without node addresses clients would be refused
	if ctx.Err() != nil {
		return nil, errStopping // which has cut the look-up short
	}
	if err := s.Apply(&next.snapshot); err != nil {
		return nil, err
	}
	for _, step := range next.afterApply {
		if err := step(); err != nil {
			for _, e := range splitErrors(err) {
				s.log.Error("a file cannot be used: the content read before stays in force", "error", e)
				warnings = append(warnings, "the content read before stays in force: "+e.Error())
			}
		}
	}
	s.background.setWorkers(ctx, next.workers)
	s.plan.Store(next)
	for _, warning := range next.warnings() {
		s.log.Warn("a file needs attention", "warning", warning)
		warnings = append(warnings, warning)
	}
	return warnings, nil
}

// listenSocket binds the admin socket, see bindSocket.
func (s *server) listenSocket(a config.Admin) error {
	s.socketConfigured = a.Socket != ""
	return s.socket.listen(socketAddress(a))
}
