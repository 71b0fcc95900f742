package tlsterm

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/pires/go-proxyproto"
	"github.com/pires/go-proxyproto/tlvparse"

	"mqttlb/proxy/proxytest"
	"mqttlb/proxy/tlv"
)

func TestFactsOfASession(t *testing.T) {
	web, fleet := proxytest.NewCA("web"), proxytest.NewCA("fleet")
	device := fleet.IssueLike(x509.Certificate{
		Subject:        pkix.Name{Organization: []string{"Example"}},
		EmailAddresses: []string{"d@example.com"},
		URIs:           []*url.URL{{Scheme: "urn", Opaque: "device:1"}},
	}, "device-1", "192.0.2.1")
	s := server(t, web, func(o *Options) {
		o.ClientAuth, o.ClientCA, o.Protocols = ClientAuthRequest, proxytest.TempFile(t, "ca.pem", fleet.Cert), []string{"mqtt", "http/1.1"}
	})
	config := client(web, device)
	config.NextProtos = []string{"http/1.1", "mqtt"}
	config.MaxVersion = tls.VersionTLS12
	config.CipherSuites = []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384}
	got := mustHandshake(t, s.Config(), config).session.Info()
	if got.Version != "TLSv1.2" || got.Cipher != "ECDHE-ECDSA-AES256-GCM-SHA384" || got.ServerName != "broker.example" || got.Protocol != "mqtt" ||
		got.Resumed || !got.Verified || got.CommonName != "device-1" || got.Subject != "CN=device-1,O=Example" || got.Serial == "" ||
		!slices.Equal(got.DNSNames, []string{"device-1"}) || !slices.Equal(got.Emails, []string{"d@example.com"}) ||
		!slices.Equal(got.URIs, []string{"urn:device:1"}) || !slices.Equal(got.IPs, []netip.Addr{netip.MustParseAddr("192.0.2.1")}) {
		t.Errorf("%+v", got)
	}
	got = mustHandshake(t, s.Config(), &tls.Config{InsecureSkipVerify: true}).session.Info()
	if got.Version != "TLSv1.3" || !strings.HasPrefix(got.Cipher, "TLS_") || got.ServerName != "" || got.Protocol != "" || got.Verified || got.CommonName != "" {
		t.Errorf("%+v", got)
	}
}

// header returns the TLVs of info as go-proxyproto reads them from an IPv6 PROXY v2 header, the
// longest one, and the header's length.
func header(t *testing.T, info *Info) ([]proxyproto.TLV, int) {
	t.Helper()
	h := proxyproto.HeaderProxyFromAddrs(2, &net.TCPAddr{IP: net.ParseIP("2001:db8::1"), Port: 1}, &net.TCPAddr{IP: net.ParseIP("2001:db8::2"), Port: 2})
	b, err := h.Format()
	if err != nil {
		t.Fatal(err)
	}
	b = appendTLVs(b, info, len(b))
	b[14], b[15] = byte((len(b)-16)>>8), byte(len(b)-16)
	read, err := proxyproto.Read(bufio.NewReader(bytes.NewReader(b)))
	if err != nil {
		t.Fatal(err)
	}
	tlvs, err := read.TLVs()
	if err != nil {
		t.Fatal(err)
	}
	return tlvs, len(b)
}

// appendTLVs appends the TLVs of info to a header of so many bytes.
func appendTLVs(dst []byte, info *Info, header int) []byte {
	set := tlv.Set{Session: info.TLVSession(), Secure: true, Authority: info.ServerName, ALPN: info.Protocol}
	b, _ := set.Append(dst, tlv.MaxHeader-header)
	return b
}

