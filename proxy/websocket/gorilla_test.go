package websocket

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

// patience is the time limit for events that must happen, on the busiest machine.
const patience = 30 * time.Second

// sizes are payload lengths at which the encoding or the masking changes.
var sizes = []int{0, 1, 2, 3, 4, 7, 8, 31, 32, 33, 125, 126, 127, 4095, 4096, 65535, 65536, 70000}

// randomMessage returns a message of one of sizes or of any length up to 70,000.
func randomMessage(random *rand.Rand) []byte {
	n := random.IntN(70001)
	if random.IntN(2) == 0 {
		n = sizes[random.IntN(len(sizes))]
	}
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(random.Uint32())
	}
	return b
}

// A tap records the bytes that its side reads and writes. Read it when both sides have
// ended.
type tap struct {
	net.Conn
	wrote, read bytes.Buffer
}

func (c *tap) Write(b []byte) (int, error) {
	n, err := c.Conn.Write(b)
	c.wrote.Write(b[:n])
	return n, err
}

func (c *tap) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.read.Write(b[:n])
	return n, err
}

// upgraded returns both ends of a connection made by gorilla/websocket. tapped is below
// the client's end.
func upgraded(t *testing.T, bufferSize int) (client, server *websocket.Conn, tapped *tap) {
	t.Helper()
	accepted := make(chan *websocket.Conn, 1)
	upgrader := websocket.Upgrader{WriteBufferSize: bufferSize}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if c, err := upgrader.Upgrade(w, r, nil); err == nil {
			accepted <- c
		}
	}))
	t.Cleanup(s.Close)
	dialer := websocket.Dialer{WriteBufferSize: bufferSize, NetDial: func(network, address string) (net.Conn, error) {
		c, err := net.Dial(network, address)
		tapped = &tap{Conn: c}
		return tapped, err
	}}
	client, response, err := dialer.Dial("ws"+strings.TrimPrefix(s.URL, "http"), nil)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	server = <-accepted
	for _, c := range []*websocket.Conn{client, server} {
		t.Cleanup(func() { c.Close() })
		c.NetConn().SetDeadline(time.Now().Add(patience))
	}
	return client, server, tapped
}

// writeMessage makes gorilla write message in fragments of its buffer's size, with some
// pings between them. It returns the pings.
func writeMessage(c *websocket.Conn, random *rand.Rand, message []byte) (pings []string, err error) {
	w, err := c.NextWriter(websocket.BinaryMessage)
	for err == nil && len(message) > 0 {
		n := min(len(message), 1+random.IntN(20000))
		if _, err = w.Write(message[:n]); err == nil && random.IntN(4) == 0 {
			ping := fmt.Sprintf("ping %d", random.Uint32())
			pings = append(pings, ping)
			err = c.WriteControl(websocket.PingMessage, []byte(ping), time.Now().Add(patience))
		}
		message = message[n:]
	}
	if err == nil {
		err = w.Close()
	}
	return pings, err
}

// echo sends every message back until the client closes, and returns the pings that it sent.
func echo(server *websocket.Conn, random *rand.Rand, pings chan<- []string) {
	var sent []string
	for {
		_, message, err := server.ReadMessage()
		if err != nil {
			pings <- sent
			return
		}
		more, _ := writeMessage(server, random, message)
		sent = append(sent, more...)
	}
}

func TestReaderReadsWhatGorillaWrites(t *testing.T) {
	for seed := range uint64(8) {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 1))
			client, server, tapped := upgraded(t, []int{16, 125, 126, 1000, 4096, 65536, 100000}[random.IntN(7)])
			echoed := make(chan []string, 1)
			go echo(server, rand.New(rand.NewPCG(seed, 2)), echoed) // ends with the client's close frame

			var messages []byte
			var pings []string
			for range 20 {
				message := randomMessage(random)
				messages = append(messages, message...)
				sent, err := writeMessage(client, random, message)
				if err != nil {
					t.Fatal(err)
				}
				pings = append(pings, sent...)
				if _, back, err := client.ReadMessage(); err != nil || !bytes.Equal(back, message) {
					t.Fatalf("%d bytes came back of %d: %v", len(back), len(message), err)
				}
			}
			if err := client.WriteMessage(websocket.CloseMessage, websocket.FormatCloseMessage(1001, "bye")); err != nil {
				t.Fatal(err)
			}
			var closed *websocket.CloseError
			if _, _, err := client.ReadMessage(); !errors.As(err, &closed) || closed.Code != 1001 {
				t.Fatal(err)
			}

			checkStream(t, random, true, tapped.wrote.Bytes(), messages, pings, "\x03\xE9bye")
			checkStream(t, random, false, tapped.read.Bytes(), messages, <-echoed, "\x03\xE9")
		})
	}
}

