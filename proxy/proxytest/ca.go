package proxytest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// CA is a certificate authority.
type CA struct{ Pair }

// NewCA makes a root, valid for another 60 days.
func NewCA(name string) *CA {
	key := newKey()
	template := authority(name)
	return &CA{sign(template, template, key, key)}
}

// LoadCA reads an authority from two files.
func LoadCA(cert, key string) *CA {
	c := must(tls.LoadX509KeyPair(cert, key))
	return &CA{newPair(c.Leaf, c.PrivateKey.(crypto.Signer))}
}

// Intermediate makes an authority that ca has certified. What it issues has a chain of
// one: a test that wants the intermediate in it appends that.
func (ca *CA) Intermediate(name string) *CA {
	return &CA{ca.sign(authority(name), newKey())}
}

// IntermediateFrom is Intermediate for an authority that is valid in these 60 days.
func (ca *CA) IntermediateFrom(name string, notBefore time.Time) *CA {
	template := authority(name)
	template.NotBefore, template.NotAfter = notBefore, notBefore.AddDate(0, 0, 60)
	return &CA{ca.sign(template, newKey())}
}

// Certify makes another certificate of the name and key of an authority.
func (ca *CA) Certify(other *CA) *CA {
	return &CA{ca.sign(authority(other.TLS.Leaf.Subject.CommonName), other.TLS.PrivateKey.(crypto.Signer))}
}

// Issue makes a certificate for servers and clients, valid for another 30 days, with an ECDSA
// key of its own. The names are hosts and addresses; the first is the Common Name, too.
func (ca *CA) Issue(names ...string) Pair {
	return ca.IssueLike(x509.Certificate{}, names...)
}

// IssueLike is Issue with the fields of template that are set.
func (ca *CA) IssueLike(template x509.Certificate, names ...string) Pair {
	return ca.sign(leaf(template, names), newKey())
}

// IssueRSA is like Issue, but with an RSA key of 2,048 bits. All RSA certificates share
// one key, because generating a key takes long.
func (ca *CA) IssueRSA(names ...string) Pair {
	return ca.sign(leaf(x509.Certificate{}, names), rsaKey())
}

// Expired is a template for IssueLike.
func Expired() x509.Certificate { return x509.Certificate{NotAfter: time.Now().Add(-time.Minute)} }

// CRL lists the revoked certificates, in DER. The list itself is stale after next.
func (ca *CA) CRL(next time.Time, revoked ...*x509.Certificate) []byte {
	return ca.CRLFrom(time.Now().Add(-2*time.Hour), next, revoked...)
}

// CRLFrom is CRL for a list that was made at a time of its own.
func (ca *CA) CRLFrom(made, next time.Time, revoked ...*x509.Certificate) []byte {
	list := &x509.RevocationList{Number: serial(), ThisUpdate: made, NextUpdate: next}
	for _, r := range revoked {
		list.RevokedCertificateEntries = append(list.RevokedCertificateEntries,
			x509.RevocationListEntry{SerialNumber: r.SerialNumber, RevocationTime: time.Now().Add(-time.Hour)})
	}
	return must(x509.CreateRevocationList(rand.Reader, list, ca.TLS.Leaf, ca.TLS.PrivateKey.(crypto.Signer)))
}

// Pool holds ca alone.
func (ca *CA) Pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(ca.TLS.Leaf)
	return pool
}

// Trust is the configuration of a client that believes ca alone, wants a server of this
// name, and shows these certificates.
func (ca *CA) Trust(server string, show ...Pair) *tls.Config {
	config := &tls.Config{RootCAs: ca.Pool(), ServerName: server}
	for _, p := range show {
		config.Certificates = append(config.Certificates, p.TLS)
	}
	return config
}

func (ca *CA) sign(template *x509.Certificate, key crypto.Signer) Pair {
	return sign(template, ca.TLS.Leaf, key, ca.TLS.PrivateKey)
}

// sign makes a certificate of key, which signer signs as parent.
func sign(template, parent *x509.Certificate, key crypto.Signer, signer crypto.PrivateKey) Pair {
	der := must(x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer))
	return newPair(must(x509.ParseCertificate(der)), key)
}

// authority is the template of a CA.
func authority(name string) *x509.Certificate {
	return &x509.Certificate{
		SerialNumber: serial(), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().AddDate(0, 0, -60), NotAfter: time.Now().AddDate(0, 0, 60),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
}

// leaf sets what a template leaves open.
func leaf(c x509.Certificate, names []string) *x509.Certificate {
	c.SerialNumber = serial()
	for _, name := range names {
		if ip := net.ParseIP(name); ip != nil {
			c.IPAddresses = append(c.IPAddresses, ip)
		} else {
			c.DNSNames = append(c.DNSNames, name)
		}
	}
	if c.Subject.CommonName == "" && len(names) > 0 {
		c.Subject.CommonName = names[0]
	}
	if c.NotAfter.IsZero() {
		c.NotAfter = time.Now().AddDate(0, 0, 30)
	}
	if c.NotBefore.IsZero() {
		c.NotBefore = c.NotAfter.AddDate(0, 0, -60)
	}
	if c.KeyUsage == 0 {
		c.KeyUsage = x509.KeyUsageDigitalSignature
	}
	if c.ExtKeyUsage == nil {
		c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
	}
	return &c
}

// newKey finds an ECDSA key, which takes microseconds.
func newKey() crypto.Signer { return must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader)) }

var rsaKey = sync.OnceValue(func() *rsa.PrivateKey { return must(rsa.GenerateKey(rand.Reader, 2048)) })

var serials atomic.Int64

func serial() *big.Int { return big.NewInt(serials.Add(1)) }
