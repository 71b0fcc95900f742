package health

import "time"

const (
	// A broker that is overloaded may take a second to accept; one that needs more
	// than two should get no new clients. Five seconds between probes are
	// invisible to a broker and, three in a row, find a silent one within 15.
	defaultInterval = 5 * time.Second
	defaultTimeout  = 2 * time.Second

	// One lost probe is a lost packet; three are a lost node. Two good ones keep
	// a broker that dies at the end of its start from being taken for up.
	defaultFall = 3
	defaultRise = 2

	// fastInterval is between probes of a node that is up and under suspicion, where
	// Interval is longer: HAProxy's fastinter. The way back up is not hastened, as
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
)
