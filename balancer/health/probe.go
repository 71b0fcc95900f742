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
		hangUp(ctx, conn)
	}
	return r
}

// ask returns nil when the node is alive. The connection is nil where there was
// none; otherwise the caller closes it.
func (p *prober) ask(ctx context.Context, n *balancer.Node, addr netip.AddrPort) (*net.TCPConn, error) {
	ctx, cancel := context.WithTimeout(ctx, p.check.Timeout)
	defer cancel()
	header := p.check.ProxyProtocol
	if port := p.check.Port; port != 0 && port != addr.Port() {
		addr = netip.AddrPortFrom(addr.Addr(), port)
		header = 0 // that is another listener
	}
	dialer := net.Dialer{KeepAlive: -1} // it does not live long enough
	c, err := dialer.DialContext(ctx, "tcp", addr.String())
	if err != nil {
		if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() {
			err = fmt.Errorf("no connection to %v within timeout %v", addr, p.check.Timeout)
		}
		return nil, err
	}
	conn := c.(*net.TCPConn)
	// Reads and writes end when the time is over or ctx is done.
	defer context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })()

	first, err := p.first(conn, n, header)
	if err != nil {
		return conn, err
	}
	if len(first) > 0 {
		if _, err := conn.Write(first); err != nil {
			return conn, fmt.Errorf("writing to %v: %w", addr, err)
		}
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

// first returns what a probe begins with, in one write: some brokers take the
// PROXY header and what follows it from a single read. version is the header's;
// 0 for none.
func (p *prober) first(conn *net.TCPConn, n *balancer.Node, version uint8) (b []byte, err error) {
	if version != 0 {
		header := proxyproto.HeaderProxyFromAddrs(version, conn.LocalAddr(), conn.RemoteAddr())
		if b, err = header.Format(); err != nil {
			return nil, fmt.Errorf("PROXY header: %w", err)
		}
	}
	switch p.check.Probe {
	case MQTT:
		return appendConnect(b, p.clientID), nil
	case HTTP:
		return appendRequest(b, &p.check, n)
	case None, TCP:
	}
	return b, nil
}

// hangUp closes conn so that the broker sees the end of a client and no error:
// it says that no more will come, waits a moment for the broker to do the same,
// and leaves nothing unread, which would become a reset.
func hangUp(ctx context.Context, conn *net.TCPConn) {
	defer conn.Close()
	if ctx.Err() != nil {
		return
	}
	conn.SetDeadline(time.Now().Add(closeWait))
	if conn.CloseWrite() == nil {
		_, _ = io.CopyN(io.Discard, conn, closeBytes) // whichever comes first
	}
}
