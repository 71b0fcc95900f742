package health

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"time"

	"github.com/pires/go-proxyproto"

	"mqttlb/balancer"
)

var errUnresolved = errors.New("its host name has no address")

// prober probes a node with real connections.
type prober struct {
	check    Check
	clientID string
}

// nodeConn is an open connection to a node, with or without TLS.
type nodeConn interface {
	net.Conn
	CloseWrite() error
}

// probe is a probeFunc. It probes the first of the node's addresses, as sessions use that
// one.
func (p *prober) probe(ctx context.Context, n *balancer.Node) result {
	addrs := n.Addrs()
	if len(addrs) == 0 {
		return result{err: errUnresolved}
	}
	begun := time.Now()
	conn, err := p.ask(ctx, n, addrs[0])
	r := result{took: time.Since(begun), err: err}
	switch {
	case conn == nil:
	case err != nil:
		_ = conn.Close() // the verdict should not wait for a graceful close
	default:
		if farewell := hangUp(ctx, conn); p.check.Probe == TCP && isAlert(farewell) {
			r.err = fmt.Errorf("after the TLS handshake: %w", farewell)
		}
	}
	return r
}

// ask returns nil when the node is alive. The returned connection is nil if none was
// made; otherwise the caller closes it.
func (p *prober) ask(ctx context.Context, n *balancer.Node, addr netip.AddrPort) (nodeConn, error) {
	ctx, cancel := context.WithTimeout(ctx, p.check.Timeout)
	defer cancel()
	header, secure := p.check.ProxyProtocol, p.check.Secure
	if port := p.check.Port; port != 0 && port != addr.Port() {
		addr = netip.AddrPortFrom(addr.Addr(), port)
		header, secure = 0, nil // another port is another listener
	}
	dialer := net.Dialer{KeepAlive: -1} // the connection is too short for keep alive
	c, err := dialer.DialContext(ctx, "tcp", addr.String())
	if err != nil {
		if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() {
			err = fmt.Errorf("no connection to %v within timeout %v", addr, p.check.Timeout)
		}
		return nil, err
	}
	var conn nodeConn = c.(*net.TCPConn)
	// Reads and writes end at the timeout or when ctx is done.
	defer context.AfterFunc(ctx, func() { c.SetDeadline(time.Unix(1, 0)) })()

	first, err := appendHeader(nil, conn, header)
	if err != nil {
		return conn, err
	}
	if secure != nil {
		if err := write(conn, first); err != nil {
			return conn, err
		}
		secured, err := p.handshake(ctx, conn, n)
		if err != nil {
			return conn, err
		}
		conn, first = secured, nil
	}
	if first, err = p.appendQuestion(first, n); err != nil {
		return conn, err
	}
	if err := write(conn, first); err != nil {
		return conn, alertBefore(err, conn)
	}
	answer := ""
	switch p.check.Probe {
	case MQTT:
		answer, err = "CONNACK", confirmMQTT(conn)
	case HTTP:
		answer, err = "HTTP response", readResponse(conn, p.check.Status)
	case None, TCP:
	}
	switch {
	case err == nil:
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		err = fmt.Errorf("it closed the connection and sent no %s", answer)
	case ctx.Err() != nil:
		err = fmt.Errorf("no %s within timeout %v", answer, p.check.Timeout)
	}
	return conn, err
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
func (p *prober) appendQuestion(b []byte, n *balancer.Node) ([]byte, error) {
	switch p.check.Probe {
	case MQTT:
		return appendConnect(b, p.clientID), nil
	case HTTP:
		return appendRequest(b, &p.check, n)
	case None, TCP:
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
