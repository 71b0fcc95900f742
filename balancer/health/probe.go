package health

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"syscall"
	"time"

	"github.com/pires/go-proxyproto"

	"mqttlb/balancer"
)

var errUnresolved = errors.New("its host name has no address")

// prober probes a node with real connections.
type prober struct {
	check    Check
	clientID string
	tag      string // of clientID
	offer    *offer // what the node's management API has been found to offer; nil without EMQX

	offers map[netip.AddrPort]*offer // the same by address, if the node has several; it keeps them for the next probe

	dialer func(ctx context.Context, network, address string) (net.Conn, error) // nil: that of package net
}

// nodeConn is an open connection to a node, with or without TLS.
type nodeConn interface {
	net.Conn
	CloseWrite() error
}

// drainingError is the node's own word that it wants no new clients, and keeps those it has.
type drainingError struct{ reason string }

func (e *drainingError) Error() string { return e.reason }

// silentError says that the node does not serve a CONNECT, although EMQX says that it runs: it is
// silent, closes, or says that it is unavailable. Its sessions may be well. When one node of a
// cluster freezes, CONNECTs hang on all of them, since EMQX asks the other nodes for the client's
// session; and at its limit of connections a node closes each new one at once, or refuses it. So
// the node drains. A node that accepts no connection is down.
type silentError struct{ err error }

func (e *silentError) Error() string { return "emqx is running, but: " + e.err.Error() }
func (e *silentError) Unwrap() error { return e.err }

// errUnavailable says that the node speaks MQTT and serves no clients. EMQX says so while it
// evacuates its clients, too, but then another probe knows.
var errUnavailable = errors.New("server unavailable")

// stateOf returns the state of a node whose probe ended with err.
func stateOf(err error) balancer.State {
	if err == nil {
		return balancer.Up
	}
	if _, draining := errors.AsType[*drainingError](err); draining || isSilent(err) {
		return balancer.Draining
	}
	return balancer.Down
}

// closedError says that the node has closed in place of an answer.
type closedError struct{ error }

func (e *closedError) Unwrap() error { return e.error }

