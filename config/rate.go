package config

import (
	"fmt"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"
)

// Rate is a number of events a second; 0: there is no such rate.
type Rate int

// String returns the rate as it is written in a file.
func (r Rate) String() string {
	if r == 0 {
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
