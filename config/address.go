package config

import (
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"unicode"
)

// An Address is an address to listen on or to dial. The zero Address means none.
type Address struct {
	Network string // "tcp" or "unix"

	// Host is an IP address without brackets, a host name (nodes only), or
	// empty for all addresses of this machine (listeners only). Valid only if
	// Network is "tcp".
	Host string

	// Port is 0 for any free port (listeners only). Valid only if Network is "tcp".
	Port uint16

	Path string // of the socket; valid only if Network is "unix"
}

// IsZero reports whether a is the zero Address.
func (a Address) IsZero() bool { return a == Address{} }

// String returns the address as it is written in the file: host:port, with an IPv6 host
// in brackets, or unix:path. The zero Address is "off".
func (a Address) String() string {
	switch a.Network {
	case "tcp":
		return net.JoinHostPort(a.Host, strconv.Itoa(int(a.Port)))
	case "unix":
		return "unix:" + a.Path
	}
	return "off"
}

// maxSocketPath is one less than the smallest sun_path of the systems that we build for:
// 104 bytes on macOS and the BSDs, 108 on Linux.
const maxSocketPath = 103

// parseListenAddress parses the address of a listener or of the admin server. A host must
// be an IP address: a name may have several addresses, and others tomorrow.
func parseListenAddress(s string) (Address, error) {
	if path, ok := strings.CutPrefix(s, "unix:"); ok {
		if !strings.HasPrefix(path, "/") {
			return Address{}, fmt.Errorf("%s needs an absolute path, as unix:/run/mqttlb.sock", quote(s))
		}
		if err := checkSocketPath(path); err != nil {
			return Address{}, err
		}
		return Address{Network: "unix", Path: path}, nil
	}
	host, port, err := splitHostPort(s, ":1883")
	if err != nil {
		return Address{}, err
	}
	if host == "" || host == "*" { // HAProxy writes "*"
		return Address{Network: "tcp", Port: port}, nil
	}
	ip, ok := parseIP(host)
	if host == "localhost" {
		return Address{}, fmt.Errorf("%s is not an IP address; write 127.0.0.1:%d or [::1]:%[2]d", quote(host), port)
	}
	if !ok {
		return Address{}, fmt.Errorf("%s is not an IP address; write one of this machine's, or none for all of them", quote(host))
	}
	switch {
	case ip.IsMulticast(), ip == broadcast:
		return Address{}, fmt.Errorf("%s is not the address of one machine, and no client can connect to it; write one of this machine's, or none for all of them", quote(host))
	case ip.Is6() && ip.IsLinkLocalUnicast() && ip.Zone() == "":
		return Address{}, errZone(ip)
	}
	return Address{Network: "tcp", Host: ip.String(), Port: port}, nil
}

// broadcast is the address of all machines of a network.
var broadcast = netip.AddrFrom4([4]byte{255, 255, 255, 255})

// errZone is the error of a link-local address of IPv6 without its interface.
func errZone(ip netip.Addr) error {
	return fmt.Errorf("%s is an address of each link; write the interface, too, as %[2]s%%eth0 in the brackets", quote(ip.String()), ip)
}

// checkSocketPath checks an absolute path.
func checkSocketPath(path string) error {
	switch {
	case strings.ContainsFunc(path, unicode.IsControl):
		return fmt.Errorf("%s has a control character", quote(path))
	case len(path) > maxSocketPath:
		return fmt.Errorf("the path of a Unix socket has at most %d bytes, this one has %d", maxSocketPath, len(path))
	}
	return nil
}

