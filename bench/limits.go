//go:build linux

package bench

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// spareDescriptors is what a process needs besides its connections: standard streams,
// epoll, listeners, the runtime's own.
const spareDescriptors = 32

const portRangeFile = "/proc/sys/net/ipv4/ip_local_port_range"

// CheckLimits reports, before anything is opened, why this machine cannot hold the clients
// and which limit to raise. It ignores the soft limit of descriptors, because the Go runtime
// raises it to the hard one.
func (o *Options) CheckLimits() error {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return fmt.Errorf("getrlimit: %w", err)
	}
	low, high, err := portRange()
	if err != nil {
		return err
	}
	return errors.Join(
		o.checkDescriptors(limit.Max),
		o.checkPorts(low, high),
	)
}

func (o *Options) checkDescriptors(limit uint64) error {
	need := uint64(o.Clients) + spareDescriptors
	if need <= limit {
		return nil
	}
	return fmt.Errorf("%d clients need %d file descriptors and the hard limit is %d: raise it with "+
		"`ulimit -Hn %d` as root (LimitNOFILE= for systemd, --ulimit nofile= for a container)",
		o.Clients, need, limit, need)
}

func (o *Options) checkPorts(low, high int) error {
	pairs := max(len(o.Sources), 1) * len(o.Targets)
	room := pairs * (high - low + 1)
	if o.Clients <= room {
		return nil
	}
	return fmt.Errorf("%d clients need as many local ports and %d pairs of a local address and a target have %d (%d-%d each): "+
		"give more local addresses with --ifaddr, or `sysctl -w net.ipv4.ip_local_port_range=\"1024 65535\"`",
		o.Clients, pairs, room, low, high)
}

func portRange() (low, high int, err error) {
	b, err := os.ReadFile(portRangeFile)
	if err != nil {
		return 0, 0, fmt.Errorf("port range: %w", err)
	}
	if _, err := fmt.Sscan(string(b), &low, &high); err != nil {
		return 0, 0, fmt.Errorf("%s: %w", portRangeFile, err)
	}
	return low, high, nil
}

// hint returns advice to append to err if err is a limit of this machine.
func hint(err error) string {
	switch {
	case errors.Is(err, unix.EMFILE), errors.Is(err, unix.ENFILE):
		return " (raise `ulimit -Hn`, or fs.file-max when the whole machine is short)"
	case errors.Is(err, unix.EADDRNOTAVAIL):
		return " (no local port left, or the local address is not this machine's: give more with --ifaddr, " +
			"widen net.ipv4.ip_local_port_range, or wait a minute for TIME_WAIT to end)"
	case errors.Is(err, unix.ENOBUFS), errors.Is(err, unix.ENOMEM):
		return " (socket memory: see net.ipv4.tcp_mem)"
	}
	return ""
}
