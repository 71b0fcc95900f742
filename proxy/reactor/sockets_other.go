//go:build !linux

package reactor

import (
	"net"
	"net/netip"
)

// Loops cannot be made here, so most of the following functions are never called.

type sockaddr struct{}

func (*sockaddr) accept(int32) (int32, error) { return -1, ErrUnsupported }
func (*sockaddr) addrPort() netip.AddrPort    { return netip.AddrPort{} }

// Receive returns ErrUnsupported.
func Receive(int32, []byte) (int, error) { return 0, ErrUnsupported }

// Send returns ErrUnsupported.
func Send(int32, []byte) (int, error) { return 0, ErrUnsupported }

// Unacknowledged is 0.
func Unacknowledged(int32) int { return 0 }

// Unread is 0.
func Unread(int32) int { return 0 }

// CloseWrite does nothing.
func CloseWrite(int32) {}

// Abort does nothing.
func Abort(int32) {}

// Close does nothing.
func Close(int32) {}

// Duplicate returns ErrUnsupported.
func Duplicate(int32) (int32, error) { return -1, ErrUnsupported }

// NewSocket returns ErrUnsupported.
func NewSocket(netip.AddrPort, int) (int32, error) { return -1, ErrUnsupported }

// SetSource returns ErrUnsupported.
func SetSource(int32, netip.Addr, bool) error { return ErrUnsupported }

// BindSource returns ErrUnsupported.
func (*Loop) BindSource(int32, netip.Addr, bool) error { return ErrUnsupported }

// CanBind returns ErrUnsupported.
func CanBind(netip.Addr, bool) error { return ErrUnsupported }

// Connect returns ErrUnsupported.
func (*Loop) Connect(int32, netip.AddrPort) error { return ErrUnsupported }

// Connected returns ErrUnsupported.
func Connected(int32) error { return ErrUnsupported }

// LocalAddr returns ErrUnsupported.
func (*Loop) LocalAddr(int32) (netip.AddrPort, error) { return netip.AddrPort{}, ErrUnsupported }

// SetBuffers does nothing.
func SetBuffers(int32, int) {}

// KeepAlive does nothing.
func KeepAlive(int32) {}

// QuickAck does nothing.
func QuickAck(int32) {}

// ListenTCP returns ErrUnsupported.
func ListenTCP(string, int, bool, bool, int) ([]int32, *net.TCPAddr, error) {
	return nil, nil, ErrUnsupported
}

// SetClientFirst returns ErrUnsupported.
func SetClientFirst(int32, bool) error { return ErrUnsupported }

// RefuseSYN returns ErrUnsupported.
func RefuseSYN(int32) error { return ErrUnsupported }

// AcceptSYN returns ErrUnsupported.
func AcceptSYN(int32) error { return ErrUnsupported }

// ListenUnix returns ErrUnsupported.
func ListenUnix(string, int) ([]int32, error) { return nil, ErrUnsupported }

// ListeningAddr returns ErrUnsupported.
func ListeningAddr(int32) (net.Addr, error) { return nil, ErrUnsupported }

// ListenOn returns ErrUnsupported.
func ListenOn(int32, int, bool, int) ([]int32, error) { return nil, ErrUnsupported }

// RaiseDescriptorLimit returns ErrUnsupported.
func RaiseDescriptorLimit() (uint64, error) { return 0, ErrUnsupported }
