package main_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

// stream reads and writes a WebSocket as a stream of bytes, without regard to frames.
type stream struct {
	*websocket.Conn
	message io.Reader // the rest of the message that is being read
}

func (s *stream) Read(b []byte) (int, error) {
	for {
		if s.message == nil {
			_, r, err := s.NextReader()
			if err != nil {
				return 0, err
			}
			s.message = r
		}
		n, err := s.message.Read(b)
		if err == io.EOF {
			s.message = nil
			if n == 0 {
				continue
			}
			err = nil
		}
		return n, err
	}
}

func (s *stream) Write(b []byte) (int, error) {
	if err := s.WriteMessage(websocket.BinaryMessage, b); err != nil {
		return 0, err
	}
	return len(b), nil
}

func (s *stream) SetDeadline(at time.Time) error {
	s.SetReadDeadline(at)
	return s.SetWriteDeadline(at)
}

// tryDialWS is tryDialWire over WebSocket, at the path /mqtt.
func tryDialWS(addr, from string) (*wire, error) {
	return tryDialURL("ws://"+addr+"/mqtt", from)
}

func tryDialURL(url, from string) (*wire, error) {
	d := websocket.Dialer{
		NetDialContext:   dialer(from).DialContext,
		HandshakeTimeout: patience,
		Subprotocols:     []string{"mqtt"},
	}
	conn, resp, err := d.Dial(url, nil)
	if err != nil {
		if resp != nil {
			defer resp.Body.Close()
			said, _ := io.ReadAll(resp.Body) // gorilla returns only the beginning of the body
			err = fmt.Errorf("%w: %s: %q", err, resp.Status, said)
		}
		return nil, err
	}
	if resp.StatusCode != http.StatusSwitchingProtocols || conn.Subprotocol() != "mqtt" {
		conn.Close()
		return nil, fmt.Errorf("%s, subprotocol %q", resp.Status, conn.Subprotocol())
	}
	s := &stream{Conn: conn}
	s.SetDeadline(time.Now().Add(patience))
	return &wire{Conn: s, in: bufio.NewReaderSize(s, 256)}, nil
}

// joinWS opens a session over WebSocket that a node accepts.
func joinWS(t *testing.T, addr, from string, version byte, clientID string) *wire {
	t.Helper()
	w, err := tryJoinWS(addr, from, version, clientID)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Close() })
	return w
}

func tryJoinWS(addr, from string, version byte, clientID string) (*wire, error) {
	w, err := tryDialWS(addr, from)
	if err != nil {
		return nil, err
	}
	if err := w.open(version, clientID); err != nil {
		return nil, err
	}
	return w, nil
}

// forEach calls do for each client, many at a time: Mosquitto 2.0 serves its WebSockets
// only every 100 ms.
func forEach(t *testing.T, clients []string, do func(i int, id string) error) {
	t.Helper()
	const workers = 25
	errs := make([]error, workers)
	var wg sync.WaitGroup
	for worker := range workers {
		wg.Go(func() {
			for i := worker; i < len(clients) && errs[worker] == nil; i += workers {
				errs[worker] = do(i, clients[i])
			}
		})
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}
