package tlsterm

// Agreed is what the two sides of a handshake have agreed on. Its texts are those of [Info]. There are four
// versions and the suites that crypto/tls has, so that a client cannot make new ones.
type Agreed struct {
	Version string // TLSv1 to TLSv1.3
	Cipher  string // OpenSSL's name
	Resumed bool   // from a ticket
}

// Summary is the part of an [Info] that a session keeps for the log and for lists. The zero value is that of a client
// without TLS.
type Summary struct {
	Agreed
	ServerName string // the name that the client asked for, at most 255 bytes; "" if none
	CommonName string // of its certificate; "" if it has none
}

// agreed is Agreed with the numbers of the protocol, as a session keeps it.
type agreed struct {
	version, cipher uint16
	resumed         bool
}

func (a agreed) named() Agreed {
	return Agreed{Version: versionName(a.version), Cipher: CipherName(a.cipher), Resumed: a.resumed}
}
