package config

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"
)

// A Rate is a number of events a second; 0: there is no limit, or no such event.
type Rate int

// RateOfPool is the rate of a node that has none of its own: that of its pool.
const RateOfPool Rate = -1

// String returns the rate as it is written in a file; RateOfPool is not written.
func (r Rate) String() string {
	switch r {
	case RateOfPool:
		return ""
	case 0:
		return "off"
	}
	return strconv.Itoa(int(r)) + "/s"
}

// rateOf parses a rate of such events, as 1000/s, or the word off.
func rateOf(events string) func(*yaml.Node) (Rate, error) {
	return func(n *yaml.Node) (Rate, error) {
		if n.Kind != yaml.ScalarNode {
			return 0, fmt.Errorf("is %s; it must be a rate, as 1000/s, or off", describe(n))
		}
		if n.Value == "off" {
			return 0, nil
		}
		if n.Tag == "!!int" && isDecimal(n.Value) && n.Value != "0" {
			return 0, fmt.Errorf("%s has no unit; write %[1]s/s", abbreviate(n.Value))
		}
		digits, ok := strings.CutSuffix(n.Value, "/s")
		if !ok || n.Tag != "!!str" || !isDecimal(digits) {
			return 0, fmt.Errorf("is %s; it must be a number of %s a second, as 1000/s, or off", describe(n), events)
		}
		i, err := strconv.Atoi(digits)
		if err != nil || i < 1 || i > maxRate {
			return 0, fmt.Errorf("%s is out of range %s to %s, or off", abbreviate(n.Value), Rate(1), Rate(maxRate))
		}
		return Rate(i), nil
	}
}

// A Queue bounds the sessions that wait for a node with a rate.
type Queue struct {
	Size Sessions      // that wait for one node; 0: none
	Time time.Duration // the longest wait
}

// Sessions is a number of sessions.
type Sessions int

// sessions parses a number of sessions from least to most.
func sessions(least, most int) func(*yaml.Node) (Sessions, error) {
	return func(n *yaml.Node) (Sessions, error) {
		i, err := integer(least, most)(n)
		return Sessions(i), err
	}
}

// ConnectRateOf returns the rate of a node of the pool.
func (p *Pool) ConnectRateOf(n *Node) Rate {
	if n.ConnectRate == RateOfPool {
		return p.ConnectRate
	}
	return n.ConnectRate
}

// hasRate reports whether a node of the pool has a rate.
func (p *Pool) hasRate() bool {
	return p.ConnectRate > 0 || slices.ContainsFunc(p.Nodes, func(n Node) bool { return n.ConnectRate > 0 })
}
