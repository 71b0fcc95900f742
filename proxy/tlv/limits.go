package tlv

// MaxHeader is the longest PROXY header that Mosquitto 2.1 accepts: less than 500 bytes.
const MaxHeader = 499

const (
	// maxUniqueID is the limit of a unique identifier, in bytes (2.2.5).
	maxUniqueID = 128

	// maxAuthority is the limit of a host name, in bytes (RFC 1035, 2.3.4), and the one that
	// HAProxy has.
	maxAuthority = 255

	// maxSSL is the limit for the SSL TLV of a proxy that is passed on. With IPv6 addresses, a
	// header of 52 bytes, it always fits into MaxHeader. A Common Name has at most 256 bytes,
	// the names of version and cipher some 40 together.
	maxSSL = 400
)
