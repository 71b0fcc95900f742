//go:build linux

package main

import (
	"encoding/pem"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestPubOverWebSocket(t *testing.T) {
	status, stdout, stderr := mqttbench(t, "pub", "--ws", "-h", "127.0.0.1", "-p", serveAt(t, "ws://127.0.0.1:0"), "-c", "5", "-i", "0",
		"-t", "bench/%i", "-q", "1", "-I", "0", "-L", "100")
	if status != 0 || !strings.Contains(stdout, "published 100, acknowledged 100") {
		t.Errorf("status %d: %s %s", status, stdout, stderr)
	}
}

// The HTTPS server knows no path: its answer shows how far the client got, and with which
// name.
func TestFlagsOfTLSAndWebSocketReachTheServer(t *testing.T) {
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/ws" && r.Header.Get("Upgrade") == "websocket" && r.TLS.ServerName == "example.com" {
			w.WriteHeader(http.StatusTeapot)
			return
		}
		w.WriteHeader(http.StatusNotFound)
	}))
	s.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError) // it logs errors that the test provokes
	s.StartTLS()
	defer s.Close()
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	_, port, _ := strings.Cut(s.Listener.Addr().String(), ":")
	for _, c := range []struct{ args, want string }{
		{"--ssl --ws", "404 Not Found"},
		{"-S --ws --ws-path /ws --sni example.com", "418 I'm a teapot"},
		{"-S --ws --ws-path /ws --sni example.com --cacertfile " + ca, "418 I'm a teapot"},
		{"-S --ws --cacertfile " + ca, "404 Not Found"}, // the certificate has 127.0.0.1
		{"-S --ws --sni elsewhere.example --cacertfile " + ca, "not elsewhere.example"},
		{"--ws", "400 Bad Request"}, // HTTP to an HTTPS server
	} {
		args := append([]string{"conn", "-h", "127.0.0.1", "-p", port, "-c", "1", "-i", "0"}, strings.Fields(c.args)...)
		status, stdout, stderr := mqttbench(t, args...)
		if status != 1 || !strings.Contains(stdout, c.want) {
			t.Errorf("%s: status %d, %s %s; want %s", c.args, status, stdout, stderr, c.want)
		}
	}
}