// parseNodeAddress parses the address of a node.
func parseNodeAddress(s string) (Address, error) {
	if strings.HasPrefix(s, "unix:") {
		return Address{}, fmt.Errorf("%s: a node is reached over TCP; write host:port", quote(s))
	}
	host, port, err := splitHostPort(s, "node1:1883")
	switch {
	case err != nil:
		return Address{}, err
	case host == "":
		return Address{}, fmt.Errorf("%s has no host; write host:port, as node1:1883", quote(s))
	case port == 0:
		return Address{}, fmt.Errorf("port 0 is out of range 1 to 65535")
	}
	if ip, ok := parseIP(host); ok {
		switch {
		case ip.IsUnspecified(), ip.IsMulticast(), ip == broadcast:
			return Address{}, fmt.Errorf("%s is not the address of one machine", quote(host))
		case ip.Is6() && ip.IsLinkLocalUnicast() && ip.Zone() == "":
			return Address{}, errZone(ip)
		}
		host = ip.String()
	} else if name := toALabels(host); isHostName(name) {
		host = name
	} else {
		return Address{}, fmt.Errorf("%s is neither an IP address nor a host name", quote(host))
	}
	return Address{Network: "tcp", Host: host, Port: port}, nil
}

// splitHostPort is net.SplitHostPort with errors for people. example is a valid address.
func splitHostPort(s, example string) (host string, port uint16, err error) {
	if s == "" {
		return "", 0, fmt.Errorf("is empty; write an address, as %s", example)
	}
	if scheme, rest, ok := strings.Cut(s, "://"); ok {
		return "", 0, fmt.Errorf("%s is a URL; write the address alone, as %s", quote(scheme+"://"+rest), example)
	}
	host, digits, err := net.SplitHostPort(s)
	if err != nil {
		if ip, err := netip.ParseAddr(strings.Trim(s, "[]")); err == nil && ip.Is6() {
			return "", 0, fmt.Errorf("%s has no port; an IPv6 address stands in brackets, as [::1]:1883", quote(s))
		}
		if isDecimal(s) {
			return "", 0, fmt.Errorf("%s is a port alone; write an address, as %s", quote(s), example)
		}
		if !strings.Contains(s, ":") {
			return "", 0, fmt.Errorf("%s has no port; write one, as %s", quote(s), example)
		}
		return "", 0, fmt.Errorf("%s is not an address; write one, as %s or [::1]:1883", quote(s), example)
	}
	n, err := strconv.ParseUint(digits, 10, 16)
	switch {
	case servicePorts[digits] != 0:
		return "", 0, fmt.Errorf("port %s is a name; write its number, %d", quote(digits), servicePorts[digits])
	case err != nil:
		return "", 0, fmt.Errorf("port %s is not a number from 1 to 65535", quote(digits))
	case !isDecimal(digits): // 018831 is 18831 with a slip, or 1883 with two
		return "", 0, fmt.Errorf("port %s begins with a 0; write it as %d, or the port that is meant", quote(digits), n)
	}
	return host, uint16(n), nil
}

// servicePorts are the ports of names that configurations of other programs allow. The last two are not in
// /etc/services.
var servicePorts = map[string]uint16{"mqtt": 1883, "secure-mqtt": 8883, "http": 80, "https": 443, "mqtts": 8883, "mqtt-tls": 8883}

// parseIP parses an IP address. An IPv4-mapped IPv6 address becomes IPv4. A zone must be
// the name of an interface; netip accepts any text.
func parseIP(s string) (netip.Addr, bool) {
	ip, err := netip.ParseAddr(s)
	if err != nil || strings.ContainsFunc(ip.Zone(), func(c rune) bool { return !isNameChar(c) }) {
		return netip.Addr{}, false
	}
	return ip.Unmap(), true
}

// isHostName reports whether s looks like a DNS name. It accepts underscores, because
// Docker Compose uses them in names. It refuses a last label of digits alone, because
// that is a mistyped IPv4 address.
func isHostName(s string) bool {
	s = strings.TrimSuffix(s, ".")
	if len(s) > 253 {
		return false
	}
	labels := strings.Split(s, ".")
	for _, label := range labels {
		if label == "" || len(label) > 63 || strings.Trim(label, "-") != label {
			return false
		}
		for _, c := range label {
			if !isNameChar(c) || c == '.' {
				return false
			}
		}
	}
	return strings.Trim(labels[len(labels)-1], "0123456789") != ""
}
