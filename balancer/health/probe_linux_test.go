package health

import (
	"context"
	"crypto/tls"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"mqttlb/balancer"
	"mqttlb/proxy/proxytest"
)

// A listener whose queue is full does not answer a SYN, like a dead machine.
func TestProbeOfASilentMachineEndsWithItsTimeout(t *testing.T) {
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(fd)
	if err := syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Listen(fd, 0); err != nil {
		t.Fatal(err)
	}
	name, err := syscall.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	addr := &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: name.(*syscall.SockaddrInet4).Port}
	n := newPool(t, addr.String()).Nodes()[0]

	// A queue of zero holds one connection, which nobody accepts.
	queued, err := net.DialTCP("tcp", nil, addr)
	if err != nil {
		t.Fatal(err)
	}
	defer queued.Close()

	for _, probe := range []Probe{TCP, MQTT} {
		r := newProber(Check{Probe: probe, Timeout: 50 * time.Millisecond}).probe(t.Context(), n)
		if r.err == nil || !strings.Contains(r.err.Error(), "within timeout 50ms") {
			t.Errorf("%v: %v", probe, r.err)
		}
	}
}

// A node that rejects our certificate sends an alert and closes. Bytes that arrive after
// that cause a reset, and our writes fail. The alert must still be the reason.
func TestAlertBeforeAResetIsTheReason(t *testing.T) {
	ca := proxytest.NewCA("a CA")
	for _, probe := range []Probe{TCP, MQTT, HTTP} {
		closed := make(chan struct{})
		n := broker(t, "127.0.0.1:0", func(conn *net.TCPConn) {
			defer close(closed)
			secured := tls.Server(conn, &tls.Config{
				Certificates: []tls.Certificate{ca.Issue("node.test").TLS}, ClientAuth: tls.RequireAnyClientCert,
			})
			if secured.Handshake() == nil {
				t.Error("it took a client without a certificate")
			}
			conn.SetLinger(0)
			conn.Close()
		})
		secure := secureWith(ca.Trust("node.test"))
		p := newProber(Check{Probe: probe, Path: "/", Secure: func(ctx context.Context, conn net.Conn, n *balancer.Node) (net.Conn, error) {
			secured, err := secure(ctx, conn, n)
			<-closed
			return secured, err
		}})
		if r := p.probe(t.Context(), n); r.err == nil || !strings.Contains(r.err.Error(), "tls: certificate required") {
			t.Errorf("%v: %v", probe, r.err)
		}
	}
}
