package snapshot

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"mqttlb/mqttparse"
	"mqttlb/proxy/tlsterm"
)

func TestIdentityIsTheCommonNameOrAnAlternativeName(t *testing.T) {
	info := &tlsterm.Info{
		Verified: true, CommonName: "device-1", DNSNames: []string{"device.example"}, Emails: []string{"device@example.com"},
		URIs: []string{"urn:device:1"}, IPs: []netip.Addr{netip.MustParseAddr("192.0.2.7"), netip.MustParseAddr("2001:db8::7")},
	}
	unproved := *info
	unproved.Verified = false
	for field, want := range map[string]bool{
		"device-1": true, "device.example": true, "device@example.com": true, "urn:device:1": true, "192.0.2.7": true, "2001:db8::7": true,
		"": false, "device-2": false, "192.0.2.70": false, "192.0.2.007": false, "2001:DB8::7": false, "2001:db8:0::7": false,
		"::ffff:192.0.2.7": false, "2001:db8::7%eth0": false,
	} {
		for identity, connect := range map[Identity]*mqttparse.Connect{
			ClientIDIdentity: {ClientID: []byte(field), Username: []byte("other")},
			UsernameIdentity: {Username: []byte(field), ClientID: []byte("other")},
		} {
			if got := identity.Allows(info, connect); got != want {
				t.Errorf("identity %d, %q: %t", identity, field, got)
			}
			if identity.Allows(nil, connect) || identity.Allows(&unproved, connect) {
				t.Errorf("identity %d, %q: allowed without a certificate", identity, field)
			}
			if !AnyIdentity.Allows(nil, connect) {
				t.Errorf("%q: not allowed where nothing is asked", field)
			}
		}
	}
	if ClientIDIdentity.Allows(&tlsterm.Info{Verified: true}, &mqttparse.Connect{}) {
		t.Error("no name is equal to no name")
	}
}

// The log says what was asked for, within limits: the client has chosen all of it.
func TestMismatchNamesWhatWasAskedForAndWhatTheCertificateHas(t *testing.T) {
	device := &mqttparse.Connect{ClientID: []byte("device-1")}
	all := &tlsterm.Info{
		Verified: true, CommonName: "Device-1", DNSNames: []string{"a.example"}, Emails: []string{"a@example.com"}, URIs: []string{"urn:device:1"},
		IPs: []netip.Addr{netip.MustParseAddr("192.0.2.7")},
	}
	many := &tlsterm.Info{Verified: true, CommonName: "a\nb\x1b"}
	for i := range 100 {
		many.DNSNames = append(many.DNSNames, fmt.Sprint(i))
	}
	long := strings.Repeat("x", 300)
	for _, row := range []struct {
		identity Identity
		info     *tlsterm.Info
		connect  *mqttparse.Connect
		want     string
	}{
		{ClientIDIdentity, all, device, `client_id "device-1" is not in the certificate, which names CN "Device-1", DNS "a.example", email "a@example.com", URI "urn:device:1", IP "192.0.2.7"`},
		{UsernameIdentity, all, &mqttparse.Connect{Username: []byte("anna")}, `username "anna" is not in the certificate, which names CN "Device-1"`},
		{UsernameIdentity, all, device, `the CONNECT has no username; the certificate names CN "Device-1"`},
		{ClientIDIdentity, nil, device, `the client with client_id "device-1" has shown no certificate`},
		{ClientIDIdentity, &tlsterm.Info{}, device, `the client with client_id "device-1" has shown no certificate`},
		{ClientIDIdentity, &tlsterm.Info{Verified: true}, device, `client_id "device-1" is not in the certificate, which names nothing`},
		{ClientIDIdentity, many, device, `which names CN "a\nb\x1b", DNS "0", DNS "1", DNS "2", DNS "3", DNS "4", DNS "5", DNS "6" and 93 more`},
		{ClientIDIdentity, &tlsterm.Info{Verified: true, CommonName: long}, &mqttparse.Connect{ClientID: []byte(long)},
			`client_id "` + long[:64] + `"... is not in the certificate, which names CN "` + long[:64] + `"...`},
	} {
		if got := row.identity.Mismatch(row.info, row.connect); !strings.HasPrefix(got, "require_identity: ") || !strings.Contains(got, row.want) || len(got) > 1000 {
			t.Errorf("got %s, want %s", got, row.want)
		}
	}
}
