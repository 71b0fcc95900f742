package config

import (
	"slices"
	"strings"
	"testing"
)

// withUpgradeDefaults sets the defaults of upgrades to WebSocket where nothing is set.
func withUpgradeDefaults(c *Config) *Config {
	for i := range c.Listeners {
		l := &c.Listeners[i]
		for _, s := range append([]*Subprotocol{&l.Subprotocol}, subprotocolsOf(l.Routes)...) {
			if *s == "" {
				*s = SubprotocolRequired
			}
		}
	}
	for i := range c.Listeners {
		for j := range c.Listeners[i].Routes {
			c.Listeners[i].Routes[j].Share = NoShare
		}
	}
	for i := range c.Pools {
		if p := &c.Pools[i]; p.Path == "" {
			p.Path = PathKeep
		}
	}
	return c
}

func subprotocolsOf(routes []Route) (all []*Subprotocol) {
	for i := range routes {
		all = append(all, &routes[i].Subprotocol)
	}
	return all
}

func TestOrigins(t *testing.T) {
	for s, want := range map[string]string{
		"null":                             "null",
		"NULL":                             "null",
		"file://":                          "file://",
		"FILE://":                          "file://",
		"capacitor://localhost":            "capacitor://localhost",
		"ionic://localhost":                "ionic://localhost",
		"app://":                           "app://",
		"app://.":                          "app://.",
		"app://com.example.my_app":         "app://com.example.my_app",
		"tauri://localhost:1420":           "tauri://localhost:1420",
		"chrome-extension://abcdef":        "chrome-extension://abcdef",
		"moz-extension://0c59-4b-a":        "moz-extension://0c59-4b-a",
		"wechat-miniapp+x://[::1]:80":      "wechat-miniapp+x://[::1]:80",
		"https://APP.example.com:443":      "https://app.example.com",
		"https://*.example.com":            "https://*.example.com",
		"app://*.example":                  "app://*.example",
		"https://":                         "",
		"http://.":                         "",
		"null://":                          "null://",
		"file:///":                         "",
		"file:///index.html":               "",
		"app://me@host":                    "",
		"app://a b":                        "",
		"app":                              "",
		"://x":                             "",
		"":                                 "",
		"https://a.example https://b.test": "",
	} {
		if got, err := parseOriginPattern(s); got != want || (err == nil) != (want != "") {
			t.Errorf("%q is %q, %v; want %q", s, got, err, want)
		}
	}
}

// Without quotes null is no text in YAML, and nobody who writes it in this list means nothing.
func TestTheOriginNullNeedsNoQuotes(t *testing.T) {
	const file = `
listeners: [{name: a, address: ":1", protocol: ws, pool: p, allowed_origins: [%]}]
pools: [{name: p, protocol: ws, nodes: [{name: n, address: "h:1"}]}]`
	for _, item := range []string{`null`, `"null"`, `Null, "https://a"`} {
		c := parse(t, strings.Replace(file, "%", item, 1))
		if got := c.Listeners[0].AllowedOrigins; got[0] != "null" {
			t.Errorf("%s is read as %q", item, got)
		}
		checkYAML(t, c)
	}
	for _, item := range []string{`~`, `null, "null"`, `[null]`, `"https://a", `} {
		if c, err := Parse("f", []byte(strings.Replace(file, "%", item, 1))); err == nil && len(c.Listeners[0].AllowedOrigins) != 1 {
			t.Errorf("%s is read as %q", item, c.Listeners[0].AllowedOrigins)
		}
	}
}

func TestRouteCoversWhatItTakes(t *testing.T) {
	ws := func(paths ...string) Route { return Route{Protocol: WS, Paths: paths} }
	http := func(path string) Route { return Route{Protocol: HTTP, Path: path} }
	for _, c := range []struct {
		a, b Route
		want bool
	}{
		{ws("/mqtt"), ws("/mqtt"), true},
		{ws("/mqtt"), Route{Protocol: WS, Path: "/mqtt"}, true},
		{ws("/mqtt", "/ws/*"), ws("/ws/a", "/mqtt"), true},
		{ws("/mqtt", "/ws/*"), ws("/ws", "/mqtt"), false},
		{ws("/ws/*"), ws("/ws/a/*", "/ws/"), true},
		{ws("/ws/a/*"), ws("/ws/*"), false},
		{ws("/*"), http("/"), true},
		{ws("/*"), http("/api/"), true},
		{ws("/ws/*"), http("/ws/"), true},
		{ws("/ws/a"), http("/ws/"), false},
		{http("/"), ws("/mqtt", "/*"), true},
		{http("/ws/"), ws("/ws/*"), true},
		{http("/ws/*"), ws("/ws/a"), false}, // of protocol http the star is a star
		{http("/mqtt"), ws("/mqtt", "/"), false},
	} {
		c.a.Share, c.b.Share = NoShare, NoShare
		if got := c.a.covers(&c.b); got != c.want {
			t.Errorf("%v covers %v: %v, want %v", c.a, c.b, got, c.want)
		}
	}
}

func TestHostPatternsMeet(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{"a.example.com", "a.example.com", true},
		{"a.example.com", "b.example.com", false},
		{"*.example.com", "a.example.com", true},
		{"*.example.com", "*.a.example.com", true},
		{"*.example.com", "ws.*", true},
		{"*.example.com", "*.example.net", false},
		{"ws.*", "a.*", false},
		{"::1", "::1", true},
	} {
		if hostsMeet(c.a, c.b) != c.want || hostsMeet(c.b, c.a) != c.want {
			t.Errorf("%s and %s: want %v", c.a, c.b, c.want)
		}
	}
}

func TestPathsOfAListener(t *testing.T) {
	for setting, want := range map[string][]string{
		"":                                     {"/mqtt"},
		"path: /ws":                            {"/ws"},
		"path: /ws/*":                          {"/ws/*"},
		"paths: [/mqtt, /mqtt/, /, /ws/*, /*]": {"/mqtt", "/mqtt/", "/", "/ws/*", "/*"},
	} {
		c := parse(t, `
listeners: [{name: a, address: ":1", protocol: ws, pool: p, `+setting+`}]
pools: [{name: p, protocol: ws, path: /ws, nodes: [{name: n, address: "h:1"}]}]`)
		if got := c.Listeners[0].UpgradePaths(); !slices.Equal(got, want) {
			t.Errorf("%q: %q, want %q", setting, got, want)
		}
		checkYAML(t, c)
	}
}
