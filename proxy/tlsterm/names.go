package tlsterm

import (
	"cmp"
	"crypto/ecdsa"
	"crypto/tls"
	"crypto/x509"
	"slices"
	"strings"

	"mqttlb/proxy/hostname"
)

// names chooses a certificate by the name that a client asks for (RFC 6066, 3). An exact name goes before a wildcard,
// and a wildcard stands for one label. An address is no name there, but clients send it as one. Names are in the spelling of
// [hostname.Canonical]. It is immutable.
type names struct {
	exact    map[string][]*tls.Certificate // by name or address
	wildcard map[string][]*tls.Certificate // by the part after "*", with its dot
	others   []*tls.Certificate            // for clients without a name, and for unknown names unless strict
	strict   bool
}

// newNames indexes certs by name. The first of certs is the default.
func newNames(certs []*tls.Certificate, strict bool) *names {
	n := &names{exact: map[string][]*tls.Certificate{}, wildcard: map[string][]*tls.Certificate{}, strict: strict}
	for i, c := range certs {
		shared := i == 0
		for _, name := range namesOf(c.Leaf) {
			shared = shared || slices.Contains(namesOf(certs[0].Leaf), name)
			if suffix, wild := strings.CutPrefix(name, "*"); wild {
				n.wildcard[suffix] = append(n.wildcard[suffix], c)
			} else {
				n.exact[name] = append(n.exact[name], c)
			}
		}
		if shared { // the same site with another kind of key
			n.others = append(n.others, c)
		}
	}
	for _, m := range []map[string][]*tls.Certificate{n.exact, n.wildcard} {
		for _, list := range m {
			sortByCost(list)
		}
	}
	sortByCost(n.others)
	return n
}

// sortByCost sorts ECDSA first: its signature costs a thirtieth of RSA's, and the certificate is
// smaller.
func sortByCost(certs []*tls.Certificate) {
	slices.SortStableFunc(certs, func(a, b *tls.Certificate) int { return cmp.Compare(cost(a), cost(b)) })
}

func cost(c *tls.Certificate) int {
	if _, ok := c.Leaf.PublicKey.(*ecdsa.PublicKey); ok {
		return 0
	}
	return 1
}

// namesOf returns the names of a certificate as they are compared: its DNS names, or if there are none the Common Name,
// as HAProxy and old devices do; then its addresses.
func namesOf(c *x509.Certificate) []string {
	list := c.DNSNames
	if len(list) == 0 && c.Subject.CommonName != "" {
		list = []string{c.Subject.CommonName}
	}
	for _, ip := range c.IPAddresses {
		list = append(list[:len(list):len(list)], ip.String())
	}
	var names []string
	for _, name := range list {
		if name = hostname.Canonical(name); !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// lookup returns the certificates for a name, or nil if the name is too long for one, or if it is unknown and n is strict.
func (n *names) lookup(name string) []*tls.Certificate {
	switch {
	case name == "":
		return n.others
	case len(name) > maxServerName:
		return nil
	}
	name = hostname.Canonical(name)
	if list := n.exact[name]; list != nil {
		return list
	}
	if dot := strings.IndexByte(name, '.'); dot > 0 {
		if list := n.wildcard[name[dot:]]; list != nil {
			return list
		}
	}
	if n.strict {
		return nil
	}
	return n.others
}

// choose is the GetCertificate of a tls.Config. If it returns neither a certificate nor an error, crypto/tls
// answers unrecognized_name.
func (n *names) choose(info *tls.ClientHelloInfo) (*tls.Certificate, error) {
	list := n.lookup(info.ServerName)
	if len(list) == 0 {
		return nil, nil
	}
	if ctx := info.Context(); ctx != nil {
		if h, ok := ctx.Value(helloKey{}).(*hello); ok {
			h.certs = list
		}
	}
	// Hide the name: it has been matched already, and it is for the client to judge whether
	// the certificate has it.
	anonymous := *info
	anonymous.ServerName = ""
	for _, c := range list {
		if anonymous.SupportsCertificate(c) == nil {
			return c, nil
		}
	}
	return list[0], nil // crypto/tls reports what the client does not support
}
