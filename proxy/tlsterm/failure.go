package tlsterm

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"syscall"
)

// Reason is the cause of a failed handshake, in one word that never changes: for counters and
// for grep.
type Reason string

// The reasons. "Client" names the side that is to blame or that sent the alert.
const (
	NotTLS                   Reason = "not_tls"               // the first bytes are not TLS
	NoSharedVersion          Reason = "no_shared_version"     // the client has no version between min_version and max_version
	NoSharedCipher           Reason = "no_shared_cipher"      // or none that fits the certificate's kind of key
	NoSharedCurve            Reason = "no_shared_curve"       // no common key exchange
	NoSharedProtocol         Reason = "no_shared_protocol"    // ALPN
	UnknownName              Reason = "unknown_name"          // SNI, under strict_sni
	BadName                  Reason = "bad_name"              // SNI that RFC 6066 forbids and that crypto/tls refuses, or of more than 255 bytes
	NoClientCertificate      Reason = "no_client_certificate" // although one is required
	ClientCertificateExpired Reason = "client_certificate_expired"
	ClientCertificateEarly   Reason = "client_certificate_not_yet_valid"
	ClientCertificateCATime  Reason = "client_certificate_ca_expired"   // a CA of its chain has expired, or is not valid yet
	ClientCertificateUnknown Reason = "client_certificate_unknown"      // its CA is not in client_ca
	ClientCertificateUsage   Reason = "client_certificate_usage"        // it is not for clients
	ClientCertificateRevoked Reason = "client_certificate_revoked"      // or a CA of its chain is
	ClientCertificateNoCRL   Reason = "client_certificate_no_crl"       // no CRL of its CA is loaded, or the CA has not signed it
	ClientCertificateOldCRL  Reason = "client_certificate_crl_outdated" // the CRL of its CA
	BadClientCertificate     Reason = "bad_client_certificate"          // any other fault of the certificate
	ClientRefused            Reason = "client_refused_certificate"
	ClientAlert              Reason = "client_alert" // any other alert from the client
	TooLong                  Reason = "too_long"     // more than 64 KiB
	Timeout                  Reason = "timeout"
	Canceled                 Reason = "canceled" // by us: the process stops
	ClientGone               Reason = "eof"      // the client closed, or reset, the connection
	Protocol                 Reason = "protocol" // the client violates TLS
)

// Reasons returns all reasons, in the order of the constants.
func Reasons() []Reason {
	return []Reason{
		NotTLS, NoSharedVersion, NoSharedCipher, NoSharedCurve, NoSharedProtocol, UnknownName, BadName, NoClientCertificate,
		ClientCertificateExpired, ClientCertificateEarly, ClientCertificateCATime, ClientCertificateUnknown, ClientCertificateUsage,
		ClientCertificateRevoked, ClientCertificateNoCRL, ClientCertificateOldCRL, BadClientCertificate, ClientRefused, ClientAlert, TooLong, Timeout, Canceled, ClientGone, Protocol,
	}
}

// HandshakeError is the error of a failed handshake.
type HandshakeError struct {
	Reason     Reason
	ServerName string // the name that the client asked for; "" if none, or if the handshake failed earlier
	Offer      string // what the client offered and which setting would allow it; "" if that is not the reason
	Err        error
}

func (e *HandshakeError) Error() string {
	if e.Offer != "" {
		return fmt.Sprintf("TLS handshake: %s: %s", e.Reason, e.Offer)
	}
	return fmt.Sprintf("TLS handshake: %s: %v", e.Reason, e.Err)
}

func (e *HandshakeError) Unwrap() error { return e.Err }

