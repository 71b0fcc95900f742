package source

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

// The kernel's range of source ports, and those in it that it does not choose. They belong to the network namespace of
// the process.
const (
	portRange     = "/proc/sys/net/ipv4/ip_local_port_range"
	reservedPorts = "/proc/sys/net/ipv4/ip_local_reserved_ports"
)

// Ports returns how many ports the kernel has for connections from one address to another, and false on systems that
// do not say.
func Ports() (n int, ok bool) {
	b, err := os.ReadFile(portRange)
	if err != nil {
		return 0, false
	}
	var first, last int
	if _, err := fmt.Sscan(string(b), &first, &last); err != nil || last < first {
		return 0, false
	}
	reserved, _ := os.ReadFile(reservedPorts) // empty where there is no such file
	return last - first + 1 - reservedIn(string(reserved), first, last), true
}

// reservedIn returns how many ports of a list, as 8080,9000-9100, are in a range. The kernel's list is sorted, and has
// no port twice.
func reservedIn(list string, first, last int) (n int) {
	for item := range strings.SplitSeq(strings.TrimSpace(list), ",") {
		from, to, several := strings.Cut(item, "-")
		a, err := strconv.Atoi(from)
		if err != nil {
			continue
		}
		b := a
		if several {
			if b, err = strconv.Atoi(to); err != nil {
				continue
			}
		}
		n += max(min(b, last)-max(a, first)+1, 0)
	}
	return n
}
