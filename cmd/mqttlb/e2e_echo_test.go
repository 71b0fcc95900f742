package main_test

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	v5 "github.com/eclipse/paho.golang/packets"
)

// echoNode is a node that answers a CONNECT of MQTT 5, and then sends back whatever it gets.
type echoNode struct {
	name    string
	ln      net.Listener
	serving sync.WaitGroup

	mu    sync.Mutex // guards conns
	conns map[net.Conn]bool
}

// startEcho starts an echoNode until the test ends; with a configuration it speaks TLS.
func startEcho(t *testing.T, name string, config *tls.Config) *echoNode {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	e := &echoNode{name: name, ln: ln, conns: map[net.Conn]bool{}}
	e.serving.Go(func() { e.accept(config) }) // ends with ln
	t.Cleanup(func() {
		ln.Close()
		e.mu.Lock()
		for conn := range e.conns {
			conn.Close()
		}
		e.mu.Unlock()
		e.serving.Wait()
	})
	return e
}

func (e *echoNode) accept(config *tls.Config) {
	for {
		conn, err := e.ln.Accept()
		if err != nil {
			return
		}
		if config != nil {
			conn = tls.Server(conn, config)
		}
		e.mu.Lock()
		e.conns[conn] = true
		e.mu.Unlock()
		e.serving.Go(func() { // ends with the connection
			e.answer(conn)
			conn.Close()
			e.mu.Lock()
			delete(e.conns, conn)
			e.mu.Unlock()
		})
	}
}

func (e *echoNode) answer(conn net.Conn) {
	in := bufio.NewReaderSize(conn, 1024)
	if _, err := v5.ReadPacket(in); err != nil {
		return // a probe
	}
	if _, err := (&v5.Connack{Properties: &v5.Properties{}}).WriteTo(conn); err == nil {
		io.Copy(struct{ io.Writer }{conn}, struct{ io.Reader }{in}) // not by splice, which takes more descriptors
	}
}

// echoes are the nodes of a pool, as its file has them.
func echoes(nodes ...*echoNode) string {
	var b strings.Builder
	for _, e := range nodes {
		fmt.Fprintf(&b, "      - {name: %s, address: %q}\n", e.name, e.ln.Addr())
	}
	return b.String()
}

// caller is a client of an echo. Each of its messages differs from every other one.
type caller struct {
	*wire
	random *rand.ChaCha8
	sent   [][]byte // and not back yet
}

// newCaller opens a session to an echo over a connection.
func newCaller(w *wire, err error, id string) (*caller, error) {
	if err != nil {
		return nil, err
	}
	if err := w.open(5, id); err != nil {
		return nil, err
	}
	var seed [32]byte
	copy(seed[:], id)
	return &caller{wire: w, random: rand.NewChaCha8(seed)}, nil
}

// say sends a PUBLISH of QoS 0.
func (c *caller) say() error {
	var head [2]byte
	c.random.Read(head[:])
	body := make([]byte, 4+binary.BigEndian.Uint16(head[:])%1500)
	c.random.Read(body)
	copy(body, "\x00\x01t\x00") // a topic and no properties
	c.sent = append(c.sent, append(binary.AppendUvarint([]byte{0x30}, uint64(len(body))), body...))
	c.SetDeadline(time.Now().Add(patience))
	_, err := c.Write(c.sent[len(c.sent)-1])
	return err
}

// hear reads the oldest message that is not back yet.
func (c *caller) hear() error {
	want := c.sent[0]
	got := make([]byte, len(want))
	if n, err := io.ReadFull(c.in, got); err != nil {
		return fmt.Errorf("after %d of the %d bytes of a message: %w", n, len(got), err)
	}
	if !bytes.Equal(got, want) {
		return errors.New("a message has come back as another one")
	}
	c.sent = c.sent[1:]
	return nil
}
