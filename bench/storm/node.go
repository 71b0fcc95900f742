//go:build linux

package storm

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"mqttlb/mqttparse"
)

// node is a stub broker with EMQX's behaviour and a management port. The methods that
// change it may be called at any time.
type node struct {
	name       string
	address    netip.AddrPort
	management netip.AddrPort
	ledger     *ledger
	arrivals   arrivals

	// sentAway is called when a session of a client ends, and neither the node nor the client has ended it.
	// Set before start; nil: nobody is told.
	sentAway func(client uint32)

	wg sync.WaitGroup // of the goroutines

	mu       sync.Mutex            // guards the fields below
	listener *net.TCPListener      // nil: dead
	admin    *http.Server          // nil: dead
	sessions map[*session]struct{} // with a CONNACK
	open     map[net.Conn]struct{} // sessions included
	rate     float64               // connections accepted a second; 0: any
	limit    int                   // connections beyond it are closed; 0: none
	leaving  bool                  // evacuated: refuses, and says so on the management port
	connects int                   // CONNECTs read
	refused  map[refusal]int       // connections turned away
}

// refusal is a way to turn a client away.
type refusal int

const (
	refusedFull    refusal = iota // closed right after accept
	refusedLeaving                // 0x9C or 3
)

// session is a client that a node has accepted.
type session struct {
	client  uint32 // its number
	conn    net.Conn
	version mqttparse.Version
}

// connectTimeout is how long a node waits for a CONNECT.
const connectTimeout = 15 * time.Second

func newNode(name string, address, management netip.AddrPort, l *ledger) *node {
	return &node{
		name: name, address: address, management: management, ledger: l,
		sessions: make(map[*session]struct{}), open: make(map[net.Conn]struct{}), refused: make(map[refusal]int),
	}
}

// start opens the ports of a node that is dead.
func (n *node) start(ctx context.Context) error {
	listener, err := listen(ctx, n.address)
	if err != nil {
		return err
	}
	admin, err := (&net.ListenConfig{}).Listen(ctx, "tcp", n.management.String())
	if err != nil {
		listener.Close()
		return err
	}
	server := &http.Server{Handler: http.HandlerFunc(n.answer), ReadHeaderTimeout: connectTimeout}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.listener, n.admin = listener, server
	n.wg.Add(2)
	go n.accept(listener)      // ends with listener, which kill closes
	go n.manage(server, admin) // ends with server, which kill closes
	n.arrivals.begin(listener)
	return nil
}

// kill ends the node as kill -9 does: all of its sockets are closed at once.
func (n *node) kill() {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.listener == nil {
		return
	}
	n.arrivals.end()
	n.listener.Close()
	n.admin.Close()
	n.listener, n.admin = nil, nil
	clear(n.sessions)
	for conn := range n.open {
		conn.Close()
	}
}

// stop kills the node and waits for its goroutines.
func (n *node) stop() {
	n.kill()
	n.wg.Wait()
}

func (n *node) setRate(rate float64) { n.mu.Lock(); n.rate = rate; n.mu.Unlock() }
func (n *node) setLimit(limit int)   { n.mu.Lock(); n.limit = limit; n.mu.Unlock() }
func (n *node) setLeaving(on bool)   { n.mu.Lock(); n.leaving = on; n.mu.Unlock() }

// count returns the number of sessions.
func (n *node) count() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return len(n.sessions)
}

// turnedAway returns how many connections the node has turned away in a way.
func (n *node) turnedAway(how refusal) int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.refused[how]
}

// evict ends one session, as an evacuation does, and reports whether there was one.
func (n *node) evict() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	for s := range n.sessions {
		if s.version == mqttparse.V5 {
			_, _ = s.conn.Write(mqttparse.AppendDisconnect(nil, mqttparse.UseAnotherServer))
		}
		s.conn.Close()
		delete(n.sessions, s)
		return true
	}
	return false
}

// serve is the life of a connection.
func (n *node) serve(conn net.Conn) {
	defer n.wg.Done()
	defer conn.Close()
	p := &packets{conn: conn}
	s := n.greet(p)
	if s == nil {
		n.forget(conn, nil)
		return
	}
	defer n.forget(conn, s)
	for {
		packet, body, err := p.next()
		if err != nil {
			return
		}
		switch packet[0] &^ flagDup {
		case firstPublish:
			m, err := parsePublish(body)
			if err != nil {
				return
			}
			n.ledger.enter(m)
			_, err = conn.Write([]byte{firstPuback, 2, 0, 1})
			if err != nil {
				return
			}
		case firstPingreq:
			_, err = conn.Write([]byte{0xd0, 0})
			if err != nil {
				return
			}
		default: // DISCONNECT, or nothing that a client here sends
			return
		}
	}
}

// greet reads the CONNECT and answers it. It returns nil if there is no session.
func (n *node) greet(p *packets) *session {
	_ = p.conn.SetReadDeadline(time.Now().Add(connectTimeout))
	packet, _, err := p.next()
	if err != nil {
		return nil // a health check, or a client that gave up in the kernel's queue
	}
	var c mqttparse.Connect
	if _, err := c.Parse(packet, maxPacket); err != nil {
		return nil
	}
	_ = p.conn.SetReadDeadline(time.Time{})

	n.mu.Lock()
	n.connects++
	if n.leaving {
		n.refused[refusedLeaving]++
		n.mu.Unlock()
		_, _ = p.conn.Write(mqttparse.AppendRefusal(nil, c.Version, mqttparse.UseAnotherServer))
		return nil
	}
	s := &session{numberOf(c.ClientID), p.conn, c.Version}
	n.sessions[s] = struct{}{}
	n.mu.Unlock()
	if _, err := p.conn.Write(appendAccept(nil, c.Version)); err != nil {
		return s // the first read ends it
	}
	return s
}

// forget removes a connection that has ended; s is its session or nil.
func (n *node) forget(conn net.Conn, s *session) {
	n.mu.Lock()
	_, there := n.sessions[s] // otherwise the node has ended it
	delete(n.open, conn)
	delete(n.sessions, s)
	n.mu.Unlock()
	if there && n.sentAway != nil {
		n.sentAway(s.client)
	}
}

// manage serves the management port.
func (n *node) manage(s *http.Server, l net.Listener) {
	defer n.wg.Done()
	if err := s.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		panic(err) // a listener of loopback fails only when it is closed
	}
}

// answer serves the paths of EMQX 4.4 and 5: the node's status, and whether new clients may
// come.
func (n *node) answer(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/status", "/api/v5/status":
	case "/api/v4/load_rebalance/availability_check", "/api/v5/load_rebalance/availability_check":
		n.mu.Lock()
		leaving := n.leaving
		n.mu.Unlock()
		if leaving {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	default:
		w.WriteHeader(http.StatusNotFound)
	}
}
