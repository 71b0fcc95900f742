// Package walk is the way of a session, or of an HTTP request, to a node: what becomes of
// it when an attempt fails.
package walk
