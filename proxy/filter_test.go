package proxy

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"mqttlb/mqttparse"
	"mqttlb/proxy/admin/api"
)

func TestFilterIsParsed(t *testing.T) {
	spec := FilterSpec{ID: "4kz", ClientID: "dev/*", Username: "alice", Node: "n", Pool: "p", Listener: "l", Address: "10.1.2.3/8", Version: "3.1.1", Older: "1h30m", Silent: "90s"}
	want := SessionFilter{
		ID: 5939, ClientID: TextPattern{"dev/", true}, Username: TextPattern{"alice", false}, Node: "n", Pool: "p", Listener: "l",
		Address: netip.MustParsePrefix("10.0.0.0/8"), Version: mqttparse.V311, Older: 90 * time.Minute, Silent: 90 * time.Second,
	}
	got, err := ParseFilter(spec)
	if err != nil || *got != want {
		t.Errorf("%+v, error %v; want %+v", got, err, want)
	}
	if got, err := ParseFilter(FilterSpec{}); err != nil || *got != (SessionFilter{}) {
		t.Errorf("an empty filter is %+v, error %v", got, err)
	}
	for text, want := range map[string]string{
		"192.0.2.7": "192.0.2.7/32", "::ffff:192.0.2.7": "192.0.2.7/32", "2001:db8::7": "2001:db8::7/128", "2001:db8::7/32": "2001:db8::/32",
		"::ffff:10.1.2.3/104": "10.0.0.0/8", "0.0.0.0/0": "0.0.0.0/0", "::/0": "::/0",
	} {
		if got, err := ParseFilter(FilterSpec{Address: text}); err != nil || got.Address.String() != want {
			t.Errorf("address %q is %v, error %v; want %s", text, got.Address, err, want)
		}
	}
}

func TestFilterErrorNamesTheFieldAndWhatIsAllowed(t *testing.T) {
	for _, row := range []struct {
		spec FilterSpec
		want string
	}{
		{FilterSpec{ID: "4-z"}, `id: "4-z" is not the identifier of a session`},
		{FilterSpec{ID: "0"}, `id: "0" is not`},
		{FilterSpec{ID: "zzzzzzzzzzzzzzzz"}, `id: "zzzzzzzzzzzzzzzz" is not`},
		{FilterSpec{ClientID: strings.Repeat("x", 257)}, "client_id: "},
		{FilterSpec{Username: strings.Repeat("x", 257) + "*"}, "only the first 256 are known"},
		{FilterSpec{Address: "10.0.0"}, `address: "10.0.0" is neither an IP address nor a CIDR, such as`},
		{FilterSpec{Address: "10.0.0.0/33"}, "address: "},
		{FilterSpec{Address: "fe80::1%eth0"}, "address: "},
		{FilterSpec{Version: "3"}, `version: "3" is not a version of MQTT: it is one of 3.1, 3.1.1 and 5`},
		{FilterSpec{Version: "unknown"}, "version: "},
		{FilterSpec{Older: "1d"}, `older: "1d" is not a duration above zero, such as 90s, 10m or 1h30m`},
		{FilterSpec{Older: "0s"}, "older: "},
		{FilterSpec{Silent: "-1s"}, "silent: "},
	} {
		if _, err := ParseFilter(row.spec); err == nil || !strings.Contains(err.Error(), row.want) {
			t.Errorf("%+v: error %v, want %s", row.spec, err, row.want)
		}
	}
	_, err := ParseFilter(FilterSpec{Version: "6", Older: "x", Silent: "y"})
	for _, field := range []string{"version: ", "older: ", "silent: "} {
		if err == nil || !strings.Contains(err.Error(), field) {
			t.Errorf("error %v does not name %s", err, field)
		}
	}
}

func TestPatternFitsTextsAndPrefixes(t *testing.T) {
	for _, row := range []struct {
		pattern string
		fits    []string
		not     []string
	}{
		{"a", []string{"a"}, []string{"", "ab", "b"}},
		{"a*", []string{"a", "ab"}, []string{"", "b"}},
		{"*", []string{"a"}, []string{""}}, // sessions that have one
		{"", []string{"", "a"}, nil},
	} {
		f, err := ParseFilter(FilterSpec{ClientID: row.pattern})
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range row.fits {
			if !f.ClientID.fits(s) {
				t.Errorf("%q does not fit %q", row.pattern, s)
			}
		}
		for _, s := range row.not {
			if f.ClientID.fits(s) {
				t.Errorf("%q fits %q", row.pattern, s)
			}
		}
	}
}

// A caller converts the filter of the API, which has the same fields in the same order.
var _ = FilterSpec(api.SessionFilter{})

func TestSessionOrderIsParsed(t *testing.T) {
	for _, o := range []SessionOrder{ByAge, BySilence, ByReceived, BySent, ByRate, ByClientID} {
		if got, err := ParseSessionOrder(o.String()); err != nil || got != o {
			t.Errorf("%v is %v, error %v", o, got, err)
		}
	}
	if got, err := ParseSessionOrder(""); err != nil || got != ByAge {
		t.Errorf("no order is %v, error %v", got, err)
	}
	if _, err := ParseSessionOrder("size"); err == nil || !strings.Contains(err.Error(), "age, silent, received, sent, rate, client_id") {
		t.Errorf("error %v", err)
	}
}
