package reactor

import (
	"net"

	"golang.org/x/sys/unix"
)

// PeerCredentials returns the credentials of the process that connected.
func PeerCredentials(c *net.UnixConn) (Credentials, error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return Credentials{}, err
	}
	var peer *unix.Ucred
	controlErr := raw.Control(func(fd uintptr) {
		peer, err = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	})
	switch {
	case controlErr != nil:
		return Credentials{}, controlErr
	case err != nil:
		return Credentials{}, err
	}
	return Credentials{PID: peer.Pid, UID: peer.Uid}, nil
}
