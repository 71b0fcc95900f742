package opening

import (
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"mqttlb/proxy/snapshot"
)

// The proxies of these tests.
var behindProxies = &snapshot.Listener{
	Network: "tcp", Protocol: snapshot.HTTP, ForwardedFor: true,
	Trusted: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8"), netip.MustParsePrefix("198.51.100.7/32")},
}

const proxyPeer = "10.0.0.1:40000"

// forwardedTo returns the client of a request from a peer.
func forwardedTo(peer string, lines ...string) Client {
	at, _ := netip.ParseAddrPort(peer) // not valid on a Unix socket
	return Client{Source: at}.OfRequest(behindProxies, http.Header{"X-Forwarded-For": lines})
}

func TestClientOfAForwardedRequest(t *testing.T) {
	const none = "10.0.0.1:40000 shared" // the proxy, whose client is not known
	for _, row := range []struct {
		peer, header, want string // lines are divided by |
	}{
		{proxyPeer, "203.0.113.7", "203.0.113.7:0"},
		{proxyPeer, "  203.0.113.7\t", "203.0.113.7:0"},
		{proxyPeer, "203.0.113.7:5678", "203.0.113.7:5678"},
		{proxyPeer, "2001:db8::7", "[2001:db8::7]:0"},
		{proxyPeer, "[2001:db8::7]", "[2001:db8::7]:0"},
		{proxyPeer, "[2001:db8::7]:443", "[2001:db8::7]:443"},
		{proxyPeer, `"[2001:db8::7]:443"`, "[2001:db8::7]:443"},
		{proxyPeer, `"203.0.113.7"`, "203.0.113.7:0"},
		{proxyPeer, "::ffff:203.0.113.7", "203.0.113.7:0"},
		{proxyPeer, "[::ffff:203.0.113.7]:80", "203.0.113.7:80"},
		{proxyPeer, "fe80::1%eth0", "[fe80::1]:0"},

		// What is left of the first address that is no proxy is that client's word.
		{proxyPeer, "192.0.2.66, 203.0.113.7", "203.0.113.7:0"},
		{proxyPeer, "10.0.0.9, 203.0.113.7", "203.0.113.7:0"},
		{proxyPeer, "garbage, 203.0.113.7", "203.0.113.7:0"},
		{proxyPeer, "203.0.113.7, 10.0.0.9", "203.0.113.7:0"},
		{proxyPeer, "192.0.2.66,203.0.113.7:5,10.0.0.9:6,[fd00::3]:7,198.51.100.7", "203.0.113.7:5"},
		{proxyPeer, "192.0.2.66, 203.0.113.7, ::ffff:10.0.0.9", "203.0.113.7:0"},

		// Several lines are one list, and empty entries are none.
		{proxyPeer, "192.0.2.66|203.0.113.7", "203.0.113.7:0"},
		{proxyPeer, "192.0.2.66|203.0.113.7|10.0.0.9", "203.0.113.7:0"},
		{proxyPeer, "192.0.2.66, 203.0.113.7|10.0.0.8, 10.0.0.9", "203.0.113.7:0"},
		{proxyPeer, "203.0.113.7,, ,", "203.0.113.7:0"},
		{proxyPeer, "203.0.113.7||", "203.0.113.7:0"},

		// All are proxies: the leftmost.
		{proxyPeer, "10.0.0.7, 10.0.0.8:5, 10.0.0.9", "10.0.0.7:0 shared"},
		{proxyPeer, "fd00::9", "[fd00::9]:0 shared"},

		// No address: it is not known who was before the last proxy.
		{proxyPeer, "", none},
		{proxyPeer, " , ", none},
		{proxyPeer, "unknown", none},
		{proxyPeer, "203.0.113.7, unknown", none},
		{proxyPeer, "203.0.113.7, _hidden, 10.0.0.9", "10.0.0.9:0 shared"},
		{proxyPeer, "client.example.com", none},
		{proxyPeer, "203.0.113", none},
		{proxyPeer, "203.0.113.07", none},
		{proxyPeer, "203.0.113.7:", none},
		{proxyPeer, "203.0.113.7:x", none},
		{proxyPeer, "203.0.113.7:+5", none},
		{proxyPeer, "203.0.113.7:65536", none},
		{proxyPeer, "203.0.113.7 10.0.0.9", none},
		{proxyPeer, "203.0.113.7;10.0.0.9", none},
		{proxyPeer, "[203.0.113.7]", none},
		{proxyPeer, "[2001:db8::7", none},
		{proxyPeer, "[2001:db8::7]443", none},
		{proxyPeer, "2001:db8::7]", none},
		{proxyPeer, "[]", none},
		{proxyPeer, `"203.0.113.7`, none},
		{proxyPeer, `203.0.113.7"`, none},
		{proxyPeer, `"`, none},
		{proxyPeer, `""`, none},
		{proxyPeer, "for=203.0.113.7", none},
		{proxyPeer, "0x0a.0.0.1", none},
		{proxyPeer, "3405803783", none},

		// A peer that is no proxy is a client, whatever it sends.
		{"203.0.113.9:40000", "192.0.2.66", "203.0.113.9:40000"},
		{"203.0.113.9:40000", "10.0.0.9", "203.0.113.9:40000"},
		{"[::ffff:10.0.0.1]:40000", "203.0.113.7", "203.0.113.7:0"},
		{"[fd00::1]:40000", "203.0.113.7", "203.0.113.7:0"},

		// A Unix socket.
		{"", "203.0.113.7", "203.0.113.7:0"},
		{"", "203.0.113.7, 10.0.0.9", "203.0.113.7:0"},
		{"", "unknown", "invalid AddrPort shared"},
	} {
		c := forwardedTo(row.peer, strings.Split(row.header, "|")...)
		got := c.Source.String()
		if c.Shared {
			got += " shared"
		}
		if got != row.want {
			t.Errorf("%q from %s: the client is %s, want %s", row.header, row.peer, got, row.want)
		}
		if limited := c.Limited(); limited.IsValid() == c.Shared || limited.IsValid() && limited != c.Source.Addr() {
			t.Errorf("%q: the limits count %v", row.header, limited)
		}
	}
}

