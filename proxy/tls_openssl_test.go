package proxy

import (
	"bufio"
	"bytes"
	"io"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// A client may ask for new keys at any time (RFC 8446, 4.6.3), and for ours: Go's never does, openssl's does at a
// line that begins with K.
func TestKeyUpdatesPassWhileTheSessionGoesOn(t *testing.T) {
	r := startTLS(t, []string{startNode(t, nil).address()})
	c := startOpenSSL(t, r, "-tls1_3")
	c.say(string(connect311) + "\n") // the node sends back what follows the CONNECT
	c.hears(string(connack311))      // a command is one only at the beginning of what openssl reads at once
	for range 5 {
		c.say("K\n")
		c.hears("KEYUPDATE")
		c.say("sent back\n")
		c.hears("sent back")
	}
	c.say("Q\n")
	r.waitOutcome(ClientClosed, 1)
}

// TLS 1.2's renegotiation is refused with an alert, and the session ends with it (RFC 5246, 7.2.2).
func TestRenegotiationIsRefused(t *testing.T) {
	r := startTLS(t, []string{startNode(t, nil).address()})
	c := startOpenSSL(t, r, "-tls1_2")
	c.say(string(connect311) + "\n")
	c.say("sent back\n")
	c.hears("sent back")
	c.say("R\n")
	c.hears("alert unexpected message")
	r.waitOutcome(ClientReset, 1)
	r.waitLine("outcome=client_reset error=\"TLS: ")
}

// A node may do so too. It gets the answer, and both directions go on.
func TestKeyUpdatesOfANodePassWhileTheSessionGoesOn(t *testing.T) {
	n, c, r := openSSLNode(t, "-tls1_3")
	for range 5 {
		n.say("K\n")
		n.hears("SSL_do_handshake -> 1")
		c.send([]byte("to the node\n"))
		n.hears("to the node")
		n.say("to the client\n")
		c.expect([]byte("to the client\n"))
	}
	n.say("Q\n")
	c.rest()
	_ = c.Close()
	r.waitOutcome(ServerClosed, 1)
}

func TestRenegotiationOfANodeIsRefused(t *testing.T) {
	n, _, r := openSSLNode(t, "-tls1_2")
	n.say("r\n")
	n.hears("no renegotiation")
	r.waitOutcome(ServerReset, 1)
	r.waitLine("outcome=server_reset error=\"node node-a: TLS: ")
}

// openSSLNode is an openssl s_server as a node, and a client on it.
func openSSLNode(t *testing.T, version string) (*openSSL, *client, *rig) {
	t.Helper()
	pair := writePair(t.TempDir(), testCA().issue("node.example"))
	n := runOpenSSL(t, "s_server", "-accept", "127.0.0.1:0", "-naccept", "1", "-cert", pair.Cert, "-key", pair.Key, version)
	_, address, _ := strings.Cut(n.hears("ACCEPT "), "ACCEPT ")
	r := startToTLS(t, []string{address})
	c := r.dial()
	c.send(append(bytes.Clone(connect311), "hello\n"...))
	n.hears("hello")
	n.say(string(connack311) + "\n")
	c.expect(append(bytes.Clone(connack311), '\n'))
	return n, c, r
}

// openSSL is an openssl s_client of a rig, or an s_server.
type openSSL struct {
	t     *testing.T
	stdin io.Writer
	lines chan string
}

// startOpenSSL starts one, whose input is what it sends; a line may be a command.
func startOpenSSL(t *testing.T, r *rig, args ...string) *openSSL {
	t.Helper()
	c := runOpenSSL(t, append([]string{"s_client", "-connect", r.srv.Addr("mqtt").String(), "-noservername"}, args...)...)
	c.hears("Verify return code") // the handshake is over, and its input is read from here on
	return c
}

// runOpenSSL starts openssl with these words.
func runOpenSSL(t *testing.T, args ...string) *openSSL {
	t.Helper()
	path, err := exec.LookPath("openssl")
	if err != nil {
		t.Skip("openssl is not installed")
	}
	cmd := exec.Command(path, args...)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = cmd.Stdout
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	c := &openSSL{t, stdin, make(chan string, 1000)}
	done := make(chan struct{})
	go func() { // ends with the client
		defer close(done)
		defer close(c.lines)
		for scan := bufio.NewScanner(stdout); scan.Scan(); {
			c.lines <- scan.Text()
		}
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-done
		_ = cmd.Wait()
	})
	return c
}

// say gives it a line, or more, at once.
func (c *openSSL) say(text string) {
	c.t.Helper()
	if _, err := io.WriteString(c.stdin, text); err != nil {
		c.t.Fatal(err)
	}
}

// hears waits for a line with text in it, and returns that.
func (c *openSSL) hears(text string) string {
	c.t.Helper()
	var all []string
	for deadline := time.After(patience); ; {
		select {
		case line, ok := <-c.lines:
			if all = append(all, line); strings.Contains(line, text) {
				return line
			}
			if !ok {
				c.t.Fatalf("openssl has ended without %q:\n%s", text, strings.Join(all, "\n"))
			}
		case <-deadline:
			c.t.Fatalf("openssl never said %q:\n%s", text, strings.Join(all, "\n"))
		}
	}
}
