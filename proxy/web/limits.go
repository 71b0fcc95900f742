package web

import "time"

const (
	// stallTimeout is how long one write to a client or a node may take where
	// Options has no ResponseTimeout: nginx's send_timeout and proxy_send_timeout.
	stallTimeout = 60 * time.Second

	// maxRest is how much of a body is read before an answer of ours, in bytes, so
	// that the connection can be kept: as much as net/http reads.
	maxRest = 256 << 10

	// lingerTime is how long what a client still sends is thrown away after an answer
	// that ends its connection: closing with unread bytes would send RST, and the
	// answer could be lost with it.
	lingerTime = 2 * time.Second

	// idleTimeout is how long a connection to a node waits for its next request.
	// Cowboy, which serves EMQX's dashboard, closes after 5 s (request_timeout).
	// Closing first spares a POST the race with that: it cannot be repeated.
	idleTimeout = 4 * time.Second

	// IdlePerNode bounds the connections to one node that wait. A browser
	// opens six.
	IdlePerNode = 32

	// maxResponseHeader bounds the header of a node's response in bytes. Go's
	// default is 10 MiB.
	maxResponseHeader = 64 << 10

	// expectContinue is how long a node may think about "Expect: 100-continue"
	// before it gets the body all the same, RFC 9110 section 10.1.1.
	expectContinue = time.Second

	// keyLength is the bytes of a cookie's key: too many to guess another
	// client's, or to draw one twice.
	keyLength = 16
)
