package config

import (
	"fmt"
	"regexp"
	"strconv"

	"go.yaml.in/yaml/v4"
)

// MaxLoad is a factor of a node's fair share of the sessions; 0: there is no limit.
type MaxLoad float64

// String returns the factor as it is written in a file.
func (m MaxLoad) String() string {
	if m == 0 {
		return "off"
	}
	return strconv.FormatFloat(float64(m), 'f', -1, 64)
}

// plainFactor is a number that every version of YAML reads alike. More digits say nothing: a session
// more or less is a greater difference.
var plainFactor = regexp.MustCompile(`^[1-9][0-9]*(\.[0-9]{1,3})?$`)

// parseMaxLoad parses a factor such as 1.25, or the word off.
func parseMaxLoad(n *yaml.Node) (MaxLoad, error) {
	if n.Kind == yaml.ScalarNode && n.Value == "off" {
		return 0, nil
	}
	if n.Kind != yaml.ScalarNode || n.Tag != "!!float" && n.Tag != "!!int" {
		return 0, fmt.Errorf("is %s; it must be a number from %v to %v, as 1.25, or off", describe(n), minMaxLoad, maxMaxLoad)
	}
	f, err := strconv.ParseFloat(n.Value, 64)
	switch {
	case err != nil || !(f >= minMaxLoad && f <= maxMaxLoad): // also NaN
		return 0, fmt.Errorf("%s is out of range %v to %v, or off", abbreviate(n.Value), minMaxLoad, maxMaxLoad)
	case !plainFactor.MatchString(n.Value):
		return 0, fmt.Errorf("is %s; write it in decimal digits, at most three after the point, as 1.25", describe(n))
	}
	return MaxLoad(f), nil
}
