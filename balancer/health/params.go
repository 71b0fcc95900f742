package health

import "time"

const (
	// fastInterval replaces a longer Interval for a node that is up but under suspicion, after a failed probe or
	// session. It is HAProxy's fastinter. Probes of a node that is down keep Interval, because a node that returns
	// meets all its clients at once.
	fastInterval = time.Second

	// jitter is the largest deviation of a pause from Interval, as a share of it. It
	// spreads the probes of replicas that start together.
	jitter = 0.2

	// closeWait and closeBytes limit the wait for the broker to close its side after the
	// verdict. Closing first, with the broker's bytes unread, would send it a reset.
	closeWait  = 500 * time.Millisecond
	closeBytes = 4096

	// keepAlive is the Keep Alive of a probe's CONNECT, in seconds. If the balancer loses
	// power, the broker drops the probe's session after 1.5 times as long.
	keepAlive = 30

	// maxConnack is the size in bytes of the largest CONNACK that a probe accepts. A
	// CONNACK of 3.1.1 has 4 bytes; a refusal in the form of 5 may give its reason in
	// properties.
	maxConnack = 4096

	// maxResponse is the size in bytes of the largest response header that a probe
	// accepts. Healthy servers send less than 8 KiB.
	maxResponse = 64 << 10

	// maxStatus is how many bytes of a body of EMQX's management API are read. The answers
	// have less than 100.
	maxStatus = 4 << 10
)
