package tlsterm

import (
	"bytes"
	"cmp"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

// CertificateFile names the PEM files of one certificate.
type CertificateFile struct {
	Cert string // the certificate and its chain, in any order; also the key if Key is ""
	Key  string // the unencrypted key; "" if Cert has it, as with HAProxy
}

// keyFile returns the file with the key.
func (f CertificateFile) keyFile() string { return cmp.Or(f.Key, f.Cert) }

// files returns the files of f.
func (f CertificateFile) files() []string {
	if f.Key == "" {
		return []string{f.Cert}
	}
	return []string{f.Cert, f.Key}
}

// load reads a certificate and its key. The errors name the file and never quote its
// content.
func (f CertificateFile) load() (*tls.Certificate, error) {
	about := func(file string, err error) error { return aboutFile(KindCertificate, file, err) }
	text, certErr := readFile(f.Cert, maxCertificateFile)
	var keyErr error
	keyText := text
	if f.Key != "" {
		keyText, keyErr = readFile(f.Key, maxCertificateFile)
	}
	var certs []*x509.Certificate
	var keys []crypto.Signer
	if text != nil {
		certs, certErr = parseCertificates(text)
	}
	if keyText != nil {
		keys, keyErr = parseKeys(keyText)
	}
	if certErr != nil && f.Key == "" {
		keyErr = nil // one cause is enough for one file
	}
	if err := errors.Join(about(f.Cert, certErr), about(f.keyFile(), keyErr)); err != nil {
		return nil, err
	}
	for _, key := range keys {
		for _, c := range certs {
			if public, ok := key.Public().(interface{ Equal(crypto.PublicKey) bool }); ok && public.Equal(c.PublicKey) {
				return &tls.Certificate{Certificate: chain(c, certs), PrivateKey: key, Leaf: c}, nil
			}
		}
	}
	if f.Key == "" {
		return nil, about(f.Cert, fmt.Errorf("the key belongs to none of its certificates, the first of which is that of %s", listed(hostNames(certs[0]))))
	}
	return nil, about(f.Key, fmt.Errorf("the key does not belong to a certificate in %s, the first of which is that of %s", f.Cert, listed(hostNames(certs[0]))))
}

// chain returns leaf, its issuer, that one's issuer and so on (RFC 5246, 7.4.2), as far as certs has them. It leaves
// out certificates of other chains: every handshake would send them.
func chain(leaf *x509.Certificate, certs []*x509.Certificate) [][]byte {
	ordered := [][]byte{leaf.Raw}
	for c := leaf; !selfIssued(c) && len(ordered) <= len(certs); {
		issuer := issuerOf(c, certs)
		if issuer == nil {
			break
		}
		ordered = append(ordered, issuer.Raw)
		c = issuer
	}
	return ordered
}

// issuerOf returns the certificate that signed c, or nil.
func issuerOf(c *x509.Certificate, certs []*x509.Certificate) *x509.Certificate {
	for _, candidate := range certs {
		if bytes.Equal(candidate.RawSubject, c.RawIssuer) && c.CheckSignatureFrom(candidate) == nil {
			return candidate
		}
	}
	return nil
}

func parseCertificates(text []byte) ([]*x509.Certificate, error) {
	blocks, err := decodePEM(text)
	if err != nil {
		return nil, err
	}
	var certs []*x509.Certificate
	for _, block := range blocks {
		der := block.Bytes
		switch block.Type {
		case "CERTIFICATE", "X509 CERTIFICATE":
		case "TRUSTED CERTIFICATE": // openssl x509 -trustout: what it is trusted for is behind it
			var first asn1.RawValue
			if _, err := asn1.Unmarshal(der, &first); err == nil {
				der = first.FullBytes
			}
		default:
			continue
		}
		c, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, &lineError{block.line, fmt.Errorf("certificate %d: %w", len(certs)+1, err)}
		}
		certs = append(certs, c)
	}
	if len(certs) == 0 {
		return nil, missing(wantCertificate, "CERTIFICATE", blocks, text)
	}
	return certs, nil
}

func parseKeys(text []byte) ([]crypto.Signer, error) {
	blocks, err := decodePEM(text)
	if err != nil {
		return nil, err
	}
	var keys []crypto.Signer
	for _, block := range blocks {
		switch {
		case !strings.HasSuffix(block.Type, "PRIVATE KEY"):
			continue
		case block.Type == "ENCRYPTED PRIVATE KEY" || strings.Contains(block.Headers["Proc-Type"], "ENCRYPTED"):
			return nil, &lineError{block.line, errors.New("the key is encrypted; there is nobody to type its password: openssl pkey removes it")}
		case block.Type == "OPENSSH PRIVATE KEY":
			return nil, &lineError{block.line, errors.New("the private key has the format of OpenSSH: ssh-keygen -p -m PEM rewrites it in PEM")}
		}
		key, err := parseKey(block.Bytes)
		if err != nil {
			return nil, &lineError{block.line, fmt.Errorf("private key: %w", err)}
		}
		keys = append(keys, key)
	}
	if len(keys) == 0 {
		return nil, missing(wantKey, "PRIVATE KEY", blocks, text)
	}
	return keys, nil
}

// parseKey tries the three encodings of a key, whatever the PEM label says.
func parseKey(der []byte) (crypto.Signer, error) {
	var key any
	var err error
	if key, err = x509.ParsePKCS8PrivateKey(der); err != nil {
		var old error
		if key, old = x509.ParseECPrivateKey(der); old != nil {
			if key, old = x509.ParsePKCS1PrivateKey(der); old != nil {
				return nil, err
			}
		}
	}
	switch key := key.(type) {
	case *ecdsa.PrivateKey:
		return key, nil
	case *rsa.PrivateKey:
		return key, nil
	case ed25519.PrivateKey:
		return key, nil
	}
	return nil, fmt.Errorf("a %T cannot sign: want RSA, ECDSA or Ed25519", key)
}

// readFile reads a regular file of at most limit bytes. The errors do not name it.
func readFile(name string, limit int64) ([]byte, error) {
	if info, err := os.Stat(name); err != nil {
		return nil, err
	} else if !info.Mode().IsRegular() { // opening a pipe would wait for its other end
		return nil, errors.New("not a regular file")
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(text)) > limit {
		return nil, fmt.Errorf("more than %d bytes", limit)
	}
	if len(bytes.TrimSpace(text)) == 0 {
		return nil, errEmpty
	}
	if len(bytes.Trim(text, "\x00")) == 0 {
		return nil, errZeros
	}
	return text, nil
}

var (
	errEmpty = errors.New("the file is empty")
	errZeros = errors.New("the file has zeros alone, as some file systems leave one behind when the power fails")
)
