package tlsterm

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"time"
)

// ErrWouldBlock is the error of Session.Read when it has used up all ciphertext. Compare it with ==.
var ErrWouldBlock net.Error = wouldBlockError{}

// ErrOwed ends a session whose client asks for new keys and never reads the answers.
var ErrOwed = errors.New("TLS: the client asks for new keys and does not read the answers")

// errHandshakeTooLong ends a handshake of more than maxHandshake bytes.
var errHandshakeTooLong = errors.New("more than 64 KiB and the handshake is not over")

// Session is the TLS session with a client, made by Accept, or with a node, made by Originator.Connect, after its
// handshake. Until Detach it is an ordinary connection, Conn. After Detach it has no goroutine and no descriptor: it
// transforms bytes for one event loop.
//
//	s.Feed(b)                        // from the socket; a view, until Read returns ErrWouldBlock
//	for {
//		n, err := s.Read(plain)  // an error may come with bytes before it
//		...                      // ErrWouldBlock: read the socket again; io.EOF: close_notify
//	}                                // to stop earlier, call Hold, and Read again before waiting for the socket
//	out = s.Owed(out)                // the session's own messages: alerts, answers to KeyUpdate
//	out, err = s.Seal(out, plain)    // records for the socket
//	out = s.CloseNotify(out)         // Seal must not be called after this
//
// A Session is not safe for concurrent use.
type Session struct {
	conn *tls.Conn
	wire wire
	node bool // the peer is a node
	agreed
	client *credential // nil: the client has shown no certificate
}

// Accept makes the handshake as a server on conn, in the calling goroutine. It returns by ctx's deadline. Until it
// returns it owns the deadlines of conn; afterwards none is set. The error is a *HandshakeError; Accept has then sent the
// client an alert. The caller closes conn, with or without an error.
func Accept(ctx context.Context, conn net.Conn, config *tls.Config) (*Session, error) {
	return newServerSession(ctx, wire{raw: conn, budget: maxHandshake}, config)
}

// Accept is [Accept] behind the gate. hello is what the client has sent so far, its ClientHello; the session owns it
// from now on. open makes the connection when the handshake begins, because a client in the queue does not need one;
// the caller closes this connection after an error. The error is ErrBusy, the error of ctx or open, or a
// *HandshakeError.
func (g *Gate) Accept(ctx context.Context, hello []byte, open func() (net.Conn, error), config *tls.Config) (s *Session, err error) {
	if err := g.Enter(ctx); err != nil {
		return nil, err
	}
	defer func() { g.Leave(s, err) }()
	conn, err := open()
	if err != nil {
		return nil, err
	}
	wait := func(read func()) {
		g.pause()
		defer g.resume(ctx)
		read()
	}
	s, err = newServerSession(ctx, wire{raw: conn, in: hello, budget: maxHandshake, wait: wait}, config)
	return s, explainSNI(err, hello)
}

func newServerSession(ctx context.Context, w wire, config *tls.Config) (*Session, error) {
	s := &Session{wire: w}
	s.conn = tls.Server(&s.wire, config)
	var hello hello
	if err := s.handshake(context.WithValue(ctx, helloKey{}, &hello)); err != nil {
		if alert, ok := s.wire.alert(); ok && isBadRecord(err) {
			err = fmt.Errorf("remote error: %w", alert)
		}
		reason := reasonOf(err)
		if n := len(hello.serverName()); reason == UnknownName && n > maxServerName {
			reason, err = BadName, fmt.Errorf("the client's SNI has %d bytes, more than %d", n, maxServerName)
		}
		return nil, &HandshakeError{Reason: reason, ServerName: hello.serverName(), Offer: offer{hello.info, hello.certs, config}.explain(reason, err), Err: err}
	}
	s.identify(&hello, config)
	return s, nil
}

// identify notes the certificate of the client.
func (s *Session) identify(h *hello, config *tls.Config) {
	state := s.conn.ConnectionState()
	chains := state.VerifiedChains
	if h.chains != nil {
		chains = h.chains
	}
	if len(state.PeerCertificates) > 0 && len(chains) > 0 {
		now := time.Now
		if config.Time != nil {
			now = config.Time
		}
		leaf := state.PeerCertificates[0]
		s.client = newCredential(leaf, chains, now().After(leaf.NotAfter))
	}
}

// handshake makes the handshake.
func (s *Session) handshake(ctx context.Context) error {
	if deadline, ok := ctx.Deadline(); ok {
		s.wire.raw.SetDeadline(deadline)
	}
	if err := s.conn.HandshakeContext(ctx); err != nil {
		return err
	}
	s.wire.done, s.wire.wait = true, nil
	s.wire.raw.SetDeadline(time.Time{})
	state := s.conn.ConnectionState()
	s.agreed = agreed{state.Version, state.CipherSuite, state.DidResume}
	return nil
}

// hello holds what the callbacks of a handshake learn.
type hello struct {
	info   *tls.ClientHelloInfo  // nil: the handshake failed earlier
	certs  []*tls.Certificate    // for its name; empty: the handshake failed before the choice
	chains [][]*x509.Certificate // of the client's certificate, if we and not crypto/tls have verified them
}

func (h *hello) serverName() string {
	if h.info == nil {
		return ""
	}
	return h.info.ServerName
}

type helloKey struct{}

