//go:build !linux

package proxy

import "errors"

// engine carries no sessions here.
type engine struct{}

func newEngine(*Server) (*engine, error) {
	return nil, errors.New("mqttlb serves on Linux only")
}

func (*engine) run() {}

func (*engine) stop() {}

func (*engine) endAll() {}

func (*engine) count(*Stats) {}