// closedByNode reports whether a connection that the node has accepted ended at its end.
func closedByNode(err error) bool {
	_, closed := errors.AsType[*closedError](err)
	return closed || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

func isSilent(err error) bool {
	_, silent := errors.AsType[*silentError](err)
	return silent
}

// probeAt probes an address of a node. If there are two probes, both must agree that the node is up.
func (p *prober) probeAt(ctx context.Context, n *balancer.Node, addr netip.AddrPort) result {
	begun := time.Now()
	limited, cancel := context.WithTimeout(ctx, p.check.Timeout)
	defer cancel()
	var r result
	if p.check.Probe&EMQX != 0 {
		r.warning, r.err = p.askEMQX(limited, n, addr)
	}
	question := p.check.Probe &^ EMQX
	if question == None || stateOf(r.err) == balancer.Down {
		r.took = time.Since(begun)
		p.askSessions(limited, n, addr, &r)
		return r
	}
	conn, warning, err := p.ask(limited, question, n, addr)
	r.took = time.Since(begun)
	r.warning = cmp.Or(r.warning, warning)
	draining := stateOf(r.err) == balancer.Draining
	switch {
	case err == nil, draining && (errors.Is(err, errUnavailable) || balancer.ShortageOf(err) != balancer.NoShortage):
	case p.check.Probe&EMQX != 0 && (limited.Err() != nil || closedByNode(err) || errors.Is(err, errUnavailable)):
		if !draining {
			r.err = &silentError{err}
		}
	case stateOf(err) > stateOf(r.err):
		r.err = err
	}
	switch {
	case conn == nil:
	case err != nil:
		_ = conn.Close() // the verdict should not wait for a graceful close
	default:
		if farewell := hangUp(ctx, conn); question == TCP && isAlert(farewell) {
			r.err = fmt.Errorf("after the TLS handshake: %w", farewell)
		}
	}
	p.askSessions(limited, n, addr, &r)
	return r
}

// dial connects to an address of the node. Reads and writes end when ctx is done; the caller
// calls release when it needs that no more.
func (p *prober) dial(ctx context.Context, addr netip.AddrPort) (conn nodeConn, release func() bool, err error) {
	c, err := p.connect(ctx, addr)
	if err != nil {
		if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() {
			err = fmt.Errorf("no connection to %v within timeout %v", addr, p.check.Timeout)
		}
		return nil, nil, err
	}
	return c.(nodeConn), context.AfterFunc(ctx, func() { c.SetDeadline(time.Unix(1, 0)) }), nil
}

// connect connects to an address of the node. The kernel has one error for an address to which no port
// is free and for an address that this host cannot reach from any of its own, such as ::1 without IPv6.
// Only the first is a shortage. UDP has ports of its own, and connecting it sends nothing.
func (p *prober) connect(ctx context.Context, addr netip.AddrPort) (net.Conn, error) {
	dial, plain := p.dialer, &net.Dialer{KeepAlive: -1} // the connection is too short for keep alive
	if dial == nil {
		dial = plain.DialContext
	}
	var c net.Conn
	var err error
	if p.check.Dial != nil {
		c, err = p.check.Dial(ctx, plain, addr.String())
	} else {
		c, err = dial(ctx, "tcp", addr.String())
	}
	if _, known := errors.AsType[*balancer.SourceError](err); known || balancer.ShortageOf(err) != balancer.Ports {
		return c, err
	}
	u, unusable := dial(ctx, "udp", addr.String())
	switch {
	case unusable == nil:
		u.Close()
	case balancer.ShortageOf(unusable) == balancer.Ports:
		return nil, fmt.Errorf("this host has no address from which %v can be reached", addr.Addr())
	}
	return nil, err
}

// ask returns nil when the node is alive. The returned connection is nil if none was
// made; otherwise the caller closes it. The warning says what is wrong with the probe itself.
func (p *prober) ask(ctx context.Context, question Probe, n *balancer.Node, addr netip.AddrPort) (_ nodeConn, warning string, err error) {
	header, secure := p.check.ProxyProtocol, p.check.Secure
	if port := p.check.portOf(n); question == HTTP && port != 0 && port != addr.Port() {
		addr = netip.AddrPortFrom(addr.Addr(), port)
		header, secure = 0, p.check.PortSecure // another port is another listener
	}
	c, release, err := p.dial(ctx, addr)
	if err != nil {
		return nil, "", err
	}
	defer release()
	conn := c
	first, err := appendHeader(nil, conn, header)
	if err != nil {
		return conn, "", err
	}
	if secure != nil {
		if err := write(conn, first); err != nil {
			return conn, "", err
		}
		secured, err := p.handshake(ctx, conn, n, secure)
		if err != nil {
			return conn, "", err
		}
		conn, first = secured, nil
	}
	if first, err = p.appendQuestion(first, question, n); err != nil {
		return conn, "", err
	}
	if err := write(conn, first); err != nil {
		return conn, "", alertBefore(err, conn)
	}
	answer := ""
	switch question {
	case MQTT:
		answer = connackAnswer
		warning, err = p.confirmMQTT(conn)
	case HTTP:
		answer, err = "HTTP response", readResponse(conn, p.check.Status)
	case None, TCP, EMQX:
	}
	return conn, warning, p.explain(ctx, err, answer)
}

const connackAnswer = "CONNACK"

// explain returns err, or says that the node has not sent the answer.
func (p *prober) explain(ctx context.Context, err error, answer string) error {
	closed, reset := errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET)
	switch {
	case closed || reset:
		if closed {
			err = &closedError{fmt.Errorf("it closed the connection and sent no %s", answer)}
		}
		if answer == connackAnswer {
			err = fmt.Errorf("%w; %s", err, likelyMismatch(p.check.ProxyProtocol, p.check.Secure != nil))
		}
	case err == nil:
	case ctx.Err() != nil:
		return fmt.Errorf("no %s within timeout %v", answer, p.check.Timeout)
	}
	return err
}

// appendHeader appends a PROXY header with the two addresses of conn; version 0 appends
// nothing.
func appendHeader(b []byte, conn net.Conn, version uint8) ([]byte, error) {
	if version == 0 {
		return b, nil
	}
	header, err := proxyproto.HeaderProxyFromAddrs(version, conn.LocalAddr(), conn.RemoteAddr()).Format()
	if err != nil {
		return nil, fmt.Errorf("PROXY header: %w", err)
	}
	return append(b, header...), nil
}

// appendQuestion appends the packet or request that the node must answer. Without TLS it
// goes out in one write with the PROXY header: some brokers expect both in a single read.
func (p *prober) appendQuestion(b []byte, question Probe, n *balancer.Node) ([]byte, error) {
	switch question {
	case MQTT:
		return appendConnect(b, &p.check, p.clientID), nil
	case HTTP:
		return appendRequest(b, &p.check, n)
	case None, TCP, EMQX:
	}
	return b, nil
}

func write(conn net.Conn, b []byte) error {
	if len(b) == 0 {
		return nil
	}
	if _, err := conn.Write(b); err != nil {
		return fmt.Errorf("writing to %v: %w", conn.RemoteAddr(), err)
	}
	return nil
}

// hangUp closes conn so that the broker sees a client leave without an error. It closes
// the sending side, waits for the broker to close its own, and reads what the broker
// still sends: unread bytes would become a reset. The error says what the broker did
// instead.
func hangUp(ctx context.Context, conn nodeConn) error {
	defer conn.Close()
	if ctx.Err() != nil {
		return nil
	}
	conn.SetDeadline(time.Now().Add(closeWait))
	_ = conn.CloseWrite()                            // fails if the broker closed first; its last bytes can still be read
	_, err := io.CopyN(io.Discard, conn, closeBytes) // ends at closeBytes or closeWait
	return err
}
