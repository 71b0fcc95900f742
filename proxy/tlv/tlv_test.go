package tlv

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"slices"
	"strings"
	"testing"

	"github.com/pires/go-proxyproto"
	"github.com/pires/go-proxyproto/tlvparse"
)

// value returns a TLV.
func value(kind proxyproto.PP2Type, v string) string { return string(appendTLV(nil, kind, v)) }

// with returns a PROXY v2 header of TCP over IPv4 with these TLVs, which begin at tlvsAt.
func with(tlvs string) []byte {
	b := []byte("\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x00\xc0\x00\x02\x07\xc0\x00\x02\x09\x9c\x40\x07\x5b" + tlvs)
	binary.BigEndian.PutUint16(b[14:], uint16(len(b)-16))
	return b
}

const tlvsAt = 28

// summed returns such a header with a CRC32C TLV between other TLVs.
func summed(before, after string) []byte {
	b := with(before + value(proxyproto.PP2_TYPE_CRC32C, "\x00\x00\x00\x00") + after)
	sum := crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli))
	binary.BigEndian.PutUint32(b[tlvsAt+len(before)+headerSize:], sum)
	return b
}

// amazon is the header of a network load balancer of AWS, as the tests of go-proxyproto have it.
var amazon = []byte{
	0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a, 0x21, 0x11, 0x00, 0x54,
	0xac, 0x1f, 0x07, 0x71, 0xac, 0x1f, 0x0a, 0x1f, 0xc8, 0xf2, 0x00, 0x50, 0x03, 0x00, 0x04, 0xe8,
	0xd6, 0x89, 0x2d, 0xea, 0x00, 0x17, 0x01, 0x76, 0x70, 0x63, 0x65, 0x2d, 0x30, 0x38, 0x64, 0x32,
	0x62, 0x66, 0x31, 0x35, 0x66, 0x61, 0x63, 0x35, 0x30, 0x30, 0x31, 0x63, 0x39, 0x04, 0x00, 0x24,
	0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
	0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
	0x00, 0x00, 0x00, 0x00,
}

// device is the SSL TLV of a client with a certificate, with a sub-TLV that brokers do not read.
var device = value(proxyproto.PP2_TYPE_SSL, "\x07\x00\x00\x00\x00"+value(proxyproto.PP2_SUBTYPE_SSL_VERSION, "TLSv1.3")+
	value(proxyproto.PP2_SUBTYPE_SSL_CN, "device 1")+value(proxyproto.PP2_SUBTYPE_SSL_CIPHER, "TLS_AES_128_GCM_SHA256")+
	value(proxyproto.PP2_SUBTYPE_SSL_SIG_ALG, "RSA-SHA256"))

// all are headers without a fault.
func all() [][]byte {
	named := value(proxyproto.PP2_TYPE_AUTHORITY, "broker.example")
	return [][]byte{
		amazon, with(""), with(device), with(named + value(proxyproto.PP2_TYPE_UNIQUE_ID, "id 1") + device), summed("", ""),
		summed(named, device), summed(device, value(proxyproto.PP2_TYPE_NOOP, "padding")),
		with(value(proxyproto.PP2_TYPE_MIN_CUSTOM, "of somebody") + value(proxyproto.PP2_TYPE_NOOP, "")),
	}
}

func TestTLVsWithoutAFaultAreAccepted(t *testing.T) {
	for _, b := range all() {
		if err := Check(b, tlvsAt); err != nil {
			t.Errorf("%q: %v", b[tlvsAt:], err)
		}
	}
}