// reasonOf classifies an error of crypto/tls's server handshake. An error without a type is classified by its text;
// tests with real handshakes fail if a release of Go changes the text.
func reasonOf(err error) Reason {
	if r, ok := reasonOfCertificate(err); ok {
		return r
	}
	var plain tls.RecordHeaderError
	var remote *net.OpError
	var alert tls.AlertError
	switch {
	case errors.Is(err, errUnknownName):
		return UnknownName
	case errors.Is(err, errHandshakeTooLong):
		return TooLong
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		return Timeout
	case errors.Is(err, context.Canceled):
		return Canceled
	case errors.As(err, &plain) && (plain.Conn != nil || strings.Contains(plain.Msg, "SSLv2")):
		return NotTLS
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, net.ErrClosed),
		errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return ClientGone
	case errors.As(err, &remote) && remote.Op == "remote error":
		return reasonOfAlert(remote.Err)
	case errors.As(err, &alert): // found by the wire
		return reasonOfAlert(alert)
	}
	for _, w := range errorTexts {
		if strings.HasPrefix(err.Error(), w.prefix) {
			return w.reason
		}
	}
	return Protocol
}

// errorTexts are the beginnings of crypto/tls's errors without a type.
var errorTexts = []struct {
	prefix string
	reason Reason
}{
	{"tls: client offered only unsupported versions", NoSharedVersion},
	{"tls: no cipher suite supported by both", NoSharedCipher},
	{"tls: peer doesn't support any of the certificate's signature algorithms", NoSharedCipher},
	{"tls: missing signature_algorithms", NoSharedCipher}, // SHA-1 is meant
	{"tls: no key exchanges supported by both", NoSharedCurve},
	{"tls: client requested unsupported application protocols", NoSharedProtocol},
	{"tls: no certificates configured", UnknownName}, // the result when names.choose refuses a name
	{"tls: client didn't provide a certificate", NoClientCertificate},
	{"tls: failed to parse client certificate", BadClientCertificate},
	{"tls: client sent certificate containing RSA key", BadClientCertificate},
	{"tls: client certificate ", BadClientCertificate},
	{"tls: invalid signature by the client certificate", BadClientCertificate},
	{"tls: handshake message of length", TooLong},
}

func reasonOfCertificate(err error) (Reason, bool) {
	var verification *tls.CertificateVerificationError
	var unknown x509.UnknownAuthorityError
	var invalid x509.CertificateInvalidError
	switch {
	case errors.Is(err, errRevoked):
		return ClientCertificateRevoked, true
	case errors.Is(err, errNoCRL), errors.Is(err, errCRLForged):
		return ClientCertificateNoCRL, true
	case errors.Is(err, errCRLInvalid):
		return ClientCertificateOldCRL, true
	case errors.Is(err, errBadCommonName):
		return BadClientCertificate, true
	case !errors.As(err, &verification):
		return "", false
	case errors.As(err, &unknown):
		return ClientCertificateUnknown, true
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return reasonOfTime(&invalid, verification.UnverifiedCertificates[0]), true
	case errors.As(err, &invalid) && invalid.Reason == x509.IncompatibleUsage:
		return ClientCertificateUsage, true
	}
	return BadClientCertificate, true
}

// reasonOfTime says which certificate of a chain is not valid now, and on which side of its validity.
func reasonOfTime(e *x509.CertificateInvalidError, leaf *x509.Certificate) Reason {
	switch {
	case !leaf.Equal(e.Cert):
		return ClientCertificateCATime
	case strings.Contains(e.Detail, " is before "):
		return ClientCertificateEarly
	}
	return ClientCertificateExpired
}

// refusals are the alerts with which a client rejects our certificate (RFC 8446, 6.2).
var refusals = []tls.AlertError{42, 43, 44, 45, 46, 48}

// reasonOfAlert classifies an alert from the client.
func reasonOfAlert(alert error) Reason {
	if isOneOf(alert, refusals) {
		return ClientRefused
	}
	return ClientAlert
}

// isOneOf reports whether alert, an error of crypto/tls or nil, is in a list. crypto/tls does not export the type of the
// error, but its text is that of tls.AlertError.
func isOneOf(alert error, list []tls.AlertError) bool {
	return alert != nil && slices.ContainsFunc(list, func(a tls.AlertError) bool { return a.Error() == alert.Error() })
}

// isBadRecord reports whether a handshake ended with a record that could not be
// decrypted.
func isBadRecord(err error) bool {
	const badRecordMAC tls.AlertError = 20
	var local *net.OpError
	return errors.As(err, &local) && local.Op == "local error" && local.Err.Error() == badRecordMAC.Error()
}
