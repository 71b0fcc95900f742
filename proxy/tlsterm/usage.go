package tlsterm

import (
	"crypto/rsa"
	"crypto/x509"
	"fmt"
	"slices"
	"strings"
)

// extUsages are the names of extended key usages, as OpenSSL prints them in a configuration.
var extUsages = map[x509.ExtKeyUsage]string{
	x509.ExtKeyUsageServerAuth: "serverAuth", x509.ExtKeyUsageClientAuth: "clientAuth", x509.ExtKeyUsageCodeSigning: "codeSigning",
	x509.ExtKeyUsageEmailProtection: "emailProtection", x509.ExtKeyUsageTimeStamping: "timeStamping", x509.ExtKeyUsageOCSPSigning: "OCSPSigning",
}

// maybeFor reports whether the extended key usage of a certificate allows one of these (RFC 5280, 4.2.1.12). A
// certificate without the extension is for all.
func maybeFor(c *x509.Certificate, usages ...x509.ExtKeyUsage) bool {
	return len(c.ExtKeyUsage)+len(c.UnknownExtKeyUsage) == 0 ||
		slices.ContainsFunc(c.ExtKeyUsage, func(u x509.ExtKeyUsage) bool { return u == x509.ExtKeyUsageAny || slices.Contains(usages, u) })
}

// usageOf lists the extended key usage of a certificate.
func usageOf(c *x509.Certificate) string {
	var all []string
	for _, u := range c.ExtKeyUsage {
		if name := extUsages[u]; name != "" {
			all = append(all, name)
		}
	}
	for _, id := range c.UnknownExtKeyUsage {
		all = append(all, id.String())
	}
	if len(all) == 0 {
		return "others"
	}
	return strings.Join(all, ", ")
}

// checkServer refuses a certificate that no client accepts from a server.
func checkServer(c *x509.Certificate) error {
	// The last two are of the time when strong cryptography needed a permit; OpenSSL takes them for serverAuth.
	if maybeFor(c, x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageMicrosoftServerGatedCrypto, x509.ExtKeyUsageNetscapeServerGatedCrypto) {
		return nil
	}
	return fmt.Errorf("the certificate of %s is not for a server: its extended key usage is %s, without serverAuth, so that clients refuse it",
		listed(hostNames(c)), usageOf(c))
}

// doubtsAboutServer are the reasons why many clients refuse a certificate that a server shows.
func doubtsAboutServer(c *x509.Certificate) (all []error) {
	if !hasSAN(c) {
		all = append(all, fmt.Errorf("the certificate of %s has no SAN: clients in Go, Java, Python and browsers do not look at its CN, and refuse it", listed(hostNames(c))))
	}
	const signs = x509.KeyUsageDigitalSignature
	if c.KeyUsage != 0 && c.KeyUsage&signs == 0 {
		what := "signs certificates alone, as that of a CA"
		if _, isRSA := c.PublicKey.(*rsa.PublicKey); isRSA && c.KeyUsage&x509.KeyUsageKeyEncipherment != 0 {
			what = "is that of the key exchange of old ciphers"
		}
		all = append(all, fmt.Errorf("the key usage of the certificate of %s lacks digitalSignature and %s: many clients refuse it", listed(hostNames(c)), what))
	}
	return all
}

// doubtsAboutClient are the reasons why nodes may refuse a certificate that we show them.
func doubtsAboutClient(c *x509.Certificate) (all []error) {
	if !maybeFor(c, x509.ExtKeyUsageClientAuth) {
		all = append(all, fmt.Errorf("the certificate of %s is not for a client: its extended key usage is %s, without clientAuth, so that nodes that verify it refuse it",
			listed(hostNames(c)), usageOf(c)))
	}
	return all
}

// hostNames returns the names and addresses of a certificate for people: those of its SANs, or if there are none its
// Common Name.
func hostNames(c *x509.Certificate) []string {
	list := slices.Clone(c.DNSNames)
	for _, ip := range c.IPAddresses {
		list = append(list, ip.String())
	}
	switch {
	case len(list) > 0:
	case c.Subject.CommonName != "":
		list = []string{c.Subject.CommonName}
	case c.Subject.String() != "":
		list = []string{c.Subject.String()}
	}
	return list
}

// listedNames is how many names a message has. A certificate may have a hundred, which all belong to one site.
const listedNames = 3

// listed lists the names for a message.
func listed(names []string) string {
	switch more := len(names) - listedNames; {
	case len(names) == 0:
		return "nobody"
	case more > 0:
		return fmt.Sprintf("%s and %d more", strings.Join(names[:listedNames], ", "), more)
	}
	return strings.Join(names, ", ")
}