func TestEachFaultOfTLVsHasItsMessage(t *testing.T) {
	wrong := slices.Clone(amazon)
	wrong[20]++ // of an address
	crc := func(v string) string { return value(proxyproto.PP2_TYPE_CRC32C, v) }
	ssl := func(v string) string { return value(proxyproto.PP2_TYPE_SSL, v) }
	for want, b := range map[string][]byte{
		"the CRC32C TLV says 0xe8d6892d, and the header has the checksum 0x": wrong,
		"the CRC32C TLV has 3 bytes in place of 4":                           with(crc("abc")),
		"the CRC32C TLV has 5 bytes in place of 4":                           with(crc("abcde")),
		"the CRC32C TLV has 0 bytes in place of 4":                           with(crc("")),
		"a second CRC32C TLV":                                                summed("", crc("abcd")),
		"TLV 0x02 has a length of 300 bytes, and 1 are left":                 with("\x02\x01\x2cx"),
		"2 bytes behind the last TLV are too few":                            with(device + "\x02\x00"),
		"the SSL TLV has 4 bytes, fewer than 5":                              with(ssl("\x01\x00\x00\x00")),
		"SSL TLV: sub-TLV 0x22 has a length of 9 bytes, and 8 are left":      with(ssl("\x07\x00\x00\x00\x00\x22\x00\x09device 1") + "\x04\x00\x10" + strings.Repeat("x", 16)),
		"SSL TLV: 1 bytes behind the last sub-TLV are too few":               with(ssl("\x07\x00\x00\x00\x00\x22")),
		"the UNIQUE_ID TLV has 129 bytes, more than 128":                     with(value(proxyproto.PP2_TYPE_UNIQUE_ID, strings.Repeat("u", 129))),
		"the AUTHORITY TLV has 256 bytes, more than 255":                     with(value(proxyproto.PP2_TYPE_AUTHORITY, strings.Repeat("a", 256))),
		"TLV 0xff has a length of 65535 bytes, and 0 are left":               with("\xff\xff\xff"),
		"TLV 0x21 has a length of 1 bytes, and 0 are left":                   with(device + "\x21\x00\x01"),
		"the CRC32C TLV says 0x00000000, and the header has the checksum 0x": with(crc("\x00\x00\x00\x00")),
	} {
		if err := Check(b, tlvsAt); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q: %v; want %s", b[tlvsAt:], err, want)
		}
	}
}

// A header that is cut and says so in its length has whole TLVs, or a fault.
func TestEveryTruncationOfTLVsIsFoundOrWhole(t *testing.T) {
	for _, b := range all() {
		for i := tlvsAt; i < len(b); i++ {
			err := Check(b[:i], tlvsAt)
			_, failed := proxyproto.SplitTLVs(b[tlvsAt:i])
			if failed != nil && err == nil {
				t.Errorf("%q: no error, and the library says %v", b[tlvsAt:i], failed)
			}
		}
	}
}

// Each bit of a header with a checksum counts.
func TestChecksumFindsEachBit(t *testing.T) {
	b := summed(device, value(proxyproto.PP2_TYPE_NOOP, "x"))
	for i := range b {
		for bit := range 8 {
			other := slices.Clone(b)
			other[i] ^= 1 << bit
			kind := tlvsAt + len(device) // a CRC32C TLV of another type is none
			if err := Check(other, tlvsAt); err == nil && i != kind {
				t.Errorf("byte %d, bit %d: no error", i, bit)
			}
		}
	}
}

func TestReadReturnsWhatBrokersRead(t *testing.T) {
	got := Read([]byte(device + value(proxyproto.PP2_TYPE_UNIQUE_ID, "id 1") + value(proxyproto.PP2_TYPE_AUTHORITY, "broker.example") +
		value(proxyproto.PP2_TYPE_ALPN, "mqtt") + value(proxyproto.PP2_TYPE_AUTHORITY, "another.example") + value(proxyproto.PP2_TYPE_SSL, "\x00\x00\x00\x00\x01")))
	want := Set{
		Session:  Session{Client: 7, Version: "TLSv1.3", CommonName: "device 1", Cipher: "TLS_AES_128_GCM_SHA256"},
		Secure:   true,
		UniqueID: "id 1", Authority: "broker.example",
	}
	if got != want {
		t.Errorf("%+v", got)
	}
	if plain := Read([]byte(value(proxyproto.PP2_TYPE_SSL, "\x00\x00\x00\x00\x01"))); plain != (Set{Session: Session{Verify: 1}, Secure: true}) {
		t.Errorf("of a client without TLS: %+v", plain)
	}
	for kinds, want := range map[Kinds]Set{
		0:                    {},
		SSL:                  {Session: got.Session, Secure: true},
		UniqueID | Authority: {UniqueID: "id 1", Authority: "broker.example"},
	} {
		if only := got.Only(kinds); only != want {
			t.Errorf("only %s: %+v", kinds, only)
		}
	}
	if none := (*Set)(nil).Only(SSL); none != (Set{}) {
		t.Errorf("of nothing: %+v", none)
	}
}

