package opening

import "unicode/utf8"

// Foreign is the protocol of a client whose first bytes are not what its listener expects.
type Foreign uint8

// The protocols that are told apart. They are the values of a metric's label, so the list is short.
const (
	NotForeign Foreign = iota // the client begins as its listener expects, as far as the bytes tell

	ForeignTLS
	ForeignMQTT // a CONNECT
	ForeignHTTP // HTTP/1, also an upgrade to WebSocket
	ForeignHTTP2
	ForeignProxy // a PROXY header
	ForeignSSH
	ForeignSMTP
	ForeignFTP
	ForeignAMQP
	ForeignRedis
	ForeignSTOMP
	ForeignRDP
	ForeignSMB
	ForeignPostgreSQL
	ForeignSOCKS
	ForeignUnknown // none of the above

	ForeignCount // the number of protocols
)

var foreignNames = [ForeignCount]struct{ name, words string }{
	ForeignTLS:        {"tls", "a TLS ClientHello"},
	ForeignMQTT:       {"mqtt", "an MQTT CONNECT"},
	ForeignHTTP:       {"http", "an HTTP request"},
	ForeignHTTP2:      {"http2", "HTTP/2"},
	ForeignProxy:      {"proxy", "a PROXY header"},
	ForeignSSH:        {"ssh", "SSH"},
	ForeignSMTP:       {"smtp", "SMTP"},
	ForeignFTP:        {"ftp", "FTP or POP3"},
	ForeignAMQP:       {"amqp", "AMQP"},
	ForeignRedis:      {"redis", "a Redis command"},
	ForeignSTOMP:      {"stomp", "STOMP"},
	ForeignRDP:        {"rdp", "RDP"},
	ForeignSMB:        {"smb", "SMB"},
	ForeignPostgreSQL: {"postgresql", "PostgreSQL"},
	ForeignSOCKS:      {"socks", "SOCKS"},
	ForeignUnknown:    {"unknown", "an unknown protocol"},
}

// String returns the protocol's name in metrics.
func (f Foreign) String() string { return foreignNames[f].name }

// signatures are the first bytes of protocols, one code point for each byte; anyByte stands for any. Two
// signatures of different protocols differ in a byte that both have, so that the order does not matter and more
// bytes never change a decision.
var signatures = []struct {
	of    Foreign
	bytes string
}{
	{ForeignTLS, "\x16\x03"},
	{ForeignMQTT, "\x10…\x00\x04MQTT"}, // the Remaining Length has one to four bytes
	{ForeignMQTT, "\x10……\x00\x04MQTT"},
	{ForeignMQTT, "\x10………\x00\x04MQTT"},
	{ForeignMQTT, "\x10…………\x00\x04MQTT"},
	{ForeignMQTT, "\x10…\x00\x06MQIsdp"},
	{ForeignMQTT, "\x10……\x00\x06MQIsdp"},
	{ForeignMQTT, "\x10………\x00\x06MQIsdp"},
	{ForeignMQTT, "\x10…………\x00\x06MQIsdp"},
	{ForeignHTTP, "GET "},
	{ForeignHTTP, "HEAD "},
	{ForeignHTTP, "POST "},
	{ForeignHTTP, "PUT "},
	{ForeignHTTP, "PATCH "},
	{ForeignHTTP, "DELETE "},
	{ForeignHTTP, "OPTIONS "},
	{ForeignHTTP, "CONNECT "},
	{ForeignHTTP, "TRACE "},
	{ForeignHTTP2, "PRI * HTTP/2.0"}, // RFC 9113, 3.4
	{ForeignProxy, "PROXY "},
	{ForeignProxy, "\r\n\r\n\x00\r\nQUIT\n"},
	{ForeignSSH, "SSH-"},
	{ForeignSMTP, "EHLO "},
	{ForeignSMTP, "HELO "},
	{ForeignSMTP, "LHLO "},
	{ForeignFTP, "USER "},
	{ForeignAMQP, "AMQP"},
	{ForeignRedis, "*…\r\n$"}, // an array of bulk strings
	{ForeignRedis, "*……\r\n$"},
	{ForeignRedis, "PING\r\n"},
	{ForeignSTOMP, "CONNECT\n"},
	{ForeignSTOMP, "CONNECT\r\n"},
	{ForeignSTOMP, "STOMP\n"},
	{ForeignSTOMP, "STOMP\r\n"},
	{ForeignRDP, "\x03\x00………\u00e0"},                 // TPKT, and a connection request of X.224
	{ForeignSMB, "\x00………\u00ffSMB"},                  // version 1
	{ForeignSMB, "\x00………\u00feSMB"},                  // versions 2 and 3
	{ForeignPostgreSQL, "\x00\x00……\x00\x03\x00\x00"}, // StartupMessage, version 3.0
	{ForeignPostgreSQL, "\x00\x00\x00\x08\x04\u00d2\x16\u002f"},
	{ForeignSOCKS, "\x04\x01"},
	{ForeignSOCKS, "\x05\x01\x00"},
	{ForeignSOCKS, "\x05\x02\x00"},
}

const anyByte = '…'

// compare matches b with a signature up to the end of the shorter one. whole means that b has all of it.
func compare(b []byte, signature string) (agrees, whole bool) {
	for _, want := range signature {
		if len(b) == 0 {
			return true, false
		}
		if want != anyByte && want != rune(b[0]) {
			return false, false
		}
		b = b[1:]
	}
	return true, true
}

// Identify returns the protocol that begins with b, other than the expected one, which b is known not to be.
// undecided means that b is too short to tell; it is never longer than a PROXY header's signature then, or an
// HTTP/2 preface.
func Identify(b []byte, expected Foreign) (f Foreign, undecided bool) {
	for i := range signatures {
		s := &signatures[i]
		if s.of == expected {
			continue
		}
		agrees, whole := compare(b, s.bytes)
		if whole {
			return s.of, false
		}
		undecided = undecided || agrees
	}
	if undecided {
		return NotForeign, true
	}
	return ForeignUnknown, false
}

// IdentifyNotTLS is Identify for a client that should begin with TLS. It returns NotForeign also for records that no
// client begins with, such as alerts: crypto/tls then has the right answer.
func IdentifyNotTLS(b []byte) (f Foreign, undecided bool) {
	const firstType, lastType, ssl2Hello = 20, 23, 1
	switch {
	case len(b) == 0:
		return NotForeign, true
	case b[0] >= firstType && b[0] <= lastType:
		if len(b) < 2 || b[1] == 3 {
			return NotForeign, len(b) < 2
		}
	case b[0]&0x80 != 0: // a record of SSL 2.0
		if len(b) < 3 || b[2] == ssl2Hello {
			return NotForeign, len(b) < 3
		}
	}
	return Identify(b, ForeignTLS)
}

// IdentifyNotHTTP is Identify for a client that should begin with an HTTP/1 request. It returns NotForeign for all that
// begins with a method, whatever its name: net/http then has the right answer.
func IdentifyNotHTTP(b []byte) (f Foreign, undecided bool) {
	if f, undecided = Identify(b, ForeignHTTP); f != ForeignUnknown {
		return f, undecided
	}
	for i, c := range b {
		switch {
		case c == ' ' && i > 0:
			return NotForeign, false
		case i >= maxMethod || c <= ' ' || c >= utf8.RuneSelf:
			return ForeignUnknown, false
		}
	}
	return NotForeign, true
}
