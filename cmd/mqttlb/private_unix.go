//go:build unix

package main

import (
	"os"
	"syscall"
)

// makePrivate gives a Unix socket, before it is bound, the mode that its file will have. Linux copies it from the socket.
func makePrivate(fd uintptr) error { return syscall.Fchmod(int(fd), modePrivate) }

// writable reports whether dir is a folder that this process may write to.
func writable(dir string) bool {
	info, err := os.Stat(dir)
	const forWriting = 2 // W_OK
	return err == nil && info.IsDir() && syscall.Access(dir, forWriting) == nil
}
