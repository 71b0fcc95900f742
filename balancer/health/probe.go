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
	conn, err := p.ask(ctx, addrs[0])
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
func (p *prober) ask(ctx context.Context, addr netip.AddrPort) (*net.TCPConn, error) {
	ctx, cancel := context.WithTimeout(ctx, p.check.Timeout)
	defer cancel()
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

	var first []byte
	if p.check.ProxyProtocol != 0 {
		header := proxyproto.HeaderProxyFromAddrs(p.check.ProxyProtocol, conn.LocalAddr(), conn.RemoteAddr())
		if first, err = header.Format(); err != nil {
			return conn, fmt.Errorf("PROXY header: %w", err)
		}
	}
	if p.check.Probe == MQTT {
		// In one write with the header: some brokers take both from a single read.
		first = appendConnect(first, p.clientID)
	}
	if len(first) > 0 {
		if _, err := conn.Write(first); err != nil {
			return conn, fmt.Errorf("writing to %v: %w", addr, err)
		}
	}
	if p.check.Probe != MQTT {
		return conn, nil
	}
	accepted, err := readConnack(conn)
	switch {
	case err == nil && accepted:
		_, _ = conn.Write(disconnect) // the verdict is in: an error changes nothing
	case err == nil:
		// A broker closes what it refused.
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		err = errors.New("it closed the connection without a CONNACK")
	case ctx.Err() != nil:
		err = fmt.Errorf("no CONNACK within timeout %v", p.check.Timeout)
	}
	return conn, err
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
