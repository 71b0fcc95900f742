package snapshot

import "testing"

func TestMatchHost(t *testing.T) {
	for _, c := range []struct {
		pattern, host string
		want          bool
	}{
		{"", "", true},
		{"", "any.example.com:18083", true},
		{"example.com", "example.com", true},
		{"example.com", "EXAMPLE.com.:8080", true},
		{"Example.com", "example.com", true},
		{"example.com", "www.example.com", false},
		{"example.com", "", false},
		{"*.example.com", "a.example.com:80", true},
		{"*.example.com", "a.b.example.com", true},
		{"*.example.com", "example.com", false},
		{"*.example.com", ".example.com", false},
		{"*.example.com", "badexample.com", false},
		{"*.example.com", "a.example.com.evil", false},
		{"*.example.com", "evil:1:a.example.com", false},
		{"*.example.com", "evil;.example.com", false},
		{"*.example.com", "a_b-c.example.com", true},
		{"ws.*", "ws.a:1:2", false},
		{"ws.*", "ws.example.com", true},
		{"ws.*", "ws.", false},
		{"ws.*", "xws.example.com", false},
		{"ws.*", "ws", false},
		{"127.0.0.1", "127.0.0.1:18083", true},
		{"::1", "[::1]:18083", true},
		{"[::1]", "[::1]", true},
		{"2001:db8::1", "[2001:DB8:0::1]", true},
		{"127.0.0.1", "127.0.0.1.", true},
		{"xn--bcher-kva.example", "XN--Bcher-kva.example.:80", true},
		{"xn--bcher-kva.example", "bücher.example", true},
		{"*.xn--bcher-kva.example", "a.BÜCHER.example", true},
		{"*.xn--bcher-kva.example", "a.bucher.example", false},
		{"xn--bcher-kva.*", "bücher.net", true},
		{"my_broker", "My_Broker", true},
		{"::1", "[::2]", false},
		{"2001:db8::1", "[2001:DB8:0:0::1]:80", true},
	} {
		if got := MatchHost(c.pattern, c.host); got != c.want {
			t.Errorf("MatchHost(%q, %q) is %v", c.pattern, c.host, got)
		}
	}
}

func TestMatchUpgrade(t *testing.T) {
	for _, c := range []struct {
		pattern, path string
		want          bool
	}{
		{"/mqtt", "/mqtt", true},
		{"/mqtt", "/mqtt/", false},
		{"/mqtt/", "/mqtt/", true},
		{"/mqtt/", "/mqtt/a", false},
		{"/", "/", true},
		{"/", "/a", false},
		{"/", "", false},
		{"/ws/*", "/ws/a/b", true},
		{"/ws/*", "/ws/", true},
		{"/ws/*", "/ws", false},
		{"/ws/*", "/wsx", false},
		{"/ws/*", "/WS/a", false},
		{"/*", "/", true},
		{"/*", "/a", true},
		{"/*", "", false},
		{"/*", "*", false},
		{"/a*", "/ab", false},
		{"/a*", "/a*", true},
	} {
		if got := MatchUpgrade(c.pattern, c.path); got != c.want {
			t.Errorf("MatchUpgrade(%q, %q) is %v", c.pattern, c.path, got)
		}
	}
}

func TestMatchPath(t *testing.T) {
	for _, c := range []struct {
		pattern, path string
		want          bool
	}{
		{"", "/", true},
		{"", "", true},
		{"/mqtt", "/mqtt", true},
		{"/mqtt", "/mqtt/", false},
		{"/mqtt", "/mqtt2", false},
		{"/api/", "/api/v5/nodes", true},
		{"/api/", "/api/", true},
		{"/api/", "/api", false},
		{"/api/", "/API/", false},
		{"/", "/anything", true},
	} {
		if got := MatchPath(c.pattern, c.path); got != c.want {
			t.Errorf("MatchPath(%q, %q) is %v", c.pattern, c.path, got)
		}
	}
}