// The names of the header are those that net/http makes of it. Others are not read.
func TestNoOtherHeaderNamesTheClient(t *testing.T) {
	peer := Client{Source: netip.MustParseAddrPort(proxyPeer)}
	for _, name := range []string{"Forwarded", "X-Real-Ip", "X-Forwarded", "X_forwarded_for", "X-Client-Ip", "True-Client-Ip"} {
		if c := peer.OfRequest(behindProxies, http.Header{name: {"203.0.113.7"}}); c.Source != peer.Source {
			t.Errorf("%s names %v", name, c.Source)
		}
	}
}

func TestNoMoreThan32HopsAreRead(t *testing.T) {
	for hops, want := range map[int]string{31: "203.0.113.7:0", 32: "10.0.0.9:0"} {
		c := forwardedTo(proxyPeer, "203.0.113.7"+strings.Repeat(", 10.0.0.9", hops))
		if got := c.Source.String(); got != want || c.Shared != (hops == 32) {
			t.Errorf("behind %d proxies: %s, shared %t", hops, got, c.Shared)
		}
	}
	if n := testing.AllocsPerRun(10, func() { forwardedTo(proxyPeer, strings.Repeat(",", 16<<10)) }); n > 3 {
		t.Errorf("a header of commas takes %v allocations", n)
	}
}

// After a PROXY header without an address, the bytes are those of a client that nobody has named.
func TestXForwardedForBehindAProxyHeader(t *testing.T) {
	for header, want := range map[string]string{
		"PROXY TCP4 10.0.0.2 192.0.2.9 40000 8083\r\n":    "203.0.113.7:0",
		"PROXY TCP4 203.0.113.9 192.0.2.9 40000 8083\r\n": "203.0.113.9:40000",
		"PROXY UNKNOWN\r\n":                               proxyPeer + " shared",
		v2("\x20\x00", ""):                                proxyPeer + " shared",
	} {
		ln := *behindProxies
		ln.AcceptProxy = true
		o := New(rules, &ln, netip.MustParseAddrPort(proxyPeer))
		o.Feed([]byte(header), &Scratch{})
		c := o.OfRequest(&ln, http.Header{"X-Forwarded-For": {"203.0.113.7"}})
		got := c.Source.String()
		if c.Shared {
			got += " shared"
		}
		if got != want {
			t.Errorf("behind %q: %s, want %s", header, got, want)
		}
	}
}

// FuzzForwarded checks that nobody but a proxy changes who the client is.
func FuzzForwarded(f *testing.F) {
	for _, header := range []string{"203.0.113.7", "192.0.2.66,203.0.113.7:5,10.0.0.9", `"[2001:db8::7]:443"`, "unknown, 10.0.0.9", "::ffff:10.0.0.9", "10.0.0.7"} {
		f.Add(header, "192.0.2.66")
		f.Add(header, "10.0.0.8, ,\"")
	}
	f.Fuzz(func(t *testing.T, header, forged string) {
		c := forwardedTo(proxyPeer, header)
		if trusted := behindProxies.TrustsForwarded(c.Source.Addr()); trusted != c.Shared || !c.Source.IsValid() {
			t.Fatalf("%q: %+v, which is a proxy: %t", header, c, trusted)
		}
		if a := c.Source.Addr(); a.Is4In6() || a.Zone() != "" {
			t.Errorf("%q: %v", header, a)
		}
		if again := forwardedTo(proxyPeer, strings.Split(header, ",")...); again != c {
			t.Errorf("%q: %v, and line by line %v", header, c, again)
		}
		if len(header) > 200 {
			return // the number of entries is limited
		}
		if behind := forwardedTo(proxyPeer, header+", 10.0.0.9:5"); behind.Source != c.Source && c.Source.String() != proxyPeer {
			t.Errorf("%q: %v, and behind one more proxy %v", header, c, behind)
		}
		if c.Shared {
			return
		}
		for _, lines := range [][]string{{forged + "," + header}, {forged, header}} {
			if lied := forwardedTo(proxyPeer, lines...); lied != c {
				t.Errorf("%q: %v, and after %q %v", header, c, forged, lied)
			}
		}
	})
}
