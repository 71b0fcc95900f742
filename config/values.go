package config

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"go.yaml.in/yaml/v4"
)

// text turns a parser of strings into a parser of nodes. Text that YAML reads as another
// type must be quoted: other programs read other values from 010 and yes.
func text[T any](parse func(string) (T, error)) func(*yaml.Node) (T, error) {
	return func(n *yaml.Node) (T, error) {
		if n.Kind == yaml.ScalarNode && (n.Tag == "!!str" || n.Style&expanded != 0) {
			return parse(n.Value)
		}
		var zero T
		if n.Kind == yaml.ScalarNode && strings.HasPrefix(n.Tag, "!!") {
			if _, err := parse(n.Value); err != nil { // quotes would not help: a port alone is no address
				return zero, err
			}
			return zero, fmt.Errorf("is %s; it must be text: put it in quotes", describe(n))
		}
		return zero, fmt.Errorf("is %s; it must be text", describe(n))
	}
}

// checkLine checks that s is text of one line, of at most so many bytes. ifEmpty says what to write in place of
// nothing.
func checkLine(s string, most int, ifEmpty string) error {
	switch {
	case s == "":
		return errors.New("is empty; " + ifEmpty)
	case len(s) > most:
		return fmt.Errorf("is %d bytes long; at most %d are allowed", len(s), most)
	case strings.ContainsFunc(s, unicode.IsControl):
		return fmt.Errorf("%s has a control character", quote(s))
	}
	return nil
}

// oneOf parses one of a few words, whatever its YAML type: 1.2 is a number in YAML.
func oneOf[T ~string](words []T) func(*yaml.Node) (T, error) {
	return func(n *yaml.Node) (T, error) {
		if n.Kind == yaml.ScalarNode {
			if word := T(n.Value); slices.Contains(words, word) {
				return word, nil
			}
		}
		return "", errors.New(notOneOf(n, words) + meant(n, words))
	}
}

// notOneOf describes a node that is none of the words.
func notOneOf[T ~string](n *yaml.Node, words []T) string {
	return fmt.Sprintf("is %s; it must be one of %s", describe(n), joinWords(words))
}

// meant says which of the words was meant. A word of up to three letters is near to many that have nothing to do
// with it, so that only another spelling counts.
func meant[T ~string](n *yaml.Node, words []T) string {
	if n.Kind != yaml.ScalarNode {
		return ""
	}
	if word := foreignWord(n.Value, words); word != "" {
		return "; did you mean " + string(word) + "?"
	}
	word := nearestWord(n.Value, words)
	if word == "" || len(word) < 4 && normalized(n.Value) != normalized(string(word)) {
		return ""
	}
	return "; did you mean " + string(word) + "?"
}

// integer parses a whole number from least to most.
func integer(least, most int) func(*yaml.Node) (int, error) {
	return func(n *yaml.Node) (int, error) {
		if n.Kind != yaml.ScalarNode || n.Tag != "!!int" {
			return 0, fmt.Errorf("is %s; it must be a whole number from %d to %d", describe(n), least, most)
		}
		if !isDecimal(strings.TrimLeft(n.Value, "+-")) {
			return 0, fmt.Errorf("is %s; write it in decimal digits alone", describe(n))
		}
		i, err := strconv.Atoi(n.Value)
		if err != nil || i < least || i > most { // an error means that it does not fit into an int
			return 0, fmt.Errorf("%s is out of range %d to %d", abbreviate(n.Value), least, most)
		}
		return i, nil
	}
}

// isDecimal reports whether every YAML version reads s as the same number: 010 is 8 in YAML
// 1.1.
func isDecimal(s string) bool {
	return strings.Trim(s, "0123456789") == "" && (len(s) == 1 || s != "" && s[0] != '0')
}

// boolean parses true or false. YAML 1.1 has more words for them, and readers disagree on
// which.
func boolean(n *yaml.Node) (bool, error) {
	if n.Kind == yaml.ScalarNode && n.Tag == "!!bool" {
		switch n.Value {
		case "true":
			return true, nil
		case "false":
			return false, nil
		}
	}
	without := ""
	if n.Kind == yaml.ScalarNode && (n.Value == "true" || n.Value == "false") {
		without = ", without quotes"
	}
	return false, fmt.Errorf("is %s; it must be one of true, false%s", describe(n), without)
}

// duration parses a duration from least to most, or 0s if zero allows it.
func duration(least, most time.Duration, zero zeroMeans) func(*yaml.Node) (time.Duration, error) {
	return func(n *yaml.Node) (time.Duration, error) {
		if n.Kind != yaml.ScalarNode {
			return 0, fmt.Errorf("is %s; it must be a duration, as 5s or 1m30s", describe(n))
		}
		if n.Tag == "!!int" || n.Tag == "!!float" {
			unit := "s"
			if n.Tag == "!!int" && len(n.Value) > 3 { // HAProxy's files count milliseconds
				unit = "ms"
			}
			return 0, fmt.Errorf("%s has no unit; write %[1]s%s", abbreviate(n.Value), unit)
		}
		d, err := time.ParseDuration(n.Value)
		switch {
		case err != nil || n.Tag != "!!str" || n.Value == "0":
			return 0, fmt.Errorf("is %s; it must be a duration with a unit (ms, s, m, h), as 5s or 1m30s", describe(n))
		case d == 0 && zero == zeroAllowed:
			return 0, nil
		case d < least || d > most:
			or := ""
			if zero == zeroAllowed && least > 0 {
				or = ", or 0s"
			}
			return 0, fmt.Errorf("%s is out of range %s to %s%s", abbreviate(n.Value), formatDuration(least), formatDuration(most), or)
		}
		return d, nil
	}
}

