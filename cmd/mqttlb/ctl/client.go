package ctl

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"
)

const (
	// connectTimeout limits the connection to the process, with its TLS handshake.
	connectTimeout = 10 * time.Second
	// answerTimeout limits the wait for an answer. A reload may wait for another reload,
	// and that one for DNS.
	answerTimeout = 2 * time.Minute
	// maxAnswer limits an answer in bytes. 10,000 sessions with identifiers of 4 KB fit.
	maxAnswer = 64 << 20
)

// client sends requests to a running mqttlb.
type client struct {
	base   string // the URL before the path
	target string // for errors: the admin socket /run/mqttlb/mqttlb.sock
	socket string // its path; "": the client is of an admin server
	token  string // "": none
	http   http.Client
}

// socketClient makes a client of the admin socket at path.
func socketClient(path string) *client {
	c := &client{base: "http://mqttlb", target: "the admin socket " + path, socket: path}
	c.use(&http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{Timeout: connectTimeout}).DialContext(ctx, "unix", path)
		},
	})
	return c
}

// serverClient makes a client of the admin server at base.
func serverClient(base *url.URL, token string, config *tls.Config) *client {
	c := &client{base: base.String(), target: "the admin server " + base.String(), token: token}
	c.use(&http.Transport{
		DialContext:         (&net.Dialer{Timeout: connectTimeout}).DialContext,
		TLSClientConfig:     config,
		TLSHandshakeTimeout: connectTimeout,
	})
	return c
}

func (c *client) use(t *http.Transport) {
	t.DisableKeepAlives = true // the server serves few connections at a time
	c.http.Transport = t
	c.http.CheckRedirect = func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse // the token is for this server alone
	}
}

// request is a request to the API.
type request struct {
	method, path string
	query        url.Values
	body         any  // in JSON; nil: none
	slow         bool // the answer may take any time
}

// answer is the answer to a request: JSON.
type answer struct {
	status int
	body   []byte
}

func (a *answer) ok() bool { return a.status/100 == 2 }

// ask sends a request and returns the answer, which may be a refusal.
func (c *client) ask(ctx context.Context, r request) (*answer, error) {
	if !r.slow {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, answerTimeout)
		defer cancel()
	}
	response, err := c.send(ctx, r)
	if err != nil {
		return nil, c.explain(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer+1))
	switch {
	case err != nil:
		return nil, c.explain(err)
	case len(body) > maxAnswer:
		return nil, fmt.Errorf("%s: the answer is longer than %d MiB", c.target, maxAnswer>>20)
	case len(body) == 0 && response.StatusCode/100 == 2:
		body = []byte("{}\n")
	case !json.Valid(body):
		return nil, c.notOurs(response.Status, body)
	}
	return &answer{status: response.StatusCode, body: body}, nil
}

// send sends a request and returns the answer before its body.
func (c *client) send(ctx context.Context, r request) (*http.Response, error) {
	var body io.Reader
	if r.body != nil {
		text, err := json.Marshal(r.body)
		if err != nil {
			return nil, err
		}
		body = bytes.NewReader(text)
	}
	target := c.base + r.path
	if len(r.query) > 0 {
		target += "?" + r.query.Encode()
	}
	request, err := http.NewRequestWithContext(ctx, r.method, target, body)
	if err != nil {
		return nil, err
	}
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	if c.token != "" {
		request.Header.Set("Authorization", "Bearer "+c.token)
	}
	return c.http.Do(request)
}
