package opening

import "testing"

func TestMatchOrigin(t *testing.T) {
	for _, c := range []struct {
		pattern, origin string
		want            bool
	}{
		{"https://app.example.com", "https://app.example.com", true},
		{"https://app.example.com", "https://app.example.com:443", true},
		{"https://app.example.com", "https://APP.example.com.", true},
		{"https://app.example.com", "https://app.example.com:8443", false},
		{"https://app.example.com", "http://app.example.com", false},
		{"https://app.example.com", "null", false},
		{"https://*.example.com", "https://a.b.example.com", true},
		{"https://*.example.com", "https://example.com", false},
		{"https://*.example.com", "https://", false},
		{"https://*.example.com:8443", "https://a.example.com:8443", true},

		{"null", "null", true},
		{"null", "", false},
		{"null", "https://null", false},
		{"null", "file://", false},
		{"null", "https://app.example.com", false},
		{"file://", "file://", true},
		{"file://", "null", false},
		{"file://", "file://host", false},
		{"file://", "https://file", false},
		{"capacitor://localhost", "capacitor://localhost", true},
		{"capacitor://localhost", "Capacitor://LOCALHOST", true},
		{"capacitor://localhost", "capacitor://localhost:80", false},
		{"capacitor://localhost", "ionic://localhost", false},
		{"capacitor://localhost", "capacitor://localhost.evil.test", false},
		{"app://.", "app://.", true},
		{"app://.", "app://x", false},
		{"app://", "app://", true},
		{"app://", "app://x", false},
		{"app://com.example.my_app", "app://com.example.my_app", true},
		{"chrome-extension://abcdef", "chrome-extension://abcdef", true},
		{"chrome-extension://abcdef", "chrome-extension://abcdeg", false},
	} {
		if got := matchOrigin(c.pattern, c.origin); got != c.want {
			t.Errorf("%q for %q is %v", c.pattern, c.origin, got)
		}
	}
}

func TestNormalPaths(t *testing.T) {
	for path, want := range map[string]bool{
		"/": true, "/a": true, "/a/": true, "/a/b.c/~d-e_f": true, "/a!$&'()*+,;=:@": true, "/%C3%A9": true, "/%c3%a9": true, "/a%20b": true, "/...": true, "/..a": true, "/;a": true,
		"":   true, // of an absolute URL alone
		"//": false, "/a//": false, "//a": false, "/.": false, "/..": false, "/a/../b": false, "/./": false, "/..;a=b": false, "/.;": false,
		"/%2e": false, "/%2E%2e": false, "/.%2e": false, "/%2f": false, "/%5C": false, `/\`: false, "/%61": false, "/%7e": false, "/%30": false,
		"/%25": false, "/%252e": false, "/%00": false, "/%7F": false, "/%0a": false, "/a%3b": true, "/..%3Ba": false, "/%": false, "/%2": false, "/%zz": false, "/%C3%61": false,
	} {
		if got := isNormal(path); got != want {
			t.Errorf("%q: %v, want %v", path, got, want)
		}
	}
}
