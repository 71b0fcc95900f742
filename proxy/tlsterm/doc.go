// Package tlsterm terminates TLS for a listener. It chooses the certificate that a client gets, verifies client
// certificates, limits how many handshakes run at once, and encrypts and decrypts a session after its handshake. An
// Originator makes TLS connections to the nodes of a pool.
//
//	t, err := tlsterm.New(tlsterm.Options{
//		Certificates: []tlsterm.CertificateFile{{Cert: "cert.pem", Key: "key.pem"}},
//		ClientAuth:   tlsterm.ClientAuthRequire,
//		ClientCA:     "ca.pem",
//		Protocols:    []string{"mqtt"},
//	})
//	go t.Run(ctx) // reloads when files change
//	gate := tlsterm.NewGate(64, 2000, 10000)
//
//	// for each connection whose ClientHello a HelloScanner has found whole, in a goroutine that ends with its handshake:
//	s, err := gate.Accept(ctx, hello, open, t.Config())
//	info := s.Info() // the client's identity
//	s.Detach()       // from here on one event loop feeds it, and no goroutine is left
//
// The package is crypto/tls with the features that an operator expects: TLS 1.2 and 1.3, tickets, no renegotiation, no
// 0-RTT, no compression. Sections without a document are of RFC 8446.
//
// Certificate revocation lists work as with HAProxy's crl-file. If there is any list, each certificate below the anchor
// needs a list of its issuer, and an outdated list refuses all clients of its CA. The issuer is a CA in ClientCA, or an
// intermediate that clients send: then the signature of the list is checked when the first of them does. A list must be
// complete: one with a critical extension, such as a delta or an indirect list, is refused. A revoked client gets the
// alert bad_certificate, because crypto/tls offers no choice. A session keeps enough of its client's certificate for
// Terminator.Revokes to find it again when a later list revokes it.
//
// The package does not open or close connections, does not staple OCSP responses, and does not ask OCSP responders.
package tlsterm
