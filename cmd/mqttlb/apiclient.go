package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
	"time"
)

const (
	// answerTimeout limits the wait for the running mqttlb. Its reload may wait for another
	// reload, and that one for DNS.
	answerTimeout = 2 * time.Minute
	// maxAnswer limits an answer in bytes. A whole configuration fits twice.
	maxAnswer = 8 << 20
)

// apiClient sends requests to the running mqttlb over its admin socket.
type apiClient struct {
	path string // of the socket
	http http.Client
}

// newAPIClient makes a client of the socket at path. If path is empty, it looks for the
// socket in the default places.
func newAPIClient(path string) *apiClient {
	if path == "" {
		path = findSocket()
	}
	c := &apiClient{path: path}
	c.http.Timeout = answerTimeout
	c.http.Transport = &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", path)
		},
	}
	return c
}

// findSocket returns the first default path at which there is a socket, or else the
// first default path.
func findSocket() string {
	paths := socketPaths()
	for _, path := range paths {
		if info, err := os.Stat(path); err == nil && info.Mode().Type() == fs.ModeSocket {
			return path
		}
	}
	return paths[0]
}

// ask sends a request and returns the body of the answer. ok reports whether the status
// is 200.
func (c *apiClient) ask(ctx context.Context, method, path string, body any) (answer []byte, ok bool, err error) {
	text, err := json.Marshal(body)
	if err != nil {
		return nil, false, err
	}
	request, err := http.NewRequestWithContext(ctx, method, "http://mqttlb"+path, bytes.NewReader(text))
	if err != nil {
		return nil, false, err
	}
	response, err := c.http.Do(request)
	if err != nil {
		return nil, false, c.explain(err)
	}
	defer response.Body.Close()
	answer, err = io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return nil, false, c.explain(err)
	}
	if !json.Valid(answer) {
		return nil, false, fmt.Errorf("%s: the process that answers is no mqttlb that knows this command: %s: %.200s", c.path, response.Status, strings.TrimSpace(string(answer)))
	}
	return answer, response.StatusCode == http.StatusOK, nil
}

// explain turns a failed request into an error that says what the operator can do.
func (c *apiClient) explain(err error) error {
	const setting = "name its socket with --socket; admin.socket sets the path, and the line \"admin\" of its log has it"
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Errorf("no mqttlb answers at the admin socket %s: is it running? If so, %s", c.path, setting)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("only the user of the running mqttlb, and root, may use the admin socket %s", c.path)
	case errors.Is(err, context.DeadlineExceeded), os.IsTimeout(err):
		return fmt.Errorf("the mqttlb at the admin socket %s has not answered within %s", c.path, answerTimeout)
	default:
		return fmt.Errorf("the admin socket %s: %w", c.path, err)
	}
}
