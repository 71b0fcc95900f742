package nodeset

import "time"

const (
	// MaxNodes limits a set. One that is larger than any cluster is an error of its source, which keeps the last good
	// set. The same as the limit of the configuration.
	MaxNodes = 1000

	// lookupTimeout is for one look-up of a set, with the names of its addresses.
	lookupTimeout = 10 * time.Second

	// nameTimeout is for the name of one address. Whoever has no reverse zone often has servers that do not answer
	// for it, and the set waits.
	nameTimeout = 3 * time.Second

	// namesAtOnce limits the look-ups of names that a set has under way.
	namesAtOnce = 16

	// minNameTTL is how long the name of an address is known at least. An address that leaves the set is forgotten, so
	// that a pod that gets it later is asked for its own name.
	minNameTTL = 30 * time.Second

	// maxForward limits the names of one address that are looked up in turn.
	maxForward = 3

	// After a failed or an empty look-up the next one comes after firstRetry, then after twice as long, until lastRetry.
	firstRetry = time.Second
	lastRetry  = 10 * time.Second

	// fileInterval is how often a file is read. Comparing contents finds every change: a file that was renamed, a link
	// that leads elsewhere (as in a ConfigMap of Kubernetes), a network file system.
	fileInterval = time.Second

	// stableReads is how many reads in a row must find the same new content: it may be written in parts.
	stableReads = 2

	// maxFileSize is how much of a file is read. It is more than a file of nodes may have, so that it is refused.
	maxFileSize = 1<<20 + 1
)
