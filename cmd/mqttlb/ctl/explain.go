package ctl

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"mqttlb/cmd/terminal"
)

// notOurs is the error of an answer that is no JSON.
func (c *client) notOurs(status string, body []byte) error {
	text := strings.TrimSpace(string(body))
	switch {
	case strings.Contains(text, "HTTP request to an HTTPS server"):
		return fmt.Errorf("%s has TLS: name it with --address https://%s", c.target, strings.TrimPrefix(c.base, "http://"))
	case strings.HasPrefix(text, "{"):
		return fmt.Errorf("%s: the answer is cut off: %s", c.target, terminal.Printable(terminal.Cut(text, 200)))
	default:
		return fmt.Errorf("%s: the process that answers is no mqttlb that knows this command: %s: %s",
			c.target, terminal.Printable(status), terminal.Printable(terminal.Cut(text, 200)))
	}
}

// explain turns a failed request into an error that says what the operator can do.
func (c *client) explain(err error) error {
	if errors.Is(err, context.Canceled) {
		return errors.New("stopped before the answer came")
	}
	if c.socket != "" {
		return c.explainSocket(err)
	}
	return c.explainServer(err)
}

func (c *client) explainSocket(err error) error {
	const setting = "admin.socket sets the path, and the line \"admin\" of its log has it"
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ECONNREFUSED):
		if stopping := yieldedSockets(c.socket); len(stopping) > 0 {
			return fmt.Errorf("no mqttlb answers at %s; one that stops may answer at %s: name it with --socket", c.target, strings.Join(stopping, ", "))
		}
		return fmt.Errorf("no mqttlb answers at %s: is it running? If so, name its socket with --socket: %s", c.target, setting)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("only the user of the running mqttlb, and root, may use %s", c.target)
	default:
		return c.explainAny(err)
	}
}

// yieldedSockets returns the sockets beside path to which processes that stop have moved,
// so that their successors can have path.
func yieldedSockets(path string) []string {
	sockets, err := filepath.Glob(filepath.Join(filepath.Dir(path), "mqttlb-*.sock"))
	if err != nil {
		return nil // the folder's name is a pattern itself
	}
	return sockets
}

func (c *client) explainServer(err error) error {
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Errorf("nobody listens at %s: is mqttlb running, and is this its admin.address?", c.target)
	case errors.Is(err, http.ErrSchemeMismatch):
		return fmt.Errorf("%s has no TLS: http:// in --address asks it in clear, and so sends the token, too", c.target)
	case errors.As(err, new(x509.UnknownAuthorityError)):
		return fmt.Errorf("%s has a certificate of a CA that is not known here: name the file of the CA with --ca", c.target)
	default:
		return c.explainAny(err)
	}
}

func (c *client) explainAny(err error) error {
	var wrapped *url.Error
	switch {
	case errors.Is(err, context.DeadlineExceeded), os.IsTimeout(err):
		return fmt.Errorf("%s has not answered in time", c.target)
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF), errors.Is(err, syscall.ECONNRESET):
		return fmt.Errorf("%s has closed the connection before the end of its answer", c.target)
	case errors.As(err, &wrapped):
		return fmt.Errorf("%s: %w", c.target, wrapped.Err)
	default:
		return fmt.Errorf("%s: %w", c.target, err)
	}
}
