package tlv

import (
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/pires/go-proxyproto"
)

const (
	headerSize = 3 // of a TLV: its type, and the length of its value
	crcSize    = 4 // of the value of a CRC32C TLV
	sslFixed   = 5 // of the value of an SSL TLV, before its sub-TLVs
)

// Kinds is a set of the TLVs that a pool can pass on.
type Kinds uint8

// The kinds.
const (
	SSL Kinds = 1 << iota
	UniqueID
	Authority
)

// String returns the kinds with their names in the configuration, and "" if there is none.
func (k Kinds) String() string {
	var names []string
	for i, name := range []string{"ssl", "unique_id", "authority"} {
		if k&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	return strings.Join(names, ", ")
}

// A Session is the content of an SSL TLV: the TLS session of a client (2.2.6).
type Session struct {
	Client     uint8  // bits: TLS, a certificate on this connection, a certificate in this session
	Verify     uint32 // 0: the client has shown a certificate, and it is valid
	Version    string // such as TLSv1.3
	CommonName string // of the client's certificate; "": none
	Cipher     string // OpenSSL's name
}

// A Set is the TLVs for a client. Empty values are not sent.
type Set struct {
	Session   Session // valid only if Secure
	Secure    bool    // there is an SSL TLV, which may say that the client does not use TLS
	UniqueID  string  // bytes that name the connection
	Authority string  // the host name that the client asked for, with SNI
	ALPN      string  // the protocol that was agreed in the handshake
}

// Only returns the TLVs of s that are of one of the kinds. s may be nil.
func (s *Set) Only(kinds Kinds) Set {
	var out Set
	if s == nil {
		return out
	}
	if kinds&SSL != 0 {
		out.Session, out.Secure = s.Session, s.Secure
	}
	if kinds&UniqueID != 0 {
		out.UniqueID = s.UniqueID
	}
	if kinds&Authority != 0 {
		out.Authority = s.Authority
	}
	return out
}

// Size returns how many bytes the texts of s have. s may be nil.
func (s *Set) Size() int {
	if s == nil {
		return 0
	}
	return s.Session.texts() + len(s.UniqueID) + len(s.Authority) + len(s.ALPN)
}

func (s *Session) texts() int { return len(s.Version) + len(s.CommonName) + len(s.Cipher) }

// CheckSize returns an error if the SSL TLV of a session could be too long for a header.
func (s *Session) CheckSize() error {
	if n := headerSize + sslFixed + 3*headerSize + s.texts(); n > maxSSL {
		return fmt.Errorf("the SSL TLV needs %d bytes in the header for a node, and %d are the most", n, maxSSL)
	}
	return nil
}

// Append appends the TLVs of s to a PROXY header that may grow by room bytes. It leaves out
// what does not fit, the least useful first, and never truncates: a truncated name is another
// name. leftOut are the kinds that are missing for that reason. EMQX reads exactly these
// sub-TLVs of SSL, and its WebSocket listeners close the connection for some others. There is
// no CRC32C TLV: TCP has checked the bytes.
func (s *Set) Append(dst []byte, room int) (b []byte, leftOut Kinds) {
	add := func(kind proxyproto.PP2Type, value string) bool {
		if value != "" && headerSize+len(value) > room {
			return false
		}
		if value != "" {
			dst = appendTLV(dst, kind, value)
			room -= headerSize + len(value)
		}
		return true
	}
	if s.Secure {
		start := len(dst)
		dst = s.Session.append(dst)
		if room -= len(dst) - start; room < 0 {
			room += len(dst) - start
			dst, leftOut = dst[:start], SSL
		}
	}
	if !add(proxyproto.PP2_TYPE_UNIQUE_ID, s.UniqueID) {
		leftOut |= UniqueID
	}
	if !add(proxyproto.PP2_TYPE_AUTHORITY, s.Authority) {
		leftOut |= Authority
	}
	add(proxyproto.PP2_TYPE_ALPN, s.ALPN)
	return dst, leftOut
}

func (s *Session) append(dst []byte) []byte {
	start := len(dst)
	dst = append(dst, byte(proxyproto.PP2_TYPE_SSL), 0, 0, s.Client)
	dst = binary.BigEndian.AppendUint32(dst, s.Verify)
	if s.Version != "" {
		dst = appendTLV(dst, proxyproto.PP2_SUBTYPE_SSL_VERSION, s.Version)
	}
	if s.CommonName != "" {
		dst = appendTLV(dst, proxyproto.PP2_SUBTYPE_SSL_CN, s.CommonName)
	}
	if s.Cipher != "" {
		dst = appendTLV(dst, proxyproto.PP2_SUBTYPE_SSL_CIPHER, s.Cipher)
	}
	binary.BigEndian.PutUint16(dst[start+1:], uint16(len(dst)-start-headerSize))
	return dst
}

func appendTLV(dst []byte, kind proxyproto.PP2Type, value string) []byte {
	dst = append(dst, byte(kind))
	dst = binary.BigEndian.AppendUint16(dst, uint16(len(value)))
	return append(dst, value...)
}
