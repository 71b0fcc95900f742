package main_test

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"mqttlb/proxy/proxytest"
)

// startHAProxy runs an HAProxy and returns its address. It passes connections on to
// addr behind a PROXY header, "send-proxy" or "send-proxy-v2".
func startHAProxy(t *testing.T, sendProxy, addr string) string {
	t.Helper()
	return startHAProxyWith(t, "", addr+" "+sendProxy)
}

// startHAProxyWith is startHAProxy with settings of its bind and server lines, and further lines.
func startHAProxyWith(t *testing.T, bind, server string, lines ...string) string {
	t.Helper()
	program := proxytest.Program(t, "/usr/sbin/haproxy")
	in := proxytest.FreeAddr(t, "127.0.0.1")
	config := `
global
    maxconn 100
defaults
    mode tcp
    timeout connect 5s
    timeout client 60s
    timeout server 60s
listen mqtt
    bind ` + in + " " + bind + `
    ` + strings.Join(lines, "\n    ") + `
    server mqttlb ` + server + "\n"
	file := filepath.Join(t.TempDir(), "haproxy.cfg")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	start(t, "haproxy", exec.Command(program, "-db", "-f", file))
	eventually(t, "HAProxy listens", func() bool {
		conn, err := net.Dial("tcp", in)
		if err != nil {
			return false
		}
		conn.Close()
		return true
	})
	return in
}
