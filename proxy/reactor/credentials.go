package reactor

// Credentials are those of the process at the other end of a Unix socket, as the
// kernel noted them when it connected.
type Credentials struct {
	PID int32 // as this process's PID namespace has it; 0: it is of another one
	UID uint32
}
