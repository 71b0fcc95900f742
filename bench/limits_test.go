//go:build linux

package bench

import (
	"net/netip"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestLimitsSayWhatToSet(t *testing.T) {
	one := []netip.AddrPort{netip.MustParseAddrPort("127.0.0.1:1883")}
	sources := []netip.Addr{netip.MustParseAddr("127.0.0.2"), netip.MustParseAddr("127.0.0.3")}
	for _, c := range []struct {
		name string
		err  error
		want string // empty: no error
	}{
		{"under the limit", (&Options{Clients: 991}).checkDescriptors(1024), ""},
		{"the default ulimit", (&Options{Clients: 1007}).checkDescriptors(1024), "`ulimit -Hn 1039`"},
		{"one address", (&Options{Clients: 28232, Targets: one}).checkPorts(32768, 60999), ""},
		{"one client too many", (&Options{Clients: 28233, Targets: one}).checkPorts(32768, 60999), "--ifaddr"},
		{"two addresses", (&Options{Clients: 56464, Targets: one, Sources: sources}).checkPorts(32768, 60999), ""},
	} {
		switch {
		case c.want == "" && c.err != nil:
			t.Errorf("%s: %v", c.name, c.err)
		case c.want != "" && (c.err == nil || !strings.Contains(c.err.Error(), c.want)):
			t.Errorf("%s: %v does not name %s", c.name, c.err, c.want)
		}
	}
	if hint(unix.EADDRNOTAVAIL) == "" || hint(unix.EMFILE) == "" || hint(unix.ECONNREFUSED) != "" {
		t.Error("a limit of the machine has a hint, and nothing else has")
	}
}

func TestThisMachinesLimitsAreRead(t *testing.T) {
	o := Options{Clients: 1, Targets: []netip.AddrPort{netip.MustParseAddrPort("127.0.0.1:1883")}}
	if err := o.CheckLimits(); err != nil {
		t.Error(err)
	}
	o.Clients = 1 << 40
	if err := o.CheckLimits(); err == nil {
		t.Error("a million million clients fit")
	}
}
