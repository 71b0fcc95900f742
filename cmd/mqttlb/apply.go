package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

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
	s.admin.SetAccess(&next.plan.admin.access)
	commitStatus()
	commitSocket()
	return warnings, nil
}

// keptContent begins the warning of a reload about a file that cannot be used.
const keptContent = "the content read before stays in force: "

// filesKept returns how many of a reload's warnings are about such files.
func filesKept(warnings []string) (n int) {
	for _, warning := range warnings {
		if strings.HasPrefix(warning, keptContent) {
			n++
		}
	}
	return n
}

// applySessions replaces the plan in force. Each warning names a file that cannot be used or needs attention.
func (s *server) applySessions(ctx context.Context, next *plan) (warnings []string, err error) {
	if err := next.checkTransparent(); err != nil {
		return nil, err
	}
	next.resolveNew(ctx) // first: without node addresses clients would be refused
	if ctx.Err() != nil {
		return nil, errStopping // which has cut the look-up short
	}
	next.operators.setWords(next.nodes()) // first: a node that was taken out must get no client
	if err := s.Apply(&next.snapshot); err != nil {
		return nil, err
	}
	for _, step := range slices.Concat(next.readAgain, next.afterApply) {
		if err := step(); err != nil {
			for _, e := range splitErrors(err) {
				s.log.Error("a file cannot be used: the content read before stays in force", "error", e)
				warnings = append(warnings, keptContent+e.Error())
			}
		}
	}
	revoked, _ := s.Revoked(ctx) // fails at the stop alone
	for _, r := range revoked {
		warnings = append(warnings, fmt.Sprintf("listener %q: tls.client_crl revokes the certificates of open sessions, which leave, %d a second: %d",
			r.Listener, r.PerSecond, r.Sessions))
	}
	s.background.setWorkers(ctx, next.workers)
	s.plan.Store(next)
	s.followNodes(next)
	return append(warnings, next.logWarnings(s.log)...), nil
}

// listenSocket binds the admin socket. A predecessor that stops gives it up. If the address is a default
// and not configured, a failure is only a warning.
func (s *server) listenSocket(ctx context.Context, a config.Admin) error {
	s.socketConfigured = true // bindSocket returns its error
	address := socketAddress(a)
	err := s.predecessor.makeWay(ctx, func() error { return s.socket.listen(address) })
	s.socketConfigured = a.Socket != ""
	if err != nil && !s.socketConfigured {
		warnNoSocket(s.log, address, err)
		return nil
	}
	return err
}
