package dns

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	wire "github.com/miekg/dns"
)

// The types of records that are asked for.
const (
	typeA    = wire.TypeA
	typeAAAA = wire.TypeAAAA
	typeSRV  = wire.TypeSRV
	typePTR  = wire.TypePTR
)

// answer is what a server says about a name. Its ttl is also valid if it is empty.
type answer struct {
	records []wire.RR // of the type that was asked for
	ttl     time.Duration
	fqdn    string
}

// readAnswer reads the reply to a question that it answers. CNAME records lead from the name to its records. The error
// is ErrNoRecords if there are none; any other error says that another server may know more.
func readAnswer(reply *wire.Msg, fqdn string, qtype uint16) (answer, error) {
	switch {
	case reply.Rcode == wire.RcodeNameError:
		return answer{ttl: emptyTTLOf(reply), fqdn: fqdn}, fmt.Errorf("%s does not exist: %w", plain(fqdn), ErrNoRecords)
	case reply.Rcode != wire.RcodeSuccess:
		return answer{}, fmt.Errorf("it says %s", cmp.Or(wire.RcodeToString[reply.Rcode], fmt.Sprint("response code ", reply.Rcode)))
	case len(reply.Answer) == 0 && !reply.Authoritative && !reply.RecursionAvailable:
		return answer{}, errReferral
	case len(reply.Answer) > maxRecords:
		return answer{}, fmt.Errorf("the answer has %d records, at most %d are allowed", len(reply.Answer), maxRecords)
	}
	a := answer{ttl: maxTTL, fqdn: fqdn}
	name := wire.CanonicalName(fqdn)
	for range maxAliases + 1 {
		alias := ""
		for _, rr := range reply.Answer {
			h := rr.Header()
			if h.Class != wire.ClassINET || wire.CanonicalName(h.Name) != name {
				continue
			}
			if h.Rrtype == qtype {
				a.records = append(a.records, rr)
				a.ttl = min(a.ttl, ttlOf(h.Ttl))
			} else if c, ok := rr.(*wire.CNAME); ok {
				alias = wire.CanonicalName(c.Target)
				a.ttl = min(a.ttl, ttlOf(h.Ttl))
			}
		}
		switch {
		case len(a.records) > 0:
			return a, nil
		case alias == "":
			a.ttl = emptyTTLOf(reply)
			return a, emptyError(fqdn, wire.TypeToString[qtype]+" record")
		}
		name = alias
	}
	return answer{}, fmt.Errorf("the answer has more than %d CNAME records in a row, or a loop of them", maxAliases)
}

// emptyError says that a name has no records of some kind.
func emptyError(fqdn, kind string) error {
	return fmt.Errorf("%s has no %s: %w", plain(fqdn), kind, ErrNoRecords)
}

// ttlOf brings the TTL of a record into our limits. One with the highest bit is 0 (RFC 2181, section 8).
func ttlOf(seconds uint32) time.Duration {
	if seconds >= 1<<31 {
		return minTTL
	}
	return min(max(time.Duration(seconds)*time.Second, minTTL), maxTTL)
}

// emptyTTLOf is how long an empty reply stays empty (RFC 2308, section 5), within our limits.
func emptyTTLOf(reply *wire.Msg) time.Duration {
	for _, rr := range reply.Ns {
		if soa, ok := rr.(*wire.SOA); ok {
			return min(ttlOf(soa.Hdr.Ttl), ttlOf(soa.Minttl), maxEmptyTTL)
		}
	}
	return emptyTTL
}

// addrs returns the addresses of an answer.
func (a answer) addrs() (addrs []netip.Addr) {
	for _, rr := range a.records {
		var b []byte
		switch rr := rr.(type) {
		case *wire.A:
			b = rr.A.To4()
		case *wire.AAAA:
			b = rr.AAAA.To16()
		}
		if addr, ok := netip.AddrFromSlice(b); ok {
			addrs = append(addrs, addr.Unmap())
		}
	}
	return addrs
}

// services returns the SRV records of an answer, see [Stub.LookupSRV].
func (a answer) services() (all []SRV, err error) {
	var strange error
	for _, rr := range a.records {
		r, ok := rr.(*wire.SRV)
		switch {
		case !ok || r.Target == ".":
			continue
		case r.Port == 0 || !isHostName(r.Target):
			strange = fmt.Errorf("%s: nobody can connect to %s port %d of its SRV record", plain(a.fqdn), plain(r.Target), r.Port)
			continue
		}
		all = append(all, SRV{Target: plain(r.Target), Port: r.Port, Priority: r.Priority, Weight: r.Weight})
	}
	switch {
	case len(all) == 0 && strange != nil:
		return nil, strange
	case len(all) == 0:
		return nil, fmt.Errorf("%s says that there is no such service: %w", plain(a.fqdn), ErrNoRecords)
	}
	slices.SortFunc(all, func(a, b SRV) int {
		return cmp.Or(cmp.Compare(a.Priority, b.Priority), cmp.Compare(a.Target, b.Target),
			cmp.Compare(a.Port, b.Port), cmp.Compare(a.Weight, b.Weight))
	})
	return slices.Compact(all), nil
}

// names returns the names of PTR records, without those that are no names of hosts.
func (a answer) names() (all []string, err error) {
	for _, rr := range a.records {
		if r, ok := rr.(*wire.PTR); ok && isHostName(r.Ptr) {
			all = append(all, plain(r.Ptr))
		}
	}
	if len(all) == 0 {
		return nil, emptyError(a.fqdn, "PTR record with the name of a host")
	}
	slices.Sort(all)
	return slices.Compact(all), nil
}

// isHostName reports whether a name from an answer can be the name of a host: labels of letters, digits, hyphens and
// underscores. It goes to logs, metrics and certificates.
func isHostName(fqdn string) bool {
	name := strings.TrimSuffix(fqdn, ".")
	if name == "" || len(name) > 253 {
		return false
	}
	for label := range strings.SplitSeq(name, ".") {
		if label == "" || len(label) > 63 || strings.HasPrefix(label, "-") || strings.Trim(label, hostLetters) != "" {
			return false
		}
	}
	return true
}

const hostLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"

// plain returns a name in lower case, without the root dot.
func plain(fqdn string) string { return strings.TrimSuffix(wire.CanonicalName(fqdn), ".") }
