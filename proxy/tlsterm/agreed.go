package tlsterm

// Agreed is what the two sides of a handshake have agreed on. Its texts are those of [Info]. There are four
// versions and the suites that crypto/tls has, so that a client cannot make new ones.
type Agreed struct {
	Version string // TLSv1 to TLSv1.3
	Cipher  string // OpenSSL's name
	Resumed bool   // from a ticket
}

// agreed is Agreed with the numbers of the protocol, as a session keeps it.
type agreed struct {
	version, cipher uint16
	resumed         bool
}

func (a agreed) named() Agreed {
	return Agreed{Version: versionName(a.version), Cipher: cipherName(a.cipher), Resumed: a.resumed}
}
