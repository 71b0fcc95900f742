package tlsterm

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// NodeOptions say how TLS is spoken to the nodes of a pool. They are plain data.
type NodeOptions struct {
	// Hosts are the hosts of the nodes, by the name of the node: what each gets as SNI and what its certificate must
	// name. An IP address is not sent (RFC 6066, 3).
	Hosts map[string]string

	CA          string          // file of the CAs of the nodes' certificates, PEM; "": the system's
	Certificate CertificateFile // that nodes are shown when they ask for one; no Cert: none
	Insecure    bool            // whoever answers is taken for the node; CA says nothing then

	Now    func() time.Time // the clock for validity; nil is time.Now
	Logger *slog.Logger     // for Run; nil is silence
}

// Originator speaks TLS to the nodes of a pool and keeps its files fresh. Its methods may be called from any goroutine.
type Originator struct {
	options NodeOptions
	sources sources

	current  atomic.Pointer[origination]
	changing sync.Mutex // as a Terminator's
}

// origination is everything that one look at the files has given. It is immutable.
type origination struct {
	configs  map[string]*tls.Config // by the name of the node
	files    string                 // their fingerprint, taken before they were read
	material material
}

// NewOriginator reads the files of o. Everything must be right the first time; the error has all that is not.
func NewOriginator(o NodeOptions) (*Originator, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	t := &Originator{options: o, sources: sources{ca: o.CA, caKind: KindCA}}
	if o.Certificate.Cert != "" {
		t.sources.certificates = []CertificateFile{o.Certificate}
	}
	if err := t.change(&origination{}); err != nil {
		return nil, err
	}
	return t, nil
}

// Connect performs a client's handshake with the node of a name on conn in the calling goroutine. It is over by
// ctx's deadline at the latest, and at once when ctx is done; the deadlines of conn are its to set until it returns, and
// none is set then. After an error conn is the caller's to close, as it is without one.
func (t *Originator) Connect(ctx context.Context, conn net.Conn, node string) (*Session, error) {
	config := t.current.Load().configs[node]
	if config == nil {
		return nil, fmt.Errorf("node %q is not in Hosts", node)
	}
	s := &Session{wire: wire{raw: conn, budget: maxHandshake}, node: true}
	s.conn = tls.Client(&s.wire, config)
	if err := s.shake(ctx); err != nil {
		return nil, err
	}
	return s, nil
}

// NodeError says why a handshake with a node failed, an error of Connect, for people.
type NodeError struct{ Err error }

func (e *NodeError) Error() string {
	unverified, isUnverified := errors.AsType[*tls.CertificateVerificationError](e.Err)
	switch reason := reasonOf(e.Err); {
	case reason == ClientGone:
		return "TLS: the node closed the connection during the handshake"
	case reason == NotTLS:
		return "TLS: the node speaks something else"
	case isUnverified:
		return "TLS: " + strings.TrimPrefix(unverified.Err.Error(), "x509: ") // the words of package health
	}
	return "TLS: " + e.Err.Error()
}

func (e *NodeError) Unwrap() error { return e.Err }

// IsRefusal reports whether err, of the first Read of a Session with a node, is an alert that refuses our certificate or
// its lack: in TLS 1.3 it comes when our handshake is over, and of what was sent since nothing was taken.
func IsRefusal(err error) bool {
	remote, ok := errors.AsType[*net.OpError](err)
	return ok && remote.Op == "remote error" && isOneOf(remote.Err, lateRefusals)
}

// lateRefusals are the alerts of IsRefusal (RFC 8446, 6.2): handshake_failure, those about certificates, unknown_ca,
// access_denied, decrypt_error, certificate_required.
var lateRefusals = []tls.AlertError{40, 42, 43, 44, 45, 46, 48, 49, 51, 116}

// Reload reads all files again. What is good is in force for the next connection; of a file that is not, the last good
// content stays so, and the error names the file. Established sessions keep what they have; none is resumed, so that
// the new CAs see every node.
func (t *Originator) Reload() error {
	t.changing.Lock()
	defer t.changing.Unlock()
	return t.change(t.current.Load())
}

// Run looks at the files every few seconds and reloads them when they have changed. It returns when ctx ends.
func (t *Originator) Run(ctx context.Context) {
	w := watcher{sources: &t.sources, log: t.options.Logger}
	poll(ctx, func() { w.look(t.current.Load().files, t.Reload) })
}

// Status describes every file: the certificate, then the CA.
func (t *Originator) Status() []CertificateStatus {
	return t.current.Load().material.status(&t.sources)
}

// Warnings are as a Terminator's.
func (t *Originator) Warnings() []string {
	return t.current.Load().material.warnings(&t.sources, t.options.Now())
}

// change makes the next origination from the last one. The caller holds t.changing, or is NewOriginator.
func (t *Originator) change(last *origination) error {
	next := &origination{
		configs: make(map[string]*tls.Config), files: t.sources.fingerprint(), material: last.material.read(&t.sources, t.options.Now()),
	}
	err := next.material.err()
	if err != nil && last.configs == nil {
		return err
	}
	for node, host := range t.options.Hosts {
		next.configs[node] = t.options.config(host, &next.material)
	}
	t.current.Store(next)
	return err
}

// config is that for the connections to one node, which share its latest ticket.
func (o *NodeOptions) config(host string, m *material) *tls.Config {
	config := &tls.Config{
		Time:               o.Now,
		ServerName:         host,
		MinVersion:         tls.VersionTLS12,
		InsecureSkipVerify: o.Insecure, //nolint:gosec // verify: false is the operator's word
		ClientSessionCache: tls.NewLRUClientSessionCache(1),
	}
	if o.CA != "" {
		config.RootCAs = poolOf(m.authorities.value.certs)
	}
	if len(m.certificates) > 0 {
		config.Certificates = []tls.Certificate{*m.certificates[0].value}
	}
	return config
}
