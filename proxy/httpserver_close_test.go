package proxy

import (
	"context"
	"io"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"mqttlb/proxy/proxytest"
	"mqttlb/proxy/snapshot"
)

// stuckLog is a log that blocks the writer of one message.
type stuckLog struct {
	slog.Handler
	message string
	reached chan struct{} // closed when the message is written
	release chan struct{}
	ended   atomic.Bool
}

func (s *stuckLog) Enabled(context.Context, slog.Level) bool { return true }

func (s *stuckLog) WithAttrs([]slog.Attr) slog.Handler { return s }

func (s *stuckLog) Handle(ctx context.Context, r slog.Record) error {
	if r.Message == s.message {
		close(s.reached)
		<-s.release
		s.ended.Store(true)
	}
	return nil
}

// Run returns after the last handler of a request.
func TestRunReturnsAfterTheLastHandler(t *testing.T) {
	proxytest.WaitAbreast(t)
	r := httpToWS.start(t, []string{refusing}, func(s *snapshot.Snapshot) {
		s.Listeners[0].Routes = []snapshot.Route{{Path: "/page/", Pool: s.Listeners[0].Pool}}
		s.Timeouts.Shutdown = 0
	})
	r.stop() // it has made the snapshot
	log := &stuckLog{slog.DiscardHandler, "node not reached", make(chan struct{}), make(chan struct{}), atomic.Bool{}}
	srv, err := New(r.snap, slog.New(log))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	returned := make(chan bool)
	go func() { // ends with the server
		srv.Run(ctx)
		returned <- log.ended.Load()
	}()
	c := r.dialBare(srv.Addr("mqtt"))
	c.send([]byte("GET /page/ HTTP/1.1\r\nHost: broker.example\r\n\r\n"))
	<-log.reached
	cancel()
	_, _ = io.Copy(io.Discard, c)                                       // its connection ends
	time.AfterFunc(300*time.Millisecond, func() { close(log.release) }) // the longer, the surer it is that Run does not wait
	if !<-returned {
		t.Error("a handler runs on")
	}
}
