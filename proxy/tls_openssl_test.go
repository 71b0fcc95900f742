package proxy

import (
	"bytes"
	"strings"
	"testing"

	"mqttlb/proxy/outcome"
	"mqttlb/proxy/proxytest"
)

// A client may ask for new keys, its own and ours, at any time (RFC 8446, 4.6.3). Go's client never
// does. openssl's does at a line that begins with K.
func TestKeyUpdatesPassWhileTheSessionGoesOn(t *testing.T) {
	r := startTLS(t, []string{startNode(t, nil).address()})
	c := startOpenSSL(t, r, "-tls1_3")
	c.Say(string(connect311))   // the node echoes the bytes after the CONNECT
	c.Hears(string(connack311)) // openssl finds a command only at the beginning of a read
	for range 5 {
		c.Say("K")
		c.Hears("KEYUPDATE")
		c.Say("sent back")
		c.Hears("sent back")
	}
	c.Say("Q")
	r.waitOutcome(outcome.ClientClosed, 1)
}

// A renegotiation in TLS 1.2 is refused with an alert, which ends the session (RFC 5246, 7.2.2).
func TestRenegotiationIsRefused(t *testing.T) {
	r := startTLS(t, []string{startNode(t, nil).address()})
	c := startOpenSSL(t, r, "-tls1_2")
	c.Say(string(connect311))
	c.Say("sent back")
	c.Hears("sent back")
	c.Say("R")
	c.Hears("alert unexpected message")
	r.waitOutcome(outcome.ClientReset, 1)
	r.waitLine("outcome=client_reset error=\"TLS: ")
}

// A node may ask for new keys, too. It gets the answer, and both directions continue.
func TestKeyUpdatesOfANodePassWhileTheSessionGoesOn(t *testing.T) {
	n, c, r := openSSLNode(t, "-tls1_3")
	for range 5 {
		n.Say("K")
		n.Hears("SSL_do_handshake -> 1")
		c.send([]byte("to the node\n"))
		n.Hears("to the node")
		n.Say("to the client")
		c.expect([]byte("to the client\n"))
	}
	n.Say("Q")
	c.rest()
	_ = c.Close()
	r.waitOutcome(outcome.ServerClosed, 1)
}

func TestRenegotiationOfANodeIsRefused(t *testing.T) {
	n, _, r := openSSLNode(t, "-tls1_2")
	n.Say("r")
	n.Hears("no renegotiation")
	r.waitOutcome(outcome.ServerReset, 1)
	r.waitLine("outcome=server_reset error=\"node node-a: TLS: ")
}

// openSSLNode starts an openssl s_server as a node, and a client on it.
func openSSLNode(t *testing.T, version string) (*proxytest.OpenSSL, *client, *rig) {
	t.Helper()
	pair := testCA().Issue("node.example").File(t)
	n := proxytest.StartOpenSSL(t, "s_server", "-accept", "127.0.0.1:0", "-naccept", "1", "-cert", pair, version)
	_, address, _ := strings.Cut(n.Hears("ACCEPT "), "ACCEPT ")
	r := startToTLS(t, []string{address})
	c := r.dial()
	c.send(append(bytes.Clone(connect311), "hello\n"...))
	n.Hears("hello")
	n.Say(string(connack311))
	c.expect(append(bytes.Clone(connack311), '\n'))
	return n, c, r
}

// startOpenSSL starts an openssl s_client. It sends its input, in which a line may be a command.
func startOpenSSL(t *testing.T, r *rig, args ...string) *proxytest.OpenSSL {
	t.Helper()
	c := proxytest.StartOpenSSL(t, append([]string{"s_client", "-connect", r.srv.Addr("mqtt").String(), "-noservername"}, args...)...)
	c.Hears("Verify return code") // the handshake is over, and openssl reads its input from now on
	return c
}
