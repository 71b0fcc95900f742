// Package dns looks up the names of nodes, and says for how long each answer is good.
//
//	stub := dns.NewStub(dns.Settings{})
//	addrs, ttl, err := stub.LookupAddrs(ctx, "emqx.example")
//
// The resolver of the standard library hides the TTL of an answer. A [Stub] asks recursive resolvers, and believes what
// they say: it does not check DNSSEC. It keeps no cache: the callers ask when a TTL is over.
package dns

import (
	"context"
	"errors"
	"net/netip"
	"time"
)

// ErrNoRecords is the error of a name that does not exist, or has no record of the type that was asked for: the
// answer is empty. Any other error says that there was no answer.
var ErrNoRecords = errors.New("the answer is empty")

// SRV is a record of RFC 2782.
type SRV struct {
	Target   string // in lower case, without the root dot
	Port     uint16
	Priority uint16 // lower ones come first
	Weight   uint16
}

// Resolver looks up names. The TTL of each answer is that of its shortest record, between a second and five minutes. With
// ErrNoRecords it says for how long the answer stays empty. With any other error it is 0.
type Resolver interface {
	// LookupAddrs returns the addresses (A and AAAA) of a host, sorted and each once.
	LookupAddrs(ctx context.Context, host string) (addrs []netip.Addr, ttl time.Duration, err error)
	// LookupSRV returns the records of a service, sorted and each once.
	LookupSRV(ctx context.Context, name string) (records []SRV, ttl time.Duration, err error)
	// LookupPTR returns the names of an address, in the spelling of SRV.Target, sorted and each once.
	LookupPTR(ctx context.Context, addr netip.Addr) (names []string, ttl time.Duration, err error)
}
