//go:build linux

package compare

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// userHZ is the unit of /proc/stat on every architecture of Linux.
const userHZ = 100

// machineCPU returns the time that all cores together were busy since boot. The kernel
// samples it every tick, so it is only good for seconds.
func machineCPU() (time.Duration, error) {
	b, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0, err
	}
	line, _, _ := strings.Cut(string(b), "\n")
	fields := strings.Fields(line)
	if len(fields) < 9 || fields[0] != "cpu" {
		return 0, fmt.Errorf("/proc/stat begins with %q", line)
	}
	ticks := int64(0)
	for i, field := range fields[1:9] {
		n, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			return 0, fmt.Errorf("/proc/stat: %w", err)
		}
		if i == 3 || i == 4 || i == 7 { // idle, iowait, steal: not our work
			continue
		}
		ticks += n
	}
	return time.Duration(ticks) * (time.Second / userHZ), nil
}

// machineSlab returns the kernel's memory for its objects, including sockets, in bytes.
func machineSlab() (int64, error) {
	b, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return 0, err
	}
	return kilobytes(b, "Slab:")
}

// Ports for listeners are below the kernel's range of local ports: no connection of the
// load may use a listener's port.
const (
	firstPort = 29000
	lastPort  = 32000
)

// ports finds free ports on 127.0.0.1.
type ports struct{ next int }

func (p *ports) take() (netip.AddrPort, error) {
	if p.next == 0 {
		p.next = firstPort + os.Getpid()%20*100 // other processes that look for ports begin elsewhere
	}
	for p.next < lastPort {
		a := netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), uint16(p.next))
		p.next++
		if l, err := net.Listen("tcp", a.String()); err == nil {
			return a, l.Close()
		}
	}
	return netip.AddrPort{}, fmt.Errorf("no free port on 127.0.0.1 from %d to %d", firstPort, lastPort)
}

// Machine describes the machine, on which the figures depend.
type Machine struct {
	CPU    string `json:"cpu"`
	Cores  int    `json:"cores"`
	Kernel string `json:"kernel"`
	Go     string `json:"go"`
}

func thisMachine() Machine {
	m := Machine{Cores: runtime.NumCPU(), Go: runtime.Version(), CPU: runtime.GOARCH}
	if b, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(b)) {
			if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == "model name" {
				m.CPU = strings.TrimSpace(value)
				break
			}
		}
	}
	if b, err := os.ReadFile("/proc/sys/kernel/osrelease"); err == nil {
		m.Kernel = "Linux " + strings.TrimSpace(string(b))
	}
	return m
}
