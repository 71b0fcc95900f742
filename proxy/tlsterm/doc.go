// Package tlsterm terminates TLS for a listener: which certificate a client sees, which clients may come, how many
// handshakes run at once, and what a session is once its handshake is over. An Originator does the same for the other
// end of a pool: TLS that is spoken to nodes.
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
//	// for each connection whose hello a HelloScanner has found whole, in a goroutine that ends with its handshake:
//	s, err := gate.Accept(ctx, hello, open, t.Config())
//	info := s.Info() // who it is
//	s.Detach()       // from here on one event loop feeds it, and no goroutine is left
//
// It is crypto/tls with what an operator expects around it. TLS 1.2 and 1.3, tickets, no renegotiation, no 0-RTT, no
// compression. RFC 8446 is meant where no other is named.
//
// Certificate revocation lists do what HAProxy's crl-file does: with any list at all, each certificate below the anchor
// needs a list of its issuer, which must be a CA of ClientCA, and a list that is out of date refuses all clients of
// its CA. The alert of a revoked client is bad_certificate: crypto/tls lets nobody choose.
//
// The package does not open or close connections, does not staple OCSP responses, and does not ask OCSP responders.
package tlsterm
