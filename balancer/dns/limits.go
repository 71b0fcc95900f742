package dns

import "time"

// The TTLs of answers are brought into these limits.
const (
	// minTTL is for servers that say 0, such as those of some clouds: a name is not looked up for each of its TTLs of nothing.
	minTTL = time.Second

	// maxTTL is the time after which a change is noticed at the latest. A zone of nodes that has a TTL of a day was
	// hardly made for nodes that move, and a question in five minutes is no load.
	maxTTL = 5 * time.Minute

	// maxEmptyTTL limits how long a name without records is believed to have none: a node that is made now may have
	// its name soon. SOA records often say an hour.
	maxEmptyTTL = 30 * time.Second

	// emptyTTL is for an empty answer without a SOA record.
	emptyTTL = 5 * time.Second

	// hostsTTL is for answers of the hosts file, which has no TTL. Go's resolver reads the file again after so long.
	hostsTTL = 5 * time.Second

	// partialTTL limits the TTL of an answer in which one of the two address families failed.
	partialTTL = 10 * time.Second
)

const (
	// udpSize is the largest answer over UDP that we say we can take (EDNS0): it fits into the packets of any path, as
	// the DNS Flag Day of 2020 recommends. Longer answers come over TCP.
	udpSize = 1232

	// maxRecords limits an answer. No pool has so many nodes; a server that has gone wild is an error, which keeps the
	// last good answer.
	maxRecords = 1000

	// maxAliases limits a chain of CNAME records. Resolvers give up at 8 to 16 themselves.
	maxAliases = 16

	// atOnce limits the questions that wait for their answer at the same time, and so the sockets. A thousand names that
	// are looked up when the process starts must not be a burst that a small resolver drops.
	atOnce = 64

	// otherFamily is how long a look-up waits for the second of A and AAAA when the first has addresses. Some servers
	// never answer AAAA. Recursion takes less than a second even for names that no cache has.
	otherFamily = 2 * time.Second

	// silentTime is how long a server that was silent is asked after the others. Without it each look-up would wait for
	// a dead server first, and one that tries several search domains would end before it has tried the last one.
	silentTime = 30 * time.Second

	// maxRemembered limits the names whose last good answers are remembered by family. The targets of SRV records
	// change as servers like.
	maxRemembered = 4096
)

// How servers of the settings are asked. Those of /etc/resolv.conf have options there.
const (
	// DefaultTimeout is for one question to one server. The servers of a site answer in milliseconds, and a name that
	// no cache has takes a second at most.
	DefaultTimeout = 2 * time.Second

	ownAttempts = 2 // as in /etc/resolv.conf: a packet that is lost is sent again
)
