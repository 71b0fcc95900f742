//go:build !linux

package proxy

import "math"

// fitDescriptors returns the connections that are to be taken. What the system
// allows is not looked at here: past it, accepting pauses and dials fail.
func (srv *Server) fitDescriptors(int) int64 {
	if wanted := srv.snapshot.MaxConnections; wanted > 0 {
		return int64(wanted)
	}
	return math.MaxInt64
}
