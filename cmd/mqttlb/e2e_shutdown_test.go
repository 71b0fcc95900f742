package main_test

import (
	"errors"
	"net"
	"net/http"
	"syscall"
	"testing"
)

func TestSIGTERMLetsSessionsEndByThemselves(t *testing.T) {
	t.Parallel()
	broker := startMosquitto(t, "a")
	b := serve(t, oneBroker+nodes(broker)+"timeouts: {shutdown: 1h}\n")
	old := join(t, b.addrs["mqtt"], "", 4, "old")

	b.signal(t, syscall.SIGTERM)
	eventually(t, "mqttlb has stopped listening", func() bool {
		conn, err := net.Dial("tcp", b.addrs["mqtt"])
		if err != nil {
			return errors.Is(err, syscall.ECONNREFUSED)
		}
		conn.Close()
		return false
	})
	if code := b.healthz(); code != http.StatusServiceUnavailable {
		t.Errorf("/healthz answers %d, want 503", code)
	}
	if err := old.ping(); err != nil {
		t.Errorf("a session after SIGTERM: %v", err)
	}
	old.disconnect(t)
	if code := b.exitCode(t); code != 0 {
		t.Errorf("exit code %d, want 0", code)
	}
	if s := b.sessionsEnded(t, 1, `"old"`)[0]; s.Outcome != "client_disconnected" {
		t.Errorf("the outcome is %q", s.Outcome)
	}
}

func TestSIGTERMEndsSessionsAfterTheShutdownTime(t *testing.T) {
	t.Parallel()
	broker := startMosquitto(t, "a")
	b := serve(t, oneBroker+nodes(broker)+"timeouts: {shutdown: 100ms}\n")
	var clients []*wire
	for _, id := range ids("stays", 20) {
		clients = append(clients, join(t, b.addrs["mqtt"], "", 5, id))
	}
	b.signal(t, syscall.SIGTERM)
	for _, c := range clients {
		c.waitClosed(t)
	}
	if code := b.exitCode(t); code != 0 {
		t.Errorf("exit code %d, want 0", code)
	}
	for _, s := range b.sessionsEnded(t, len(clients)) {
		if s.Outcome != "shutdown" {
			t.Errorf("%s: the outcome is %q, want shutdown", s.ClientID, s.Outcome)
		}
	}
}
