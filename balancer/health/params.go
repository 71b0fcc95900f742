package health

import "time"

const (
	// fastInterval is between probes of a node that is up and under suspicion, since a
	// probe or a session failed, where Interval is longer: HAProxy's fastinter. The way back up is not hastened, as
	// a node that returns meets all its clients at once.
	fastInterval = time.Second

	// jitter is how far a pause may be from Interval, as a share of it. It takes
	// the probes of many replicas, started together, apart.
	jitter = 0.2

	// closeWait and closeBytes bound the wait for a broker to close its side after
	// the verdict. To close first with its bytes unread would send it a reset.
	closeWait  = 500 * time.Millisecond
	closeBytes = 4096

	// keepAlive is what the CONNECT of a probe promises, in seconds. A broker
	// forgets a probe whose balancer lost its power 1.5 times as long after it.
	keepAlive = 30

	// maxConnack is the largest CONNACK that a probe reads, in bytes. That of 3.1.1
	// has 4; a refusal in the form of 5 may say why in properties.
	maxConnack = 4096

	// maxResponse is the largest header of a response that a probe reads, in bytes.
	// Servers send less than 8 KiB; more is none that is well.
	maxResponse = 64 << 10
)
