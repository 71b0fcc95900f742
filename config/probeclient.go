package config

import (
	"fmt"
	"strings"
)

// Values of the CONNECT that an mqtt probe sends.

// placeholders may be in a client identifier: a random text of this process, the name of the
// node, that of this host, and the number of this process.
var placeholders = []string{"%r", "%n", "%h", "%p"}

// parseClientIDPattern parses the client identifier of a probe. A broker closes one of two
// clients that have the same identifier, in a cluster even on two nodes; the identifiers of two
// nodes and two processes must differ.
func parseClientIDPattern(s string) (string, error) {
	const needed = "write %r, a random text, or %n, %h and %p, the name of the node, that of this host and the number of the process"
	if err := checkLine(s, maxClientID, "leave it out for an identifier of letters and digits"); err != nil {
		return "", err
	}
	rest := s
	for _, p := range placeholders {
		rest = strings.ReplaceAll(rest, p, "")
	}
	if strings.Contains(rest, "%") {
		return "", fmt.Errorf("%s has a %% that is not one of %s", quote(s), joinWords(placeholders))
	}
	has := func(p string) bool { return strings.Contains(s, p) }
	if !has("%r") && (!has("%n") || !has("%h") || !has("%p")) {
		return "", fmt.Errorf("%s is the same for several nodes or processes, and the broker would close one of two such clients; %s", quote(s), needed)
	}
	return s, nil
}

// parseUsername parses the user name of a probe.
func parseUsername(s string) (string, error) {
	return s, checkLine(s, maxUsername, "leave it out for none")
}
