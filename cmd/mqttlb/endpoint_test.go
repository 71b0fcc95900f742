package main

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"mqttlb/config"
)

// slowListener takes its time to close; whoever comes second is told at once, as by package net.
type slowListener struct {
	net.Listener
	begun chan struct{}
	calls atomic.Int32
	freed atomic.Bool
}

func (l *slowListener) Close() error {
	if l.calls.Add(1) > 1 {
		return errors.New("closed already")
	}
	close(l.begun)
	<-time.After(50 * time.Millisecond)
	err := l.Listener.Close()
	l.freed.Store(true)
	return err
}

// The server closes its listener too. An address that is released is free, whoever began.
func TestAReleasedAddressIsFree(t *testing.T) {
	ln, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	slow := &slowListener{Listener: ln, begun: make(chan struct{})}
	e := &endpoint{
		setting: addressSetting,
		bind:    func(config.Address) (net.Listener, error) { return slow, nil },
		serve: func(ctx context.Context, ln net.Listener) error {
			<-ctx.Done()
			return ln.Close()
		},
		log: slog.New(slog.DiscardHandler),
	}
	if err := e.listen(config.Address{Network: "tcp", Port: 1}); err != nil {
		t.Fatal(err)
	}
	e.start(t.Context())
	stop := e.stop
	e.stop = func() { stop(); <-slow.begun }
	e.release()
	if !slow.freed.Load() {
		t.Error("release has returned before the address is free")
	}
	e.running.Wait()
}