func TestTLVsAreWhatBrokersRead(t *testing.T) {
	long := strings.Repeat("n", 255)
	for _, row := range []struct {
		name   string
		info   Info
		client byte
		verify uint32
		types  []proxyproto.PP2Type
	}{
		{"no certificate", Info{Version: "TLSv1.3", Cipher: "TLS_AES_128_GCM_SHA256"}, 1, 1, []proxyproto.PP2Type{proxyproto.PP2_TYPE_SSL}},
		{"all", Info{Version: "TLSv1.2", Cipher: "ECDHE-RSA-AES128-GCM-SHA256", ServerName: "a.example", Protocol: "mqtt", Verified: true, CommonName: "device-1"},
			7, 0, []proxyproto.PP2Type{proxyproto.PP2_TYPE_SSL, proxyproto.PP2_TYPE_AUTHORITY, proxyproto.PP2_TYPE_ALPN}},
		{"resumed, no common name", Info{Version: "TLSv1.3", Cipher: "TLS_AES_128_GCM_SHA256", Protocol: "mqtt", Verified: true, Resumed: true},
			5, 0, []proxyproto.PP2Type{proxyproto.PP2_TYPE_SSL, proxyproto.PP2_TYPE_ALPN}},
		{"no room for the name", Info{Version: "TLSv1.2", Cipher: "ECDHE-ECDSA-CHACHA20-POLY1305", ServerName: long, Protocol: "http/1.1", Verified: true,
			CommonName: strings.Repeat("c", maxCommonName)}, 7, 0, []proxyproto.PP2Type{proxyproto.PP2_TYPE_SSL, proxyproto.PP2_TYPE_ALPN}},
	} {
		tlvs, n := header(t, &row.info)
		if n > tlv.MaxHeader {
			t.Errorf("%s: %d bytes", row.name, n)
		}
		var types []proxyproto.PP2Type
		for _, v := range tlvs {
			types = append(types, v.Type)
			switch v.Type {
			case proxyproto.PP2_TYPE_AUTHORITY:
				if string(v.Value) != row.info.ServerName {
					t.Errorf("%s: authority %q", row.name, v.Value)
				}
			case proxyproto.PP2_TYPE_ALPN:
				if string(v.Value) != row.info.Protocol {
					t.Errorf("%s: ALPN %q", row.name, v.Value)
				}
			default: // SSL is below; any other must be in the list of types
			}
		}
		if !slices.Equal(types, row.types) {
			t.Errorf("%s: got the TLVs %x, want %x", row.name, types, row.types)
		}
		ssl, err := tlvparse.SSL(tlvs[0])
		if err != nil {
			t.Fatalf("%s: %v", row.name, err)
		}
		version, _ := ssl.SSLVersion()
		cipher, _ := ssl.SSLCipher()
		cn, hasCN := ssl.ClientCN()
		if ssl.Client != row.client || ssl.Verify != row.verify || version != row.info.Version || cipher != row.info.Cipher ||
			cn != row.info.CommonName || hasCN != (cn != "") {
			t.Errorf("%s: %+v", row.name, ssl)
		}
		for _, sub := range ssl.TLV {
			if sub.Type > proxyproto.PP2_SUBTYPE_SSL_KEY_ALG { // EMQX's WebSocket listeners close the connection for these
				t.Errorf("%s: sub-TLV %#x", row.name, sub.Type)
			}
		}
	}
}

func TestTLVsAllocateNothing(t *testing.T) {
	info := Info{Version: "TLSv1.2", Cipher: "ECDHE-RSA-AES128-GCM-SHA256", ServerName: "a.example", Protocol: "mqtt", Verified: true, CommonName: "device-1"}
	dst := make([]byte, 0, 500)
	if got := testing.AllocsPerRun(100, func() { _ = appendTLVs(dst, &info, 52) }); got != 0 {
		t.Errorf("%v allocations", got)
	}
	if got := appendTLVs([]byte("before"), &info, 52); !bytes.HasPrefix(got, []byte("before")) {
		t.Errorf("%q", got)
	}
}

// The log line of a revoked certificate has the serial number as every other line does.
func TestSerialNumbersHaveOneSpelling(t *testing.T) {
	s := Session{client: &credential{serial: "\x0a\xbc"}}
	if got, want := s.ClientSerial(), big.NewInt(0xabc).Text(16); got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
