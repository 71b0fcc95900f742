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

// NodeOptions configure TLS to the nodes of a pool. They are plain data.
type NodeOptions struct {
	// Hosts are the hosts of the nodes, by node name. A host is sent as SNI, and the node's certificate must be
	// valid for it. An IP address is not sent (RFC 6066, 3).
	Hosts map[string]string

	CA          string          // PEM file of the CAs of the nodes' certificates; "": the system's CAs
	Certificate CertificateFile // client certificate for nodes that ask for one; an empty Cert means none
	Verify      Verification    // what is checked of the nodes' certificates

	// As in Options. Without Ciphers those of crypto/tls are offered: the six, and the same with CBC.
	MinVersion, MaxVersion string
	Ciphers, Curves        []string

	Now    func() time.Time // the clock for validity; nil is time.Now
	Logger *slog.Logger     // for Run and Reload; nil discards
}

// Originator makes TLS connections to the nodes of a pool and reloads its files when they change. Its methods may be
// called from any goroutine.
type Originator struct {
	options  NodeOptions
	settings settings
	sources  sources

	current  atomic.Pointer[nodeGeneration]
	changing sync.Mutex // as in Terminator
}

// nodeGeneration is the result of reading all files once. It is immutable.
type nodeGeneration struct {
	configs  map[string]*tls.Config // by node name
	files    string                 // fingerprint of the files, taken before they were read
	material material
}

// NewOriginator reads the files of o. Every file must be valid; the error names every fault.
func NewOriginator(o NodeOptions) (*Originator, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	t := &Originator{options: o, sources: sources{toNodes: true, ca: o.CA, caKind: KindCA}}
	if o.Certificate.Cert != "" {
		t.sources.certificates = []CertificateFile{o.Certificate}
	}
	var err error
	if t.settings, err = chosen(o.MinVersion, o.MaxVersion, o.Ciphers, o.Curves); err != nil {
		return nil, err
	}
	if len(o.Ciphers) == 0 {
		t.settings.ciphers = nil
	}
	if err := t.change(&nodeGeneration{}); err != nil {
		return nil, err
	}
	return t, nil
}

// Connect makes the handshake with the named node as a client on conn, in the calling goroutine. It returns by ctx's
// deadline, and at once when ctx is done. Until it returns it owns the deadlines of conn; afterwards none is set. The
// caller closes conn, with or without an error.
func (t *Originator) Connect(ctx context.Context, conn net.Conn, node string) (*Session, error) {
	config := t.current.Load().configs[node]
	if config == nil {
		return nil, fmt.Errorf("node %q is not in Hosts", node)
	}
	s := &Session{wire: wire{raw: conn, budget: maxHandshake}, node: true}
	s.conn = tls.Client(&s.wire, config)
	if err := s.handshake(ctx); err != nil {
		return nil, explainNodeName(err)
	}
	return s, nil
}

// NodeError is an error of Connect. It says, for people, why a handshake with a node
// failed.
type NodeError struct{ Err error }

func (e *NodeError) Error() string {
	unverified, isUnverified := errors.AsType[*tls.CertificateVerificationError](e.Err)
	switch reason := reasonOf(e.Err); {
	case reason == ClientGone:
		return "TLS: the node closed the connection during the handshake"
	case reason == NotTLS:
		return "TLS: the node speaks something else"
	case isRemote(e.Err, handshakeFailure):
		return "TLS: " + e.Err.Error() + ": the node may want another suite or curve (pools[].tls.ciphers, curves) or a certificate"
	case isRemote(e.Err, protocolVersion):
		return "TLS: " + e.Err.Error() + ": see pools[].tls.min_version and max_version"
	case isUnverified:
		return "TLS: " + strings.TrimPrefix(unverified.Err.Error(), "x509: ") // as package health says it
	}
	return "TLS: " + e.Err.Error()
}

// The alerts of a node that speaks TLS otherwise (RFC 8446, 6.2).
const handshakeFailure, protocolVersion tls.AlertError = 40, 70

// isRemote reports whether err is this alert from the node.
func isRemote(err error, alert tls.AlertError) bool {
	remote, ok := errors.AsType[*net.OpError](err)
	return ok && remote.Op == "remote error" && isOneOf(remote.Err, []tls.AlertError{alert})
}

func (e *NodeError) Unwrap() error { return e.Err }

// IsRefusal reports whether err is an alert that rejects our certificate, or the lack of one. err is the error of the
// first Read of a Session with a node. In TLS 1.3 this alert arrives when our handshake is over; the node has then
// accepted none of the bytes sent since.
func IsRefusal(err error) bool {
	remote, ok := errors.AsType[*net.OpError](err)
	return ok && remote.Op == "remote error" && isOneOf(remote.Err, lateRefusals)
}

// lateRefusals are the alerts of IsRefusal (RFC 8446, 6.2): handshake_failure, those about certificates, unknown_ca,
// access_denied, decrypt_error, certificate_required.
var lateRefusals = []tls.AlertError{40, 42, 43, 44, 45, 46, 48, 49, 51, 116}

// Reload reads all files again. The next connection uses the content of every valid file. For an invalid file the last
// good content stays in force, and the error names the file. Established sessions do not change. No session is
// resumed, so that every node is verified by the new CAs.
func (t *Originator) Reload() error {
	t.changing.Lock()
	defer t.changing.Unlock()
	return t.change(t.current.Load())
}

// Run polls the files every few seconds and reloads them when they have changed. It returns when ctx is done.
func (t *Originator) Run(ctx context.Context) {
	w := watcher{sources: &t.sources, log: t.options.Logger, warnings: t.Warnings}
	poll(ctx, func() { w.look(t.current.Load().files, t.Reload) })
}

// Status describes every file: the certificate, then the CA.
func (t *Originator) Status() []CertificateStatus {
	return t.current.Load().material.status(&t.sources)
}

// Warnings is like Terminator.Warnings.
func (t *Originator) Warnings() []*FileError {
	return t.current.Load().material.warnings(&t.sources, t.options.Now())
}

// change makes the next origination from the last one. Only NewOriginator and holders of t.changing call
// it.
func (t *Originator) change(last *nodeGeneration) error {
	next := &nodeGeneration{
		configs: make(map[string]*tls.Config), files: t.sources.fingerprint(), material: last.material.read(&t.sources, t.options.Now()),
	}
	err := next.material.err()
	if err != nil && last.configs == nil {
		return err
	}
	for node, host := range t.options.Hosts {
		next.configs[node] = t.options.config(t.settings, host, &next.material)
	}
	t.current.Store(next)
	if last.configs != nil {
		next.material.logReloaded(t.options.Logger, &last.material, &t.sources)
	}
	return err
}

// config returns the tls.Config for connections to one node, which share the node's
// latest ticket.
func (o *NodeOptions) config(s settings, host string, m *material) *tls.Config {
	config := &tls.Config{
		Time:               o.Now,
		ServerName:         host,
		MinVersion:         s.min,
		MaxVersion:         s.max,
		CipherSuites:       s.ciphers,
		CurvePreferences:   s.curves,
		InsecureSkipVerify: o.Verify != VerifyName, //nolint:gosec // verify: ca and false are the operator's word
		ClientSessionCache: tls.NewLRUClientSessionCache(1),
	}
	if o.CA != "" {
		config.RootCAs = poolOf(m.authorities.value.certs)
	}
	if o.Verify == VerifyChain {
		config.VerifyConnection = (&chainVerifier{config.RootCAs, o.Now}).verify
	}
	if len(m.certificates) > 0 {
		config.Certificates = []tls.Certificate{*m.certificates[0].value}
	}
	return config
}
