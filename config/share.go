package config

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"
)

// A Share is a share of the clients, in millionths, as in package balancer.
type Share int

// NoShare is the Share of a route that does not ask for one.
const NoShare Share = -1

// wholeShare is every client.
const wholeShare Share = 1_000_000

// onePercent is a hundredth of the clients.
const onePercent = wholeShare / 100

// String returns the share as it is written in a file; NoShare is not written.
func (s Share) String() string {
	if s == NoShare {
		return ""
	}
	return strconv.FormatFloat(float64(s)/float64(onePercent), 'f', -1, 64) + "%"
}

// plainPercentage is a percentage with as many digits as a Share has.
var plainPercentage = regexp.MustCompile(`^(0|[1-9][0-9]*)(\.[0-9]{1,4})?%$`)

// parseShare parses a percentage, such as 5% or 0.5%.
func parseShare(n *yaml.Node) (Share, error) {
	if n.Kind == yaml.ScalarNode && (n.Tag == "!!int" || n.Tag == "!!float") {
		if part, err := strconv.ParseFloat(n.Value, 64); err == nil && part > 0 && part < 1 {
			return 0, fmt.Errorf("%s has no unit; write %s%% for that part of all, or %[1]s%%", abbreviate(n.Value), strconv.FormatFloat(part*100, 'g', 6, 64))
		}
		return 0, fmt.Errorf("%s has no unit; write %[1]s%%", abbreviate(n.Value))
	}
	if n.Kind != yaml.ScalarNode || !plainPercentage.MatchString(n.Value) {
		return 0, fmt.Errorf("is %s; it must be a percentage of the clients with at most four digits after the point, as 5%% or 0.5%%", describe(n))
	}
	percent, err := strconv.ParseFloat(strings.TrimSuffix(n.Value, "%"), 64)
	if err != nil || percent > 100 {
		return 0, fmt.Errorf("%s is out of range 0%% to %s", abbreviate(n.Value), wholeShare)
	}
	return Share(percent*float64(onePercent) + 0.5), nil // no fraction is exact in binary
}
