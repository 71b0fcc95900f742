package config

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"
)

// A Reserve is a number of places of Limits.MaxConnections, or, if it is negative, a percentage of them: -5 is 5 %.
type Reserve int

// String returns the reserve as it is written in a file.
func (r Reserve) String() string {
	if r < 0 {
		return strconv.Itoa(-int(r)) + "%"
	}
	return strconv.Itoa(int(r))
}

// of returns the number of places that it reserves of all.
func (r Reserve) of(places int) int {
	if r < 0 {
		return places * -int(r) / 100
	}
	return int(r)
}

// ReserveOf returns the reserve of a listener. With so many listeners that the default would leave few
// places for all of them, it is none.
func (c *Config) ReserveOf(l *Listener) Reserve {
	if l.Reserve == defaultListener.Reserve && len(c.Listeners) > maxReserving {
		return 0
	}
	return l.Reserve
}

// parseReserve parses a number of places, or a percentage.
func parseReserve(n *yaml.Node) (Reserve, error) {
	if n.Kind == yaml.ScalarNode && n.Tag == "!!str" {
		if digits, ok := strings.CutSuffix(n.Value, "%"); ok && isDecimal(digits) {
			percent, err := strconv.Atoi(digits)
			if err != nil || percent > maxReserve {
				return 0, fmt.Errorf("%s is out of range 0%% to %d%%", abbreviate(n.Value), maxReserve)
			}
			return Reserve(-percent), nil
		}
	}
	places, err := integer(0, maxConnections)(n)
	if err != nil && (n.Kind != yaml.ScalarNode || n.Tag != "!!int") {
		return 0, fmt.Errorf("is %s; it must be a number of places, as 500, or a percentage of limits.max_connections, as 5%%", describe(n))
	}
	return Reserve(places), err
}

// checkReserves checks that the reserves of all listeners leave places for the others.
func checkReserves(c *Config, s *source) {
	const most = "limits.max_connections"
	sum := 0
	for i := range c.Listeners {
		l, at := &c.Listeners[i], child(item("listeners", i), "reserve")
		if !s.valid(at, most) {
			return
		}
		of := c.ReserveOf(l).of(c.Limits.MaxConnections)
		if sum += of; !s.written(at) {
			continue
		}
		own := child(item("listeners", i), "max_connections")
		if s.valid(own) && l.MaxConnections > 0 && of > l.MaxConnections {
			s.errorf(at, "%s, %d places, is more than the listener's max_connections %d; it can be at most that", l.Reserve, of, l.MaxConnections)
		}
		if sum > c.Limits.MaxConnections {
			s.errorf(at, "%s: the reserves of the listeners up to this one are %d places, more than %s %d; together they can be at most that", l.Reserve, sum, most, c.Limits.MaxConnections)
			return
		}
	}
}

// A SocketBuffer is a number of bytes; 0: as the kernel likes.
type SocketBuffer int

// String returns the size as it is written in a file.
func (b SocketBuffer) String() string {
	if b == 0 {
		return "auto"
	}
	return formatSize(int(b))
}

// parseSocketBuffer parses a size, or the word auto.
func parseSocketBuffer(n *yaml.Node) (SocketBuffer, error) {
	if n.Kind == yaml.ScalarNode && n.Value == "auto" {
		return 0, nil
	}
	b, err := size(minSocketBuffer, maxSocketBuffer, zeroForbidden)(n)
	if err != nil {
		err = errors.New(err.Error() + ", or auto")
	}
	return SocketBuffer(b), err
}
