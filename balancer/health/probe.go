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

// line is an open connection to a node, inside TLS or not.
type line interface {
	net.Conn
	CloseWrite() error
}

// probe is a probeFunc. It asks the first of the node's addresses, the one that
// sessions are sent to.
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
		_ = conn.Close() // nobody is owed a farewell, and the verdict should not wait
	default:
		if farewell := hangUp(ctx, conn); p.check.Probe == TCP && isAlert(farewell) {
			r.err = fmt.Errorf("after the TLS handshake: %w", farewell)
		}
	}
	return r
}

// ask returns nil when the node is alive. The connection is nil where there was
// none; otherwise the caller closes it.
func (p *prober) ask(ctx context.Context, n *balancer.Node, addr netip.AddrPort) (line, error) {
	ctx, cancel := context.WithTimeout(ctx, p.check.Timeout)
	defer cancel()
	header, secure := p.check.ProxyProtocol, p.check.Secure
	if port := p.check.Port; port != 0 && port != addr.Port() {
		addr = netip.AddrPortFrom(addr.Addr(), port)
		header, secure = 0, nil // that is another listener
	}
	dialer := net.Dialer{KeepAlive: -1} // it does not live long enough
	c, err := dialer.DialContext(ctx, "tcp", addr.String())
	if err != nil {
		if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() {
			err = fmt.Errorf("no connection to %v within timeout %v", addr, p.check.Timeout)
		}
		return nil, err
	}
	var conn line = c.(*net.TCPConn)
	// Reads and writes end when the time is over or ctx is done.
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

// appendHeader appends the PROXY header of a version that names the two ends of
// conn; 0: none.
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

// appendQuestion appends what the node has to answer. Without TLS it is in one
// write with the PROXY header before it: some brokers take both from a single read.
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

// hangUp closes conn so that the broker sees the end of a client and no error:
// it says that no more will come, waits a moment for the broker to do the same,
// and leaves nothing unread, which would become a reset. The error is what the
// broker did instead.
func hangUp(ctx context.Context, conn line) error {
	defer conn.Close()
	if ctx.Err() != nil {
		return nil
	}
	conn.SetDeadline(time.Now().Add(closeWait))
	_ = conn.CloseWrite()                            // fails when the broker was faster, whose word is still there
	_, err := io.CopyN(io.Discard, conn, closeBytes) // whichever comes first
	return err
}
