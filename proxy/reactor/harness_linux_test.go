package reactor

import (
	"net"
	"net/netip"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// patience bounds every wait of a test. Only a failure uses it up.
const patience = 20 * time.Second

// echo is a handler that sends back the bytes of its peers.
type echo struct {
	*Loop
	slots   Slots[echoConn]
	timers  chan uint32 // slots whose timer has fired
	peers   chan netip.AddrPort
	failed  []error
	stale   int // events of earlier descriptors
	stopped bool
	turns   []time.Duration // the length of each

	each func(t Target, e Events) // called first, unless nil
}

type echoConn struct {
	fd    int32
	birth uint32
	open  bool
}

func (h *echo) Event(t Target, e Events) {
	c := h.slots.At(t.Slot)
	if !c.open || c.birth != t.Birth {
		h.stale++
		return
	}
	if h.each != nil {
		h.each(t, e)
	}
	b := make([]byte, 1024)
	for c.open {
		n, err := Receive(c.fd, b)
		if err == ErrAgain {
			return
		}
		if n == 0 {
			h.end(t.Slot)
			return
		}
		_, _ = Send(c.fd, b[:n])
	}
}

func (h *echo) Due(slot uint32) { h.timers <- slot }

func (h *echo) Accepted(_ int, fd int32, peer netip.AddrPort) {
	h.add(fd)
	select {
	case h.peers <- peer:
	default:
	}
}

func (h *echo) AcceptFailed(_ int, err error) { h.failed = append(h.failed, err) }

func (h *echo) Turned(length time.Duration) { h.turns = append(h.turns, length) }

func (h *echo) Done() bool { return h.stopped && h.slots.Len() == 0 }

// add watches a descriptor in a new slot.
func (h *echo) add(fd int32) uint32 {
	slot, c := h.slots.Take()
	*c = echoConn{fd: fd, birth: h.slots.Birth(), open: true}
	if err := h.Watch(fd, Target{Slot: slot, Birth: c.birth}, WatchNothing, WatchInput); err != nil {
		panic(err)
	}
	return slot
}

func (h *echo) end(slot uint32) {
	h.Timers.Clear(slot)
	Close(h.slots.At(slot).fd)
	h.slots.Release(slot)
}

// turn runs one turn without waiting.
func (h *echo) turn() {
	n := h.poller.wait(0)
	for i := range n {
		h.dispatch(i)
	}
}

// newEcho makes an echo whose loop does not run.
func newEcho(t *testing.T, socks ...int32) *echo {
	t.Helper()
	h := &echo{timers: make(chan uint32, 16), peers: make(chan netip.AddrPort, 16)}
	var err error
	if h.Loop, err = NewLoop(h, time.Now()); err != nil {
		t.Fatal(err)
	}
	for _, fd := range socks {
		if h.Listen(fd) < 0 {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() {
		if h.Do(func() {}) { // the loop has not run
			h.Close()
		}
		for c := range h.slots.All() {
			if c.open {
				Close(c.fd)
			}
		}
	})
	return h
}

// startEcho runs an echo on a free address. It returns the address and a function that stops the echo.
func startEcho(t *testing.T) (h *echo, address string, stop func()) {
	t.Helper()
	socks, bound, err := ListenTCP("127.0.0.1:0", 1, false, false, 0)
	if err != nil {
		t.Fatal(err)
	}
	h = newEcho(t, socks...)
	ended := make(chan struct{})
	go func() { // ends at stop
		defer close(ended)
		h.Run()
	}()
	stop = func() {
		h.Do(func() {
			h.StopAccepting()
			h.stopped = true
			for c := range h.slots.All() {
				if c.open {
					CloseWrite(c.fd)
				}
			}
		})
		select {
		case <-ended:
		case <-time.After(patience):
			t.Fatal("the loop does not end")
		}
	}
	return h, bound.String(), stop
}

// pair returns a connected pair of non-blocking sockets.
func pair(t *testing.T) (ours, theirs int32) {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	return int32(fds[0]), int32(fds[1])
}

// dialTCP connects to an address.
func dialTCP(t *testing.T, address string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(patience))
	return c
}
