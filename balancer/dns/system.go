package dns

import (
	"io"
	"os"
	"sync"
	"time"
)

const (
	// systemChecked is how often the file is looked at, if there are look-ups, as for Go's resolver.
	systemChecked = 5 * time.Second

	// systemSize limits what is read of the file.
	systemSize = 64 << 10
)

// system is the upstream of /etc/resolv.conf. It follows the file, which changes when a machine gets another address.
type system struct {
	path string

	mu       sync.Mutex // guards the fields below
	current  *upstream  // nil before the first read
	checked  time.Time
	modified time.Time
	size     int64
}

// read returns the upstream. It reads the file again if the file has changed. A file that cannot be read changes nothing.
func (s *system) read(now time.Time) *upstream {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.current != nil && now.Sub(s.checked) < systemChecked {
		return s.current
	}
	s.checked = now
	info, err := os.Stat(s.path)
	if err == nil && s.current != nil && info.ModTime().Equal(s.modified) && info.Size() == s.size {
		return s.current
	}
	b, readErr := readFile(s.path)
	switch {
	case err == nil && readErr == nil:
		s.current, s.modified, s.size = parseUpstream(b), info.ModTime(), info.Size()
	case s.current == nil:
		s.current = parseUpstream(nil) // the servers of this machine
	}
	return s.current
}

// readFile reads the beginning of a file.
func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, systemSize))
}
