package proxy

import (
	"io/fs"
	"net"
	"os"
	"strings"
	"sync/atomic"

	"mqttlb/proxy/reactor"
	"mqttlb/proxy/snapshot"
)

// port is an address where clients arrive, with a listening socket for each loop. It outlives the
// snapshots that have a listener there. So its sockets keep the clients that wait in them, whatever
// else of the listener changes.
type port struct {
	key      portKey
	bound    net.Addr
	path     fs.FileInfo  // the file of a Unix socket; nil: none
	socks    []int32      // by loop; the loops own them
	admitted atomic.Int64 // connections with placeAdmitted

	tolerated atomic.Uint32 // mqttparse.Rules that some client has broken

	clientFirst bool          // see [reactor.ListenTCP]
	buffer      int           // see [reactor.SetBuffers]
	kept        chan struct{} // not nil while the port is being released; closed when a generation has the port again
}

// portKey identifies a port. Each listener on port 0 has a port of its own.
type portKey struct {
	network, address, name string
	inherited              *inheritedSocket // nil: mqttlb binds the port
}

func (srv *Server) portKeyOf(ln *snapshot.Listener) portKey {
	if s := srv.inherited.find(ln.Network, ln.Address, ln.Name); s != nil {
		return portKey{network: s.bound.Network(), address: s.bound.String(), inherited: s}
	}
	key := portKey{network: ln.Network, address: ln.Address}
	if ln.Network != "unix" && strings.HasSuffix(ln.Address, ":0") {
		key.name = ln.Name
	}
	return key
}

// listen binds the port of a listener, with a socket for each of n loops. If beside is true, other
// sockets of ours may have the same address. An inherited port is bound already.
func listen(ln *snapshot.Listener, key portKey, n int, beside bool, buffer int) (_ *port, err error) {
	p := &port{key: key, clientFirst: clientFirst(ln), buffer: buffer}
	if s := key.inherited; s != nil {
		p.bound = s.bound
		p.socks, err = reactor.ListenOn(s.fd, n, p.clientFirst, buffer)
		return p, err
	}
	if ln.Network != "unix" {
		p.socks, p.bound, err = listenTCP(ln.Address, n, p.clientFirst, beside, buffer)
		return p, err
	}
	if err := ClearPath(ln.Address); err != nil {
		return nil, err
	}
	if p.socks, err = reactor.ListenUnix(ln.Address, n); err != nil {
		return nil, err
	}
	p.bound = &net.UnixAddr{Net: "unix", Name: ln.Address}
	p.path, _ = os.Lstat(ln.Address)
	return p, nil
}

func listenTCP(address string, n int, clientFirst, beside bool, buffer int) ([]int32, net.Addr, error) {
	socks, bound, err := reactor.ListenTCP(address, n, clientFirst, beside, buffer)
	if err != nil {
		return nil, nil, err // bound is a nil *net.TCPAddr, which would be a net.Addr that is not nil
	}
	return socks, bound, nil
}

// clientFirst reports whether the clients of a listener speak first. Clients of a plain TCP listener
// may wait for the server.
func clientFirst(ln *snapshot.Listener) bool {
	return ln.Network == "tcp" && ln.Protocol != snapshot.TCP
}

// closeSocks closes the sockets of a port that no loop owns yet.
func (p *port) closeSocks() {
	for _, fd := range p.socks {
		reactor.Close(fd)
	}
	p.removePath()
}

// removePath removes the file of a Unix socket if it is still ours.
func (p *port) removePath() {
	RemovePath(p.key.address, p.path)
	p.path = nil
}

// refuseSYN keeps clients from beginning to connect, and acceptSYN lets them again. Handshakes that
// have begun can finish. An inherited socket belongs to the service manager, too: clients that connect
// wait in its queue.
func (p *port) refuseSYN() {
	if p.key.inherited != nil {
		return
	}
	if p.key.network == "unix" {
		p.removePath()
		return
	}
	for _, fd := range p.socks {
		_ = reactor.RefuseSYN(fd) // if it fails, such clients are reset when the socket closes
	}
}

func (p *port) acceptSYN() {
	if p.key.inherited != nil {
		return
	}
	for _, fd := range p.socks {
		_ = reactor.AcceptSYN(fd)
	}
}

func (p *port) setClientFirst() {
	for _, fd := range p.socks {
		_ = reactor.SetClientFirst(fd, p.clientFirst) // after an error some clients cost one more wake-up
	}
}

// setBuffers has the connections that are accepted from now on have these buffers.
func (p *port) setBuffers() {
	for _, fd := range p.socks {
		reactor.SetBuffers(fd, p.buffer)
	}
}

// tcpPort returns the number of a TCP port, or 0 for a Unix socket.
func (p *port) tcpPort() int {
	if a, ok := p.bound.(*net.TCPAddr); ok {
		return a.Port
	}
	return 0
}

// tcpPortOf returns the number of the TCP port in an address, or 0 if it has none.
func tcpPortOf(address string) int {
	if a, err := net.ResolveTCPAddr("tcp", address); err == nil {
		return a.Port
	}
	return 0
}