func TestAppendLeavesOutWhatDoesNotFitAndNeverTruncates(t *testing.T) {
	long := Set{
		Session: Session{Client: 7, Version: "TLSv1.2", CommonName: strings.Repeat("c", 256), Cipher: "ECDHE-ECDSA-CHACHA20-POLY1305"},
		Secure:  true, UniqueID: strings.Repeat("u", maxUniqueID), Authority: strings.Repeat("a", maxAuthority), ALPN: "mqtt",
	}
	sizes := map[int]Kinds{MaxHeader - 52: Authority, 1000: 0, 400: UniqueID | Authority, 130: SSL | UniqueID | Authority, 131: SSL | Authority, 0: SSL | UniqueID | Authority}
	for room, want := range sizes {
		b, leftOut := long.Append([]byte("before"), room)
		if len(b) > len("before")+room || leftOut != want || !bytes.HasPrefix(b, []byte("before")) {
			t.Errorf("room of %d: %d bytes, without %s; want without %s", room, len(b), leftOut, want)
		}
		got, whole := Read(b[len("before"):]), long.Only((SSL|UniqueID|Authority)&^want)
		if got != whole {
			t.Errorf("room of %d: %+v", room, got)
		}
	}
	if err := long.Session.CheckSize(); err != nil {
		t.Error(err)
	}
	long.Session.Version = strings.Repeat("v", maxSSL)
	if err := long.Session.CheckSize(); err == nil {
		t.Error("a version of 400 bytes fits")
	}
}

// The two limits are such that an SSL TLV that passes CheckSize is in every header.
func TestSSLFitsIntoEveryHeader(t *testing.T) {
	s := Set{Secure: true}
	for s.Session.CheckSize() == nil {
		if _, leftOut := s.Append(nil, MaxHeader-52); leftOut != 0 {
			t.Fatalf("a name of %d bytes is left out", len(s.Session.CommonName))
		}
		s.Session.CommonName += "c"
	}
	if len(s.Session.CommonName) < 256 {
		t.Errorf("no name of more than %d bytes", len(s.Session.CommonName))
	}
}

func TestCheckAllocatesNothing(t *testing.T) {
	b := summed(device, value(proxyproto.PP2_TYPE_AUTHORITY, "broker.example"))
	if got := testing.AllocsPerRun(100, func() { _ = Check(b, tlvsAt) }); got != 0 {
		t.Errorf("%v allocations", got)
	}
}

func BenchmarkCheck(b *testing.B) {
	header := summed(device, value(proxyproto.PP2_TYPE_AUTHORITY, "broker.example"))
	for b.Loop() {
		_ = Check(header, tlvsAt)
	}
}

// FuzzTLVs compares Check and Read with the library, and what is written with what was read.
func FuzzTLVs(f *testing.F) {
	for _, b := range all() {
		f.Add(b[tlvsAt:])
		f.Add(b[tlvsAt : tlvsAt+len(b[tlvsAt:])/2])
	}
	f.Fuzz(func(t *testing.T, tlvs []byte) {
		b := with(string(tlvs))
		list, failed := proxyproto.SplitTLVs(tlvs)
		if err := Check(b, tlvsAt); err != nil {
			return
		}
		if failed != nil {
			t.Fatalf("%q is right, and the library says %v", tlvs, failed)
		}
		set := Read(tlvs)
		find := func(kind proxyproto.PP2Type) (first string) {
			for _, v := range list {
				if v.Type == kind && first == "" {
					first = string(v.Value)
				}
			}
			return first
		}
		if set.UniqueID != find(proxyproto.PP2_TYPE_UNIQUE_ID) || set.Authority != find(proxyproto.PP2_TYPE_AUTHORITY) {
			t.Errorf("%q reads as %+v", tlvs, set)
		}
		if ssl := find(proxyproto.PP2_TYPE_SSL); set.Secure != (ssl != "") {
			t.Errorf("%q reads as %+v", tlvs, set)
		} else if got, err := tlvparse.SSL(proxyproto.TLV{Type: proxyproto.PP2_TYPE_SSL, Value: []byte(ssl)}); err == nil {
			cn, _ := got.ClientCN()
			version, _ := got.SSLVersion()
			cipher, _ := got.SSLCipher()
			if want := (Session{got.Client, got.Verify, version, cn, cipher}); set.Session != want {
				t.Errorf("%q reads as %+v, the library reads %+v", tlvs, set.Session, want)
			}
		}
		for _, room := range []int{MaxHeader - 52, len(tlvs) + 4096} {
			out, leftOut := set.Append(nil, room)
			if len(out) > room {
				t.Fatalf("%d bytes in a room of %d", len(out), room)
			}
			if err := Check(with(string(out)), tlvsAt); err != nil {
				t.Fatalf("%q is written for %q: %v", out, tlvs, err)
			}
			if back := Read(out); back != set.Only((SSL|UniqueID|Authority)&^leftOut) {
				t.Errorf("%+v is written, and reads as %+v", set, back)
			}
		}
	})
}
