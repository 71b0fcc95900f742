package snapshot

import (
	"net/netip"
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
