//go:build !linux

package reactor

import "net"

// PeerCredentials returns ErrUnsupported.
func PeerCredentials(*net.UnixConn) (Credentials, error) { return Credentials{}, ErrUnsupported }
