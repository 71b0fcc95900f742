package tlsterm

import (
	"crypto/tls"
	"crypto/x509"
	"net/netip"
)

// Info is what a handshake has established, as text that keeps nothing else alive.
type Info struct {
	Version    string // TLSv1.2 or TLSv1.3, as OpenSSL writes it
	Cipher     string // OpenSSL's name: ECDHE-RSA-AES128-GCM-SHA256, TLS_AES_128_GCM_SHA256
	ServerName string // that the client asked for (SNI); "" when it named none
	Protocol   string // agreed on by ALPN; "" when the client offered none
	Resumed    bool   // from a ticket: a certificate was shown in an earlier connection

	// Verified says that the client has shown a certificate and that it was valid: for this listener a certificate
	// is either that or the end of the handshake. The fields below are zero without it.
	Verified   bool
	CommonName string // at most 256 bytes of UTF-8, without control characters; may be ""
	Subject    string // the distinguished name (RFC 2253)
	Serial     string // in hex
	DNSNames   []string
	Emails     []string
	URIs       []string
	IPs        []netip.Addr
}

// Facts is what state says of a session of a Terminator.
func Facts(state tls.ConnectionState) Info {
	info := Info{
		Version:    versionName(state.Version),
		Cipher:     cipherName(state.CipherSuite),
		ServerName: state.ServerName,
		Protocol:   state.NegotiatedProtocol,
		Resumed:    state.DidResume,
	}
	if len(state.PeerCertificates) > 0 && len(state.VerifiedChains) > 0 {
		info.identify(state.PeerCertificates[0])
	}
	return info
}

func (info *Info) identify(c *x509.Certificate) {
	info.Verified = true
	info.CommonName = c.Subject.CommonName
	info.Subject = c.Subject.String()
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
	case tls.VersionTLS12:
		return "TLSv1.2"
	case tls.VersionTLS13:
		return "TLSv1.3"
	}
	return tls.VersionName(version)
}
