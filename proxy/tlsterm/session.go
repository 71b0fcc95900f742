package tlsterm

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"time"
)

// ErrWouldBlock is what Session.Read returns when all ciphertext that was fed has been used up. It is the very value,
// to be compared with ==.
var ErrWouldBlock net.Error = wouldBlockError{}

// ErrOwed ends a session whose client asks for answers and reads none.
var ErrOwed = errors.New("TLS: the client asks for new keys and does not read the answers")

// errHandshakeTooLong ends a handshake of more than maxHandshake bytes.
var errHandshakeTooLong = errors.New("more than 64 KiB and the handshake is not over")

// Session is the TLS of a client, made by Accept, or of a node, made by Originator.Connect, after its handshake. It has
// two lives. Until Detach it is a connection like any other, Conn. After Detach it is a transformer without goroutine or
// descriptor, for one event loop:
//
//	s.Feed(b)                        // what the socket had; a view, until Read returns ErrWouldBlock
//	for {
//		n, err := s.Read(plain)  // an error may come with bytes before it
//		...                      // ErrWouldBlock: read the socket again; io.EOF: close_notify
//	}                                // whoever stops earlier calls Hold, and Read again before waiting for the socket
//	out = s.Owed(out)                // what the session itself has to say: alerts, answers to KeyUpdate
//	out, err = s.Seal(out, plain)    // records for the socket
//	out = s.CloseNotify(out)         // no more will be sealed
//
// It is not safe for concurrent use.
type Session struct {
	conn    *tls.Conn
	wire    wire
	node    bool // the other side is a node
	resumed bool
}

// Accept performs a server's handshake on conn in the calling goroutine. It is over by ctx's deadline at the latest;
// the deadlines of conn are its to set until it returns, and none is set then. An error is a *HandshakeError; the
// client has been sent its alert, or an answer if it speaks HTTP without TLS, and conn is the caller's to close, as it is
// without an error.
func Accept(ctx context.Context, conn net.Conn, config *tls.Config) (*Session, error) {
	return accept(ctx, wire{raw: conn, budget: maxHandshake}, config)
}

// Accept is [Accept] once the gate lets it. hello is what the client has sent already, its ClientHello; it is the
// session's from now on. open makes the connection when the handshake begins, since one that waits for its turn needs
// none; after an error of Accept what it made is the caller's to close. The error is ErrBusy, that of ctx or open, or a
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
	return accept(ctx, wire{raw: conn, in: hello, budget: maxHandshake, wait: wait}, config)
}

func accept(ctx context.Context, w wire, config *tls.Config) (*Session, error) {
	s := &Session{wire: w}
	conn := w.raw
	s.conn = tls.Server(&s.wire, config)
	var hello hello
	if err := s.shake(context.WithValue(ctx, helloKey{}, &hello)); err != nil {
		if alert, ok := s.wire.alert(); ok && isBadRecord(err) {
			err = fmt.Errorf("remote error: %w", alert)
		}
		var plain tls.RecordHeaderError
		if errors.As(err, &plain) && plain.Conn != nil && speaksHTTP(plain.RecordHeader) {
			_, _ = io.WriteString(conn, httpAnswer) // whether it is read is the client's affair
		}
		return nil, &HandshakeError{Reason: reasonOf(err), ServerName: hello.serverName, Err: err}
	}
	return s, nil
}

// shake performs the handshake.
func (s *Session) shake(ctx context.Context) error {
	if deadline, ok := ctx.Deadline(); ok {
		s.wire.raw.SetDeadline(deadline)
	}
	if err := s.conn.HandshakeContext(ctx); err != nil {
		return err
	}
	s.wire.done, s.wire.wait = true, nil
	s.wire.raw.SetDeadline(time.Time{})
	s.resumed = s.conn.ConnectionState().DidResume
	return nil
}

// hello is what of a ClientHello is worth knowing when the handshake fails.
type hello struct{ serverName string }

type helloKey struct{}

// noteName is a tls.Config's GetConfigForClient: the first to see the hello, before anything is decided.
func noteName(info *tls.ClientHelloInfo) (*tls.Config, error) {
	if h, ok := info.Context().Value(helloKey{}).(*hello); ok {
		h.serverName = info.ServerName
	}
	return nil, nil
}

// Conn is the session as a connection. Valid until Detach.
func (s *Session) Conn() *tls.Conn { return s.conn }

// Info says who the client is and what was agreed on. Valid until Detach.
func (s *Session) Info() Info { return Facts(s.conn.ConnectionState()) }

// Detach ends the session's use of the connection beneath it: after the call nothing here touches it. What was read
// of it and not yet decrypted is kept: call Read once before waiting for the socket.
func (s *Session) Detach() {
	s.wire.raw = nil
	forget(s.conn, s.node)
}

// Feed hands over ciphertext that has arrived. The session keeps no copy: b must not change until Read has returned
// ErrWouldBlock or another error, or Hold has been called.
func (s *Session) Feed(b []byte) {
	if len(s.wire.in) == 0 {
		s.wire.in = b
		return
	}
	s.Hold()
	s.wire.in = append(s.wire.in, b...)
}

// FeedEOF says that no more ciphertext will come. Read returns io.ErrUnexpectedEOF when it has used up what there is,
// unless there is a close_notify in it: what was sent may have been cut off (RFC 8446, 6.1).
func (s *Session) FeedEOF() { s.wire.ended = true }

// Hold makes what was fed and not read yet the session's own, so that the memory given to Feed can be used again. It
// is what back-pressure costs: no more than was fed.
func (s *Session) Hold() {
	if !s.wire.held && len(s.wire.in) > 0 {
		s.wire.in = append([]byte(nil), s.wire.in...)
	}
	s.wire.held = len(s.wire.in) > 0
}

// Read decrypts into plain, which is not empty. It returns ErrWouldBlock when it wants more to be fed, io.EOF after
// the client's close_notify, io.ErrUnexpectedEOF at an end without one, and for all else an error after which the
// session can only be closed: CloseNotify has the alert that says so to the client.
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

// Seal appends to dst what the session owes and then plain in records, one of at most 16 KiB after another; the
// first ones of a session fit a packet each. It fails after CloseNotify, and after a fatal alert.
func (s *Session) Seal(dst, plain []byte) ([]byte, error) {
	s.begin(dst)
	_, err := s.conn.Write(plain)
	return s.end(), err
}

// CloseNotify appends to dst what the session owes and then a close_notify, once: half a close, after which Read still
// works (RFC 8446, 6.1). After a fatal error, whose alert is owed, nothing follows that.
func (s *Session) CloseNotify(dst []byte) []byte {
	s.begin(dst)
	_ = s.conn.CloseWrite() // the wire takes everything
	return s.end()
}

// Owed appends to dst what the session itself has to say to the client. Ask after Read.
func (s *Session) Owed(dst []byte) []byte {
	s.begin(dst)
	return s.end()
}

// begin makes dst the place for what tls.Conn writes, end takes it away again.
func (s *Session) begin(dst []byte) { s.wire.out = append(dst, s.wire.out...) }

func (s *Session) end() []byte {
	dst := s.wire.out
	s.wire.out = nil
	return dst
}
