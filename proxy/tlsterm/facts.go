package tlsterm

import (
	"crypto/tls"
	"crypto/x509"
	"net/netip"
)

// Info is the result of a handshake, as text that keeps no other memory alive.
type Info struct {
	Version    string // TLSv1, TLSv1.1, TLSv1.2 or TLSv1.3, as OpenSSL writes it
	Cipher     string // OpenSSL's name, such as ECDHE-RSA-AES128-GCM-SHA256 or TLS_AES_128_GCM_SHA256
	ServerName string // the name that the client asked for (SNI); "" if none
	Protocol   string // agreed by ALPN; "" if the client offered none
	Resumed    bool   // resumed from a ticket: the client showed its certificate in an earlier connection

	// Verified reports whether the client has presented a certificate. The certificate is then valid: a
	// certificate that is not ends the handshake. If Verified is false the fields below are zero.
	Verified   bool
	CommonName string // at most 256 bytes of UTF-8, without control characters; may be ""
	Subject    string // the distinguished name (RFC 2253)
	IssuerCN   string // the Common Name of the CA that has signed the certificate
	Serial     string // in hex
	DNSNames   []string
	Emails     []string
	URIs       []string
	IPs        []netip.Addr
}

func (info *Info) identify(c *x509.Certificate) {
	info.Verified = true
	info.CommonName = c.Subject.CommonName
	info.Subject = c.Subject.String()
	info.IssuerCN = c.Issuer.CommonName
	info.Serial = c.SerialNumber.Text(16)
	info.DNSNames = c.DNSNames
	info.Emails = c.EmailAddresses
	for _, u := range c.URIs {
		info.URIs = append(info.URIs, u.String())
	}
	for _, ip := range c.IPAddresses {
		if a, ok := netip.AddrFromSlice(ip); ok {
			info.IPs = append(info.IPs, a.Unmap())
		}
	}
}

func versionName(version uint16) string {
	switch version {
	case tls.VersionTLS10:
		return "TLSv1"
	case tls.VersionTLS11:
		return "TLSv1.1"
	case tls.VersionTLS12:
		return "TLSv1.2"
	case tls.VersionTLS13:
		return "TLSv1.3"
	}
	return tls.VersionName(version)
}
