package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"syscall"
	"time"

	"mqttlb/config"
	"mqttlb/proxy/admin/api"
	"mqttlb/proxy/reactor"
)

const (
	// yieldTimeout limits the wait for the predecessor's answer.
	yieldTimeout = 5 * time.Second
	// maxYieldAnswer limits the answer, in bytes.
	maxYieldAnswer = 64 << 10
	// freeTimeout limits the wait for an address that a predecessor has given up, or whose
	// predecessor has died.
	freeTimeout = 10 * time.Second
	// freeInterval is how often such an address is tried.
	freeInterval = 50 * time.Millisecond
)

// predecessor is a running mqttlb with the same addresses, which may be stopping. It has an
// admin socket at the path where this process will have one. A nil predecessor is never asked.
type predecessor struct {
	socket config.Address // the zero Address: none
	log    *slog.Logger

	asked bool
	pid   int           // of the process that has answered; 0: not known
	lame  time.Duration // for how long it goes on to accept clients
	err   error         // why it keeps its addresses; nil: it has given them up, or is gone
}

// yieldAnswer is an answer of the predecessor.
type yieldAnswer struct {
	api.Yield
	api.Error
}

// makeWay calls listen. If an address is in use, it asks the predecessor to give it up, and calls
// listen again until the address is free. The waits are bounded, and end with ctx.
func (p *predecessor) makeWay(ctx context.Context, listen func() error) error {
	err := listen()
	if p == nil || !errors.Is(err, syscall.EADDRINUSE) {
		return err
	}
	p.ask(ctx)
	if p.err != nil {
		return fmt.Errorf("%w; %s", err, p.err.Error()) // one error, of one line
	}
	for until := time.Now().Add(p.lame + freeTimeout); time.Now().Before(until); {
		select {
		case <-time.After(freeInterval):
		case <-ctx.Done():
			return err
		}
		if err = listen(); !errors.Is(err, syscall.EADDRINUSE) {
			return err
		}
	}
	return fmt.Errorf("%w; no mqttlb that stops has it", err)
}

// ask asks the predecessor once for its addresses.
func (p *predecessor) ask(ctx context.Context) {
	if p.asked {
		return
	}
	p.asked = true
	path := p.socket.Path
	if path == "" {
		p.err = errors.New("without an admin socket it is not known whether a mqttlb that stops has it")
		return
	}
	ctx, cancel := context.WithTimeout(ctx, yieldTimeout)
	defer cancel()
	status, answer, err := p.post(ctx, path)
	who := "the mqttlb at " + path
	if p.pid > 0 {
		who = fmt.Sprintf("the mqttlb with process ID %d, at %s,", p.pid, path)
	}
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ECONNREFUSED) && p.pid == 0:
		p.err = fmt.Errorf("no mqttlb answers at %s", path)
	case errors.Is(err, context.DeadlineExceeded):
		p.err = fmt.Errorf("%s has not answered within %v whether it gives its addresses up", who, yieldTimeout)
	case errors.Is(err, fs.ErrPermission):
		p.err = fmt.Errorf("%s belongs to another user", who)
	case err != nil, status == http.StatusServiceUnavailable:
		p.log.Warn("the predecessor has ended while it was asked for its addresses", "pid", p.pid, "error", err)
	case status == http.StatusNotFound, status == http.StatusMethodNotAllowed:
		p.err = fmt.Errorf("%s is of a version that does not give its addresses up while it stops (%d)", who, status)
	case status != http.StatusOK:
		p.err = fmt.Errorf("%s keeps its addresses: %s", who, strings.Join(answer.Errors, "; "))
	default:
		p.lame = time.Duration(answer.Accepting * float64(time.Second))
		p.log.Info("the predecessor stops, and has given its admin addresses up", "pid", p.pid, "socket", answer.Socket, "accepting", p.lame)
	}
}

// post sends the request. It sets pid if a process has accepted the connection.
func (p *predecessor) post(ctx context.Context, path string) (status int, answer yieldAnswer, err error) {
	client := http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			c, err := (&net.Dialer{}).DialContext(ctx, "unix", path)
			if err != nil {
				return nil, err
			}
			if u, ok := c.(*net.UnixConn); ok {
				if peer, err := reactor.PeerCredentials(u); err == nil {
					p.pid = int(peer.PID)
				}
			}
			return c, nil
		},
	}}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://mqttlb/api/v1/yield", http.NoBody)
	if err != nil {
		return 0, answer, err
	}
	response, err := client.Do(request)
	if err != nil {
		return 0, answer, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxYieldAnswer))
	if err != nil {
		return 0, answer, err
	}
	if json.Unmarshal(body, &answer) != nil {
		answer.Errors = []string{fmt.Sprintf("%s: %.200s", response.Status, strings.TrimSpace(string(body)))}
	}
	return response.StatusCode, answer, nil
}
