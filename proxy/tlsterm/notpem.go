package tlsterm

import (
	"bytes"
	"crypto/x509"
	"encoding/base64"
	"strings"
)

// The words of missing for what is needed.
const (
	wantCertificate = "certificate"
	wantKey         = "private key"
	wantCRL         = "CRL"
)

// insteadOf says what a file has that lacks what is needed, and how to make that of it. It is empty if nothing is
// recognised.
func insteadOf(want string, blocks []pemBlock, text []byte) string {
	for _, b := range blocks {
		switch {
		case strings.HasSuffix(b.Type, "CERTIFICATE REQUEST"):
			return "; it has a certificate request, of which a CA makes the certificate"
		case b.Type == "PKCS7" || b.Type == "CMS":
			return "; it has PKCS #7: openssl pkcs7 -print_certs writes its certificates in PEM"
		case b.Type == "PUBLIC KEY" && want == wantKey:
			return "; it has the public key, and the private one is needed"
		case strings.HasSuffix(b.Type, "PRIVATE KEY") && want != wantKey:
			return "; it has a private key: are the files of certificate and key swapped?"
		case strings.HasSuffix(b.Type, "CERTIFICATE") && want == wantKey:
			return "; it has a certificate: the key may be in a file of its own"
		}
	}
	if len(blocks) > 0 {
		return "; it has " + blocks[0].Type
	}
	for _, of := range []struct{ prefix, says string }{
		{"\xfe\xed\xfe\xed", "it is a keystore of Java: keytool -importkeystore -deststoretype pkcs12 makes PKCS #12 of it, and openssl pkcs12 -nodes PEM of that"},
		{"PuTTY-User-Key-File", "it is a key of PuTTY: puttygen -O private-openssh-new writes another format, and ssh-keygen -p -m PEM makes PEM of that"},
		{"ssh-", "it is a public key of SSH"},
		{"Certificate:", "it is the text of a certificate without the certificate: openssl x509 writes both, unless -noout is there"},
	} {
		if bytes.HasPrefix(text, []byte(of.prefix)) {
			return "; " + of.says
		}
	}
	if text[0] == 0x30 { // SEQUENCE
		return insteadOfDER(text)
	}
	switch s := string(text); {
	case strings.Contains(s, `-----\n`) && !strings.Contains(s, "-----\n"):
		return `; its ends of lines are written as \n: it needs real ones`
	case strings.Contains(s, "BEGIN "):
		return "; it has a BEGIN that is not in a line of its own between five dashes on each side"
	case isBareBase64(s):
		return "; it has base64 without the lines that begin and end a block"
	}
	return ""
}

// insteadOfDER describes a file that may be DER.
func insteadOfDER(text []byte) string {
	if _, err := x509.ParseCertificate(text); err == nil {
		return "; it is a certificate in DER: openssl x509 -inform DER writes it in PEM"
	}
	if _, err := parseKey(text); err == nil {
		return "; it is a private key in DER: openssl pkey -inform DER writes it in PEM"
	}
	if _, err := x509.ParseCertificateRequest(text); err == nil {
		return "; it is a certificate request, in DER, of which a CA makes the certificate"
	}
	if _, err := x509.ParseRevocationList(text); err == nil {
		return "; it is a CRL in DER"
	}
	// The length has one byte or up to four more. Then PKCS #12 has its version, 3 (RFC 7292, 4), and PKCS #7 the
	// object identifier of signedData (RFC 2315, 14).
	for _, of := range []struct{ begin, says string }{
		{"\x02\x01\x03\x30", "it is PKCS #12 (.p12, .pfx): openssl pkcs12 -nodes writes its certificates and its key in PEM"},
		{"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02", "it is PKCS #7 (.p7b): openssl pkcs7 -inform DER -print_certs writes its certificates in PEM"},
	} {
		if at := bytes.Index(text[:min(len(text), 6+len(of.begin))], []byte(of.begin)); at >= 2 {
			return "; " + of.says
		}
	}
	return "; it is binary, perhaps DER"
}

// isBareBase64 reports whether a text is that of a block alone.
func isBareBase64(s string) bool {
	der, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(s), ""))
	return err == nil && len(der) > 40 && der[0] == 0x30
}
