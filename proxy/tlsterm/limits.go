package tlsterm

import "time"

// Limits on the operator's files. A path may be mistyped, and a file that is read whole
// needs a limit.
const (
	// burst is the time whose handshakes may begin at once after a pause.
	burst = time.Second / 10

	maxCertificateFile = 1 << 20  // a chain and a key have some 10 KiB
	maxAuthorityFile   = 16 << 20 // the bundle of the web's CAs has 250 KiB
	maxCRLFile         = 64 << 20 // a million revoked devices need 40 MiB
	maxTicketKeyFile   = 64 << 10 // 600 keys, of which three are used
)

// Limits on the bytes of a client that is not authenticated yet.
const (
	// maxHandshake is the limit for the bytes of a client's handshake. A ClientHello has 300 to 2,000, a chain of
	// client certificates 1,000 to 6,000, or 20,000 with post-quantum signatures. crypto/tls alone would accept
	// 320 KiB.
	maxHandshake = 64 << 10

	// maxServerName is the limit for the name that a client asks for, in bytes (RFC 1035, 2.3.4), as with OpenSSL.
	// crypto/tls keeps the name for all of the session, and alone would accept 64 KiB.
	maxServerName = 255

	// maxCommonName is the limit for the Common Name of a client certificate, in bytes; X.520 says 64 characters. A
	// longer one does not fit into the PROXY header, and a truncated one could be another client's.
	maxCommonName = 256

	// maxOwed is the limit for the session's own messages that the client has not read: answers to KeyUpdate, of 27
	// bytes each. A client that asks for more and never reads is attacking the memory.
	maxOwed = 4 << 10
)

const (
	// pollInterval is the time between two looks at the files. A change takes effect when two looks in a row have
	// found it, so that a certificate and its key may be written one after the other.
	pollInterval = 3 * time.Second

	// ticketRotation and ticketLifetime are for our own keys: a key seals tickets for 12 hours and opens them for 24.
	// An attacker who records a resumed session and later reads our memory can decrypt it until its key is gone.
	ticketRotation = 12 * time.Hour
	ticketLifetime = 24 * time.Hour

	// sharedTicketKeys is how many keys of a file are used: the last three, as with HAProxy.
	sharedTicketKeys = 3
)

// expirySoon is how long before its end a certificate causes a warning. It is long enough for an operator who renews
// by hand, and shorter than the third of 90 days at which automatic renewal happens.
const expirySoon = 14 * 24 * time.Hour

// keptBuffer is the capacity up to which an idle session keeps crypto/tls's read buffer. The buffer begins with
// 576 bytes, enough for records of most MQTT packets. A session that occasionally gets larger records allocates a
// buffer for each.
const keptBuffer = 1 << 10
