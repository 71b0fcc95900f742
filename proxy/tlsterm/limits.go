package tlsterm

import "time"

// Limits on files. They are the operator's, but a path may be mistyped: what is
// read whole has an end.
const (
	// burst is the time whose handshakes may begin at once after a pause.
	burst = time.Second / 10

	maxCertificateFile = 1 << 20  // a chain and a key are some 10 KiB
	maxAuthorityFile   = 16 << 20 // the bundle of the web's CAs has 250 KiB
	maxCRLFile         = 64 << 20 // a million revoked devices have 40 MiB
	maxTicketKeyFile   = 64 << 10 // 600 keys, of which three count
)

// Limits on what a client sends before it has proved anything.
const (
	// maxHandshake is how many bytes of a client's handshake are read. A hello has 300 to 2,000, a chain of client
	// certificates 1,000 to 6,000, with post-quantum signatures 20,000. crypto/tls alone takes 320 KiB.
	maxHandshake = 64 << 10

	// maxCommonName is the longest Common Name, in bytes, that a client certificate may have; X.520 says 64 characters.
	// A longer one would not fit the PROXY header, and one cut short would be another client's.
	maxCommonName = 256

	// maxOwed is how much of the session's own messages wait for the client to read them: answers to KeyUpdate, of 27
	// bytes each. A client that asks for more and never reads is after the memory.
	maxOwed = 4 << 10
)

// maxHeader is the longest PROXY header that Mosquitto 2.1 takes: it wants less than 500 bytes.
const maxHeader = 499

const (
	// pollInterval is how often the files are looked at. A change counts when two looks in a row have seen it, so that
	// a certificate and its key may be written one after the other.
	pollInterval = 3 * time.Second

	// ticketRotation and ticketLifetime are for keys of our own: one seals tickets for 12 hours and opens them for 24.
	// The secrecy of a resumed session from one who records it and takes the memory later begins when its key is gone.
	ticketRotation = 12 * time.Hour
	ticketLifetime = 24 * time.Hour

	// sharedTicketKeys is how many keys of a file are used: its last three, as with HAProxy.
	sharedTicketKeys = 3
)

// expirySoon is how long before its end a certificate is warned of: enough for who renews by hand, and later than who
// renews at a third of 90 days.
const expirySoon = 14 * 24 * time.Hour

// keptBuffer is the capacity up to which an idle session keeps crypto/tls's read buffer. It begins with 576 bytes,
// enough for records of most MQTT packets; a session in which larger ones come now and then allocates for each.
const keptBuffer = 1 << 10
