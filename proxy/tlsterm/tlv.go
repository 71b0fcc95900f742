package tlsterm

import (
	"github.com/pires/go-proxyproto/tlvparse"

	"mqttlb/proxy/tlv"
)

// TLVSession returns the session of a client for the SSL TLV of a PROXY header.
func (info *Info) TLVSession() tlv.Session {
	client, verify := tlvparse.PP2_BITFIELD_CLIENT_SSL, uint32(1) // "non-zero otherwise"
	if info.Verified {
		verify = 0
		client |= tlvparse.PP2_BITFIELD_CLIENT_CERT_SESS
		if !info.Resumed {
			client |= tlvparse.PP2_BITFIELD_CLIENT_CERT_CONN
		}
	}
	return tlv.Session{Client: client, Verify: verify, Version: info.Version, CommonName: info.CommonName, Cipher: info.Cipher}
}
