package reactor

import (
	"errors"
	"syscall"
)

// ErrUnsupported is returned on systems that have no epoll.
var ErrUnsupported = errors.New("needs Linux: the event loop runs on epoll")

// Errors of sockets. They are never wrapped, so compare them with ==. All other errors of [Receive],
// [Send] and [Loop.Connect] are a syscall.Errno, too.
const (
	// ErrAgain is returned by Receive if the socket has nothing to read now.
	ErrAgain = syscall.EAGAIN

	// ErrNotConnected is returned while a connection is being made.
	ErrNotConnected = syscall.ENOTCONN
)
