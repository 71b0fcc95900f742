package main

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"time"

	"mqttlb/config"
)

const (
	// awaitInterval is how often the address of a predecessor is tried.
	awaitInterval = time.Second
	// stopsTimeout limits the question whether a process at an address stops.
	stopsTimeout = 2 * time.Second
)

// takeAwaited serves at the admin address that a predecessor had at the start, once that has
// ended. It returns when it does, when a reload has moved the address, or when serving is done.
func (s *server) takeAwaited(ctx, serving context.Context) {
	tick := time.NewTicker(awaitInterval)
	defer tick.Stop()
	for left := true; left; {
		err := s.manager.do(ctx, func(context.Context) { left = s.tryAwaited(serving) })
		if err != nil || !left {
			return
		}
		select {
		case <-tick.C:
		case <-serving.Done():
			return
		}
	}
}

// tryAwaited binds the awaited address, if there is one. It reports whether it is still to be awaited.
func (s *server) tryAwaited(ctx context.Context) bool {
	a := s.status.awaited
	if a.IsZero() || ctx.Err() != nil {
		return false
	}
	switch err := s.status.listen(a); {
	case errors.Is(err, syscall.EADDRINUSE):
		return true
	case err != nil:
		s.log.Error("there is no admin address", "error", err)
	default:
		s.status.start(ctx)
	}
	s.status.awaited = config.Address{}
	return false
}

// stopsAt reports whether a mqttlb that stops serves at an admin address.
func stopsAt(ctx context.Context, a config.Address) bool {
	ctx, cancel := context.WithTimeout(ctx, stopsTimeout)
	defer cancel()
	client := http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			if a.Network == "unix" {
				return (&net.Dialer{}).DialContext(ctx, "unix", a.Path)
			}
			return (&net.Dialer{}).DialContext(ctx, "tcp", a.String())
		},
	}}
	for _, path := range []string{"/readyz", "/healthz"} {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://127.0.0.1"+path, http.NoBody)
		if err != nil {
			return false
		}
		response, err := client.Do(request)
		if err != nil {
			return false
		}
		body, _ := io.ReadAll(io.LimitReader(response.Body, 1<<10))
		response.Body.Close()
		if response.StatusCode == http.StatusServiceUnavailable && strings.Contains(string(body), "stopping") {
			return true
		}
	}
	return false
}
