package tlv

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"

	"github.com/pires/go-proxyproto"
)

var (
	castagnoli = crc32.MakeTable(crc32.Castagnoli)
	zeros      [crcSize]byte // not changed
)

var errTwoChecksums = errors.New("a second CRC32C TLV")

// reader goes through TLVs. Its views are valid as long as the bytes.
type reader struct {
	rest  []byte
	kind  proxyproto.PP2Type
	value []byte
}

// next reads the next TLV into kind and value. ok is false at the end and after an error.
func (r *reader) next(what string) (ok bool, err error) {
	switch {
	case len(r.rest) == 0:
		return false, nil
	case len(r.rest) < headerSize:
		return false, fmt.Errorf("%d bytes behind the last %s are too few for another", len(r.rest), what)
	}
	r.kind = proxyproto.PP2Type(r.rest[0])
	size, rest := int(binary.BigEndian.Uint16(r.rest[1:])), r.rest[headerSize:]
	if size > len(rest) {
		return false, fmt.Errorf("%s 0x%02x has a length of %d bytes, and %d are left", what, byte(r.kind), size, len(rest))
	}
	r.value, r.rest = rest[:size], rest[size:]
	return true, nil
}

// Check checks the TLVs of a PROXY header, which begin at header[at] and go to its end. They
// are wrong if a length does not fit, a value is longer than the specification allows, or the
// checksum is not that of the header. The values of the other TLVs may be any bytes.
func Check(header []byte, at int) error {
	r := reader{rest: header[at:]}
	checksum := false
	for {
		ok, err := r.next("TLV")
		if !ok {
			return err
		}
		switch r.kind {
		case proxyproto.PP2_TYPE_CRC32C:
			if checksum {
				return errTwoChecksums
			}
			checksum = true
			if err := checkSum(header, r.value, len(header)-len(r.rest)); err != nil {
				return err
			}
		case proxyproto.PP2_TYPE_SSL:
			if err := checkSession(r.value); err != nil {
				return err
			}
		case proxyproto.PP2_TYPE_UNIQUE_ID:
			if len(r.value) > maxUniqueID {
				return fmt.Errorf("the UNIQUE_ID TLV has %d bytes, more than %d", len(r.value), maxUniqueID)
			}
		case proxyproto.PP2_TYPE_AUTHORITY:
			if len(r.value) > maxAuthority {
				return fmt.Errorf("the AUTHORITY TLV has %d bytes, more than %d", len(r.value), maxAuthority)
			}
		default: // brokers do not read these, or read them as bytes
		}
	}
}

// checkSum compares a checksum, which ends at header[end], with that of the header. It is made
// with zeros in its own place (2.2.3).
func checkSum(header, value []byte, end int) error {
	if len(value) != crcSize {
		return fmt.Errorf("the CRC32C TLV has %d bytes in place of %d", len(value), crcSize)
	}
	sum := crc32.Update(0, castagnoli, header[:end-crcSize])
	sum = crc32.Update(sum, castagnoli, zeros[:])
	sum = crc32.Update(sum, castagnoli, header[end:])
	if want := binary.BigEndian.Uint32(value); sum != want {
		return fmt.Errorf("the CRC32C TLV says 0x%08x, and the header has the checksum 0x%08x", want, sum)
	}
	return nil
}

func checkSession(value []byte) error {
	if len(value) < sslFixed {
		return fmt.Errorf("the SSL TLV has %d bytes, fewer than %d", len(value), sslFixed)
	}
	r := reader{rest: value[sslFixed:]}
	for {
		ok, err := r.next("sub-TLV")
		if err != nil {
			return fmt.Errorf("SSL TLV: %w", err)
		}
		if !ok {
			return nil
		}
	}
}

// Read returns the content of TLVs that Check has found right. If there are two of a kind, the
// first one counts. The set keeps no reference to b.
func Read(b []byte) Set {
	var s Set
	r := reader{rest: b}
	for {
		if ok, _ := r.next("TLV"); !ok {
			return s
		}
		switch r.kind {
		case proxyproto.PP2_TYPE_SSL:
			if !s.Secure {
				s.Session, s.Secure = readSession(r.value), true
			}
		case proxyproto.PP2_TYPE_UNIQUE_ID:
			first(&s.UniqueID, r.value)
		case proxyproto.PP2_TYPE_AUTHORITY:
			first(&s.Authority, r.value)
		default: // not passed on
		}
	}
}

func readSession(value []byte) Session {
	s := Session{Client: value[0], Verify: binary.BigEndian.Uint32(value[1:])}
	r := reader{rest: value[sslFixed:]}
	for {
		if ok, _ := r.next("sub-TLV"); !ok {
			return s
		}
		switch r.kind {
		case proxyproto.PP2_SUBTYPE_SSL_VERSION:
			first(&s.Version, r.value)
		case proxyproto.PP2_SUBTYPE_SSL_CN:
			first(&s.CommonName, r.value)
		case proxyproto.PP2_SUBTYPE_SSL_CIPHER:
			first(&s.Cipher, r.value)
		default: // not passed on: see Append
		}
	}
}

// first sets text to value, unless it is set.
func first(text *string, value []byte) {
	if *text == "" {
		*text = string(value)
	}
}