// checkStream reads the bytes of one side, beginning with the upgrade, at random cuts.
func checkStream(t *testing.T, random *rand.Rand, fromClient bool, stream, messages []byte, pings []string, closing string) {
	t.Helper()
	_, frames, _ := bytes.Cut(stream, []byte("\r\n\r\n"))
	for range 5 {
		got := follow(t, fromClient, randomCuts(random, frames)...)
		if got.err != nil || got.raw != len(frames) || !bytes.Equal(got.data, messages) {
			t.Fatalf("%d bytes of frames with %d of messages, read as %v", len(frames), len(messages), got)
		}
		var pinged []string
		for _, c := range got.controls {
			if c.opcode == Ping {
				pinged = append(pinged, c.payload)
			}
		}
		if !slices.Equal(pinged, pings) {
			t.Fatalf("pings %q, want %q", pinged, pings)
		}
		if last := got.controls[len(got.controls)-1]; last != (control{Close, closing, len(messages)}) {
			t.Fatalf("it ends with %+v, want a close frame of %q", last, closing)
		}
	}
}

// fragments encodes message in frames of random lengths with some control frames between
// them. The API only writes whole messages, so fragments clears FIN itself.
func fragments(random *rand.Rand, fromClient bool, message []byte) (b []byte) {
	for first := true; ; first = false {
		n := len(message)
		if random.IntN(3) > 0 {
			n = random.IntN(n + 1)
		}
		op, begin := Binary, len(b)
		if !first {
			op = Continuation
		}
		b = appendFrame(b, random, fromClient, op, message[:n])
		message = message[n:]
		if len(message) == 0 {
			return b
		}
		b[begin] &^= fin
		if random.IntN(4) == 0 {
			b = appendFrame(b, random, fromClient, []Opcode{Ping, Pong}[random.IntN(2)], numbered(random.IntN(126)))
		}
	}
}

func appendFrame(b []byte, random *rand.Rand, fromClient bool, op Opcode, payload []byte) []byte {
	if !fromClient {
		return append(AppendHeader(b, op, len(payload)), payload...)
	}
	var key [4]byte
	for i := range key {
		key[i] = byte(random.Uint32())
	}
	b = AppendMaskedHeader(b, op, len(payload), key)
	begin := len(b)
	b = append(b, payload...)
	for at := begin; at < len(b); { // mask in parts, as an event loop does
		n := min(len(b)-at, 1+random.IntN(5000))
		Mask(b[at:at+n], key, at-begin)
		at += n
	}
	return b
}

func TestGorillaReadsWhatWeWrite(t *testing.T) {
	for seed := range uint64(8) {
		for side, fromClient := range sides {
			t.Run(fmt.Sprintf("%s/seed %d", side, seed), func(t *testing.T) {
				random := rand.New(rand.NewPCG(seed, 3))
				reader, writer, _ := upgraded(t, 4096)
				if fromClient {
					reader, writer = writer, reader
				}
				var stream []byte
				var messages [][]byte
				for range 20 {
					message := randomMessage(random)
					messages = append(messages, message)
					stream = append(stream, fragments(random, fromClient, message)...)
				}
				if fromClient {
					stream = appendFrame(stream, random, true, Close, []byte("\x03\xF5see you"))
				} else {
					stream = AppendClose(stream, TryAgainLater, "see you")
				}
				wrote := make(chan error, 1)
				go writeAll(writer.NetConn(), stream, wrote) // ends when all is written or the connection is closed

				for i, want := range messages {
					if kind, got, err := reader.ReadMessage(); err != nil || kind != websocket.BinaryMessage || !bytes.Equal(got, want) {
						t.Fatalf("message %d of %d bytes: %d bytes of kind %d, %v", i, len(want), len(got), kind, err)
					}
				}
				var closed *websocket.CloseError
				if _, _, err := reader.ReadMessage(); !errors.As(err, &closed) || closed.Code != 1013 || closed.Text != "see you" {
					t.Errorf("it ends with %v", err)
				}
				if err := <-wrote; err != nil {
					t.Error(err)
				}
			})
		}
	}
}

func writeAll(c net.Conn, b []byte, done chan<- error) {
	_, err := c.Write(b)
	done <- err
}
