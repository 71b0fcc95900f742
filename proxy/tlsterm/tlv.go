package tlsterm

import (
	"encoding/binary"

	"github.com/pires/go-proxyproto"
	"github.com/pires/go-proxyproto/tlvparse"
)

// tlvHeader is the size of the type and length of a TLV, in bytes.
const tlvHeader = 3

// AppendTLVs appends a client's TLS properties for a PROXY v2 header (2.2): the SSL TLV with version, Common Name and
// cipher, the server name as authority, and the ALPN protocol. EMQX reads exactly these; its WebSocket listeners close
// the connection for other sub-TLVs.
//
// header is the length of the PROXY header so far. Mosquitto refuses a header of 500 bytes or more. So AppendTLVs
// leaves out what does not fit, the least useful first, and never truncates: a truncated name is another name. With
// IPv6 addresses, a header of 52 bytes, the Common Name always fits.
func AppendTLVs(dst []byte, info *Info, header int) []byte {
	room := maxHeader - header
	add := func(kind proxyproto.PP2Type, value string) {
		if value != "" && tlvHeader+len(value) <= room {
			dst = appendTLV(dst, kind, value)
			room -= tlvHeader + len(value)
		}
	}
	before := len(dst)
	dst = appendSSL(dst, info)
	room -= len(dst) - before
	add(proxyproto.PP2_TYPE_AUTHORITY, info.ServerName)
	add(proxyproto.PP2_TYPE_ALPN, info.Protocol)
	return dst
}

func appendSSL(dst []byte, info *Info) []byte {
	client, verify := tlvparse.PP2_BITFIELD_CLIENT_SSL, uint32(1) // "non-zero otherwise"
	if info.Verified {
		verify = 0
		client |= tlvparse.PP2_BITFIELD_CLIENT_CERT_SESS
		if !info.Resumed {
			client |= tlvparse.PP2_BITFIELD_CLIENT_CERT_CONN
		}
	}
	start := len(dst)
	dst = append(dst, byte(proxyproto.PP2_TYPE_SSL), 0, 0, client)
	dst = binary.BigEndian.AppendUint32(dst, verify)
	dst = appendTLV(dst, proxyproto.PP2_SUBTYPE_SSL_VERSION, info.Version)
	if info.CommonName != "" {
		dst = appendTLV(dst, proxyproto.PP2_SUBTYPE_SSL_CN, info.CommonName)
	}
	dst = appendTLV(dst, proxyproto.PP2_SUBTYPE_SSL_CIPHER, info.Cipher)
	binary.BigEndian.PutUint16(dst[start+1:], uint16(len(dst)-start-tlvHeader))
	return dst
}

func appendTLV(dst []byte, kind proxyproto.PP2Type, value string) []byte {
	dst = append(dst, byte(kind))
	dst = binary.BigEndian.AppendUint16(dst, uint16(len(value)))
	return append(dst, value...)
}
