package snapshot

import "strings"

// HeaderNames returns the set of the names, as HeaderName returns each.
func HeaderNames(names []string) map[string]bool {
	set := make(map[string]bool, len(names))
	for _, name := range names {
		set[HeaderName(name)] = true
	}
	return set
}

// HeaderName returns the name of a header for comparison. Servers that turn headers into variables read X_Client_IP as
// X-Client-IP.
func HeaderName(name string) string { return strings.ToLower(strings.ReplaceAll(name, "_", "-")) }
