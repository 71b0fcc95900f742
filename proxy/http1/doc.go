// Package http1 reads HTTP/1 messages (RFC 9112) as bytes, beside net/http. net/http joins, repairs and hides what it reads;
// two servers that repair a message in different ways disagree about where it ends, and the rest is then a request that nobody
// has checked. A [Follower] finds each header in the bytes of a connection, and refuses those that are open to doubt:
//
//	n, fault := f.Follow(b) // b[:n] is good; fault is the answer to what comes after
//
// A [Response] does the same for the header of a node's answer, and refuses only what would change where it ends.
//
// The package does no I/O, keeps no more than the beginning of one line, and never changes a byte.
package http1