// noteName is the GetConfigForClient of a tls.Config: it sees the ClientHello first, before any
// decision.
func noteName(info *tls.ClientHelloInfo) (*tls.Config, error) {
	if h, ok := info.Context().Value(helloKey{}).(*hello); ok {
		h.info = info
	}
	return nil, nil
}

// noteChains is the GetConfigForClient of a tls.Config whose clients' chains we verify. crypto/tls has no place for them.
func noteChains(info *tls.ClientHelloInfo, config *tls.Config, a *admission) (*tls.Config, error) {
	h, ok := info.Context().Value(helloKey{}).(*hello)
	if !ok {
		return nil, nil
	}
	h.info = info
	own := config.Clone()
	own.VerifyConnection = func(state tls.ConnectionState) (err error) {
		h.chains, err = a.admit(state)
		return err
	}
	return own, nil
}

// Conn returns the session as a connection. Valid until Detach.
func (s *Session) Conn() *tls.Conn { return s.conn }

// Info returns the result of a client's handshake. Valid until Detach.
func (s *Session) Info() Info {
	state := s.conn.ConnectionState()
	info := Info{
		Version:    versionName(state.Version),
		Cipher:     CipherName(state.CipherSuite),
		ServerName: state.ServerName,
		Protocol:   state.NegotiatedProtocol,
		Resumed:    state.DidResume,
	}
	if s.client != nil {
		info.identify(state.PeerCertificates[0])
	}
	return info
}

// ClientExpired reports whether the client's certificate had expired at the handshake: see Options.AcceptExpired.
func (s *Session) ClientExpired() bool { return s.client != nil && s.client.expired }

// ClientSerial returns the serial number of the client's certificate in hex as in [Info], or "" if it has shown none.
func (s *Session) ClientSerial() string {
	if s.client == nil {
		return ""
	}
	return new(big.Int).SetBytes([]byte(s.client.serial)).Text(16)
}

// Summary returns what is known of the handshake for all of the session's life.
func (s *Session) Summary() Summary {
	sum := Summary{Agreed: s.named(), ServerName: s.conn.ConnectionState().ServerName}
	if s.client != nil {
		sum.CommonName = s.client.commonName
	}
	return sum
}

// Detach ends the session's use of the connection: after the call this package never touches it again. The session
// keeps ciphertext that was read but not decrypted: call Read once before waiting for the socket.
func (s *Session) Detach() {
	s.wire.raw = nil
	forget(s.conn, s.node)
}

// Feed passes ciphertext to the session. The session keeps no copy: b must not change until Read returns
// ErrWouldBlock or another error, or until Hold is called.
func (s *Session) Feed(b []byte) {
	if len(s.wire.in) == 0 {
		s.wire.in = b
		return
	}
	s.Hold()
	s.wire.in = append(s.wire.in, b...)
}

// FeedEOF says that no more ciphertext will come. Read returns io.ErrUnexpectedEOF at the end of the ciphertext
// unless it has a close_notify: an attacker may have cut the stream (RFC 8446, 6.1).
func (s *Session) FeedEOF() { s.wire.ended = true }

// Hold copies the ciphertext that was fed and not read, so that the caller can reuse the memory given to Feed. Only
// back-pressure needs the copy, and it is never larger than what was fed.
func (s *Session) Hold() {
	if !s.wire.held && len(s.wire.in) > 0 {
		s.wire.in = append([]byte(nil), s.wire.in...)
	}
	s.wire.held = len(s.wire.in) > 0
}

// Read decrypts into plain, which must not be empty. It returns ErrWouldBlock when it needs more ciphertext, io.EOF
// after the client's close_notify, and io.ErrUnexpectedEOF at an end without one. After any other error the session
// can only be closed: CloseNotify then returns the alert for the client.
func (s *Session) Read(plain []byte) (int, error) {
	n, err := s.conn.Read(plain)
	switch {
	case len(s.wire.out) > maxOwed:
		return n, ErrOwed
	case err == nil:
		return n, nil
	case err == ErrWouldBlock:
		shrink(s.conn)
		return n, ErrWouldBlock
	case err == io.EOF && s.wire.cut:
		return n, io.ErrUnexpectedEOF
	}
	return n, err
}

// Seal appends to dst the session's own messages and then plain, in records of at most 16 KiB; the first
// records of a session fit into one network packet each. It fails after CloseNotify and after a fatal alert.
func (s *Session) Seal(dst, plain []byte) ([]byte, error) {
	s.beginOutput(dst)
	_, err := s.conn.Write(plain)
	return s.endOutput(), err
}

// CloseNotify appends to dst the session's own messages and then a close_notify, once. This closes only our side; Read
// still works (RFC 8446, 6.1). After a fatal error it appends the alert and no close_notify.
func (s *Session) CloseNotify(dst []byte) []byte {
	s.beginOutput(dst)
	_ = s.conn.CloseWrite() // the wire accepts every write
	return s.endOutput()
}

// Owed appends to dst the session's own messages to the client. Call it after Read.
func (s *Session) Owed(dst []byte) []byte {
	s.beginOutput(dst)
	return s.endOutput()
}

// beginOutput makes the tls.Conn write to dst until endOutput is called.
func (s *Session) beginOutput(dst []byte) { s.wire.out = append(dst, s.wire.out...) }

func (s *Session) endOutput() []byte {
	dst := s.wire.out
	s.wire.out = nil
	return dst
}
