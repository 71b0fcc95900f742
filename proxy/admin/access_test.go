package admin

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"

	"mqttlb/proxy/admin/api"
)

// requests are one of each need. {token} stands for the right token, {wrong} for another.
var requests = map[need]string{public: "GET /readyz", read: "GET /api/v1/status", change: "POST /api/v1/reload"}

func TestWhoMayDoWhat(t *testing.T) {
	const none, wrong, right = "", "0123456789abcdeX", rightToken
	for _, c := range []struct {
		name   string
		rig    *rig
		public [3]int // without a token, with a wrong one, with the right one
		read   [3]int
		change [3]int
	}{
		{"the socket", newRigOn(t, nil, unixListener(t), BySocket), [3]int{200, 200, 200}, [3]int{200, 200, 200}, [3]int{200, 200, 200}},
		{"loopback, no token", newRig(t, nil), [3]int{200, 200, 200}, [3]int{200, 200, 200}, [3]int{403, 403, 403}},
		{"loopback", newRig(t, &Access{Token: right}), [3]int{200, 200, 200}, [3]int{200, 200, 200}, [3]int{401, 401, 200}},
		{"a Unix address", newRigOn(t, &Access{Token: right}, unixListener(t), ByAddress), [3]int{200, 200, 200}, [3]int{200, 200, 200}, [3]int{401, 401, 200}},
		{"elsewhere, nothing", newRigOn(t, nil, elsewhere{loopback(t)}, ByAddress), [3]int{403, 403, 403}, [3]int{403, 403, 403}, [3]int{403, 403, 403}},
		{"elsewhere, metrics", newRigOn(t, &Access{Public: true}, elsewhere{loopback(t)}, ByAddress), [3]int{200, 200, 200}, [3]int{403, 403, 403}, [3]int{403, 403, 403}},
		{"elsewhere, token", newRigOn(t, &Access{Token: right}, elsewhere{loopback(t)}, ByAddress), [3]int{401, 401, 200}, [3]int{401, 401, 200}, [3]int{401, 401, 200}},
		{"elsewhere, both", newRigOn(t, &Access{Token: right, Public: true}, elsewhere{loopback(t)}, ByAddress), [3]int{200, 200, 200}, [3]int{401, 401, 200}, [3]int{401, 401, 200}},
	} {
		for n, want := range map[need][3]int{public: c.public, read: c.read, change: c.change} {
			for i, token := range []string{none, wrong, right} {
				method, path, _ := strings.Cut(requests[n], " ")
				var header []string
				if token != none {
					header = []string{"Authorization", "Bearer " + token}
				}
				response, text := c.rig.do(t, method, path, "", header...)
				if response.StatusCode != want[i] {
					t.Errorf("%s: %s with the token %q: %d, want %d: %s", c.name, requests[n], token, response.StatusCode, want[i], text)
				}
				if response.StatusCode == 401 && response.Header.Get("WWW-Authenticate") != `Bearer realm="mqttlb"` {
					t.Errorf("%s: 401 with WWW-Authenticate %q", c.name, response.Header.Get("WWW-Authenticate"))
				}
				if response.StatusCode == 403 && !strings.Contains(text, "admin.token_file") {
					t.Errorf("%s: 403 does not say what to set: %s", c.name, text)
				}
			}
		}
	}
}

func TestEveryOperationThatChangesNeedsTheToken(t *testing.T) {
	r := newRigOn(t, &Access{Token: rightToken, Public: true}, elsewhere{loopback(t)}, ByAddress)
	open := []string{"/healthz", "/metrics", "/readyz"}
	for path, methods := range r.server.operations() {
		path = strings.NewReplacer("{name}", "n", "{profile}", "heap").Replace(path)
		for method, op := range methods {
			if slices.Contains(open, path) {
				continue
			}
			want := http.StatusUnauthorized
			if op.need == socket {
				want = http.StatusForbidden
			}
			if response, text := r.do(t, method, path, ""); response.StatusCode != want {
				t.Errorf("%s %s without the token: %d %s", method, path, response.StatusCode, text)
			}
			if op.need == socket {
				if response, text := r.do(t, method, path, "", "Authorization", "Bearer "+rightToken); response.StatusCode != want {
					t.Errorf("%s %s with the token: %d %s", method, path, response.StatusCode, text)
				}
			}
		}
	}
	if said := r.said(); said != "" {
		t.Errorf("without the token: %s", said)
	}
}

