package reactor

// Credentials identify the process at the other end of a Unix socket, at the time when it connected.
type Credentials struct {
	PID int32 // in this process's PID namespace; 0: the peer is in another one
	UID uint32
}
