package config

// The words of TLS.

// A ClientAuth says whether a client must show a certificate.
type ClientAuth string

// The ways to ask for a client certificate.
const (
	ClientAuthNone    ClientAuth = "none"
	ClientAuthRequest ClientAuth = "request" // optional, but a client's certificate must be valid
	ClientAuthRequire ClientAuth = "require"
)

var clientAuths = []ClientAuth{ClientAuthNone, ClientAuthRequest, ClientAuthRequire}

// Revoked says what happens to the open sessions of a certificate that a CRL revokes.
type Revoked string

// The values of revoked.
const (
	CloseRevoked Revoked = "close" // they leave, at the pace of a kick
	KeepRevoked  Revoked = "keep"  // they stay until they end
)

var revoked = []Revoked{CloseRevoked, KeepRevoked}

// An Identity is the field of an MQTT client's CONNECT that its certificate must name.
type Identity string

// The identities.
const (
	IdentityClientID Identity = "client_id"
	IdentityUsername Identity = "username"
)

var identities = []Identity{IdentityClientID, IdentityUsername}

// A TLSVersion is the lowest or the highest allowed version. The older version is the
// smaller string.
type TLSVersion string

// The TLS versions.
const (
	TLS10 TLSVersion = "1.0"
	TLS11 TLSVersion = "1.1"
	TLS12 TLSVersion = "1.2"
	TLS13 TLSVersion = "1.3"
)

var tlsVersions = []TLSVersion{TLS10, TLS11, TLS12, TLS13}

// A Verify says what is checked of a node's certificate.
type Verify string

// The values of verify.
const (
	VerifyTrue  Verify = "true"  // its chain and its name
	VerifyCA    Verify = "ca"    // its chain: the certificates of some brokers have a CN and no SAN
	VerifyFalse Verify = "false" // nothing
)

var verifies = []Verify{VerifyTrue, VerifyCA, VerifyFalse}
