package web

import "time"

const (
	// stallTimeout is how long one read of a request's body may take, one
	// write to a client and one write to a node: nginx's client_body_timeout,
	// send_timeout and proxy_send_timeout, and their default. There is none for
	// a whole body: an upload or a stream may go on for as long as it moves.
	stallTimeout = 60 * time.Second

	// walkPause bounds the pause before a request tries its nodes once more, of which it
	// takes a random part, and no more than DialTimeout. It spreads what came together.
	walkPause = time.Second

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
