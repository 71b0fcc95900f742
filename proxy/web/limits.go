package web

import "time"

const (
	// stallTimeout is the time limit for one write to a client or a node without a
	// ResponseTimeout: nginx's send_timeout and proxy_send_timeout.
	stallTimeout = 60 * time.Second

	// maxRest is how many bytes of a body are read before the balancer answers itself, so
	// that the connection can be kept: as many as net/http reads.
	maxRest = 256 << 10

	// lingerTime is how long the balancer discards the client's bytes after an answer
	// that ends its connection: closing with unread bytes would send RST, and the client
	// might lose the answer.
	lingerTime = 2 * time.Second

	// idleTimeout is how long a connection to a node waits for its next request. Cowboy,
	// which serves EMQX's dashboard, closes after 5 s (request_timeout). The balancer
	// closes earlier, so that no POST meets the node's close: it cannot be repeated.
	idleTimeout = 4 * time.Second

	// IdlePerNode limits the idle connections to one node. A browser opens six.
	IdlePerNode = 32

	// maxResponseHeader limits the header of a node's response, in bytes. Go's default is
	// 10 MiB.
	maxResponseHeader = 64 << 10

	// expectContinue is how long to wait for a node's answer to "Expect: 100-continue"
	// before sending the body, RFC 9110 section 10.1.1.
	expectContinue = time.Second

	// keyLength is the length of a cookie's key in bytes: long enough that nobody guesses
	// another client's key, and that no key is drawn twice.
	keyLength = 16
)