// zeroMeans says whether a duration or a size may be 0 although its range starts higher.
type zeroMeans bool

const (
	zeroAllowed   zeroMeans = true
	zeroForbidden zeroMeans = false
)

// formatDuration formats a duration in its usual spelling: 1h, where String returns
// 1h0m0s.
func formatDuration(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// units of sizes. KB is missing, because it may mean 1000 or 1024 bytes.
var units = []struct {
	suffix string
	bytes  int
}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"B", 1}}

// size parses a number of bytes from least to most, or 0 if zero allows it.
func size(least, most int, zero zeroMeans) func(*yaml.Node) (int, error) {
	return func(n *yaml.Node) (int, error) {
		digits, unit := n.Value, 1
		for _, u := range units {
			if s, ok := strings.CutSuffix(digits, u.suffix); ok {
				digits, unit = s, u.bytes
				break
			}
		}
		if n.Kind != yaml.ScalarNode || n.Tag != "!!int" && n.Tag != "!!str" || !isDecimal(digits) {
			return 0, fmt.Errorf("is %s; it must be a size, as 64KiB or 1MiB or, in bytes, 65536", describe(n))
		}
		i, err := strconv.Atoi(digits)
		or := ""
		if zero == zeroAllowed {
			if digits == "0" {
				return 0, nil
			}
			or = ", or 0"
		}
		if err != nil || i > most/unit || i*unit < least {
			return 0, fmt.Errorf("%s is out of range %s to %s%s", abbreviate(n.Value), formatSize(least), formatSize(most), or)
		}
		return i * unit, nil
	}
}

// formatSize formats a size in the largest unit that divides it.
func formatSize(bytes int) string {
	for _, u := range units {
		if bytes >= u.bytes && bytes%u.bytes == 0 {
			return strconv.Itoa(bytes/u.bytes) + u.suffix
		}
	}
	return strconv.Itoa(bytes) + "B"
}

// parsePrefix parses a network, or a single address as a network of one address.
func parsePrefix(s string) (netip.Prefix, error) {
	if ip, err := netip.ParseAddr(s); err == nil && ip.Zone() == "" {
		ip = ip.Unmap()
		return netip.PrefixFrom(ip, ip.BitLen()), nil
	}
	p, err := netip.ParsePrefix(s)
	switch {
	case err != nil:
		return p, fmt.Errorf("%s is not a network; write one, as 10.0.0.0/8 or fd00::/8 or 192.0.2.7", quote(s))
	case p.Addr().Is4In6():
		return p, fmt.Errorf("%s is IPv4 within IPv6, which no connection shows; write the IPv4 network", quote(s))
	case p != p.Masked():
		return p, fmt.Errorf("%s has bits set beyond its length; the network is %s", quote(s), p.Masked())
	}
	return p, nil
}

// parseFile parses the name of a file. It does not check that the file exists.
func parseFile(s string) (string, error) {
	switch {
	case s == "":
		return "", errors.New("is empty; write the name of a file")
	case strings.ContainsFunc(s, unicode.IsControl):
		return "", fmt.Errorf("%s has a control character", quote(s))
	}
	return s, nil
}

// parseSocket parses the path of a Unix socket, or the word off.
func parseSocket(s string) (string, error) {
	if s == SocketOff {
		return s, nil
	}
	if !strings.HasPrefix(s, "/") {
		return "", fmt.Errorf("%s is no absolute path; write one, as /run/mqttlb/mqttlb.sock, or off", quote(s))
	}
	return s, checkSocketPath(s)
}

// parseStateDir parses the path of a folder, or the word off.
func parseStateDir(s string) (string, error) {
	switch {
	case s == "off":
		return "", nil
	case !strings.HasPrefix(s, "/"):
		return "", fmt.Errorf("%s is no absolute path; write that of a folder, as /var/lib/mqttlb, or off", quote(s))
	case strings.ContainsFunc(s, unicode.IsControl):
		return "", fmt.Errorf("%s has a control character", quote(s))
	}
	return s, nil
}

// parseStateFile parses the path of a file, or the word off.
func parseStateFile(s string) (string, error) {
	switch {
	case s == "off":
		return "", nil
	case !strings.HasPrefix(s, "/") || strings.HasSuffix(s, "/"):
		return "", fmt.Errorf("%s is no absolute path of a file; write one, as /var/lib/mqttlb/state.json, or off", quote(s))
	case strings.ContainsFunc(s, unicode.IsControl):
		return "", fmt.Errorf("%s has a control character", quote(s))
	}
	return s, nil
}

// parseAdminAddress parses an address to listen on, or the word off.
func parseAdminAddress(s string) (Address, error) {
	if s == "off" {
		return Address{}, nil
	}
	return parseListenAddress(s)
}
