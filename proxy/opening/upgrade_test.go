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