func TestTokensAreSentInOneWay(t *testing.T) {
	r := newRig(t, &Access{Token: rightToken})
	for _, c := range []struct {
		header []string
		want   int
	}{
		{[]string{"Authorization", "bearer  " + rightToken}, 200},
		{[]string{"Authorization", "Basic " + rightToken}, 401},
		{[]string{"Authorization", rightToken}, 401},
		{[]string{"Authorization", "Bearer"}, 401},
		{[]string{"Authorization", "Bearer " + rightToken[:31]}, 401},
		{[]string{"Authorization", "Bearer " + rightToken + "0"}, 401},
		{[]string{"Authorization", "Bearer " + strings.ToUpper(rightToken)}, 401},
		{[]string{"Authorization", "Bearer " + rightToken, "Authorization", "Bearer x"}, 401},
		{[]string{"Cookie", "token=" + rightToken}, 401},
	} {
		if response, text := r.do(t, "POST", "/api/v1/reload", "", c.header...); response.StatusCode != c.want {
			t.Errorf("%q: %d %s, want %d", c.header, response.StatusCode, text, c.want)
		}
	}
	if response, _ := r.do(t, "POST", "/api/v1/reload?access_token="+rightToken, ""); response.StatusCode != 401 {
		t.Errorf("a token in the query, which logs have: %d", response.StatusCode)
	}
}

// A web page can have a name of its own lead here. The browser then sends that name.
func TestHostsThatNobodyHasConfiguredAreRefused(t *testing.T) {
	r := newRig(t, &Access{Token: rightToken, Hosts: []string{"lb.example.com", "*.lb"}})
	for host, want := range map[string]int{
		"127.0.0.1": 200, "127.0.0.1:9090": 200, "[::1]:9090": 200, "[::1]": 200, "192.0.2.7": 200, "localhost": 200, "LOCALHOST:80": 200,
		"lb.example.com": 200, "lb.example.com:9090": 200, "LB.example.com.": 200, "a.lb": 200,
		"evil.example.com": 403, "evil.example.com:9090": 403, "lb": 403, "localhost.evil.example.com": 403, "127.0.0.1.evil.example.com": 403,
		"x.lb.example.com": 403, "lb.example.com.evil": 403,
	} {
		for _, path := range []string{"/healthz", "/api/v1/status", "/nothing"} {
			response, text := r.do(t, "GET", path, "", "Host", host)
			code := want
			if want == 200 && path == "/nothing" {
				code = 404
			}
			if response.StatusCode != code {
				t.Errorf("%s of %q: %d %s, want %d", path, host, response.StatusCode, text, code)
			}
			if code == 403 && !strings.Contains(text, "admin.hosts") {
				t.Errorf("%q does not name the setting", text)
			}
		}
	}
	socket := newRigOn(t, nil, unixListener(t), BySocket)
	if response, text := socket.do(t, "GET", "/api/v1/status", "", "Host", "anything"); response.StatusCode != 200 {
		t.Errorf("over the socket: %d %s", response.StatusCode, text)
	}
}

// A page of another site has no token. If it had, the browser would still say where it is from.
func TestPagesOfOtherSitesChangeNothing(t *testing.T) {
	r := newRig(t, &Access{Token: rightToken})
	own := r.url
	for _, c := range []struct {
		header []string
		want   int
	}{
		{nil, 200},
		{[]string{"Origin", own}, 200},
		{[]string{"Origin", own, "Sec-Fetch-Site", "same-origin"}, 200},
		{[]string{"Origin", "http://evil.example.com"}, 403},
		{[]string{"Origin", "http://127.0.0.1:1"}, 403},
		{[]string{"Origin", "null"}, 403},
		{[]string{"Sec-Fetch-Site", "cross-site"}, 403},
		{[]string{"Sec-Fetch-Site", "same-site"}, 403},
	} {
		response, text := r.do(t, "POST", "/api/v1/reload", "", append(c.header, withToken()...)...)
		if response.StatusCode != c.want {
			t.Errorf("%q: %d %s, want %d", c.header, response.StatusCode, text, c.want)
		}
	}
	if n := strings.Count(r.said(), "reload"); n != 3 {
		t.Errorf("%d reloads, want 3", n)
	}
}

func TestAnswersAreForNoBrowserToKeepOrRun(t *testing.T) {
	r := newRig(t, nil)
	for _, path := range []string{"/healthz", "/api/v1/status", "/nothing", "/api/v1/reload"} {
		response, text := r.do(t, "GET", path, "")
		for name, want := range map[string]string{"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store", "Cross-Origin-Resource-Policy": "same-origin"} {
			if got := response.Header.Get(name); got != want {
				t.Errorf("%s: %s is %q", path, name, got)
			}
		}
		if response.StatusCode >= 400 {
			if e := (api.Error{}); json.Unmarshal([]byte(text), &e) != nil || len(e.Errors) != 1 || response.Header.Get("Content-Type") != "application/json" {
				t.Errorf("%s: the error is %q", path, text)
			}
		}
	}
}
