package snapshot

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"mqttlb/proxy/match"
)

var paths = []struct{ sent, normal string }{ // normal is "" for one that has no normal form
	{"", "/"},
	{"/", "/"},
	{"/a", "/a"},
	{"/a/", "/a/"},
	{"//", "/"},
	{"//a///b//", "/a/b/"},
	{"/./a/./b/.", "/a/b/"},
	{"/api/../x", "/x"},
	{"/api/v5/../..", "/"},
	{"/a/..", "/"},
	{"/a/b/..", "/a/"},
	{"/%61%70%69/", "/api/"},
	{"/a/%2e%2E/b", "/b"},
	{"/a/.%2e/b", "/b"},
	{"/%7euser", "/~user"},
	{"/t/a%2fb", "/t/a%2Fb"},
	{"/t/%2F", "/t/%2F"},
	{"/t/a%2Fb%2f%23", "/t/a%2Fb%2F%23"},
	{"/t/a%252Fb", "/t/a%252Fb"},
	{"/%e9\xe9%C3%A9", "/%E9%E9%C3%A9"},
	{`/a"<>^{}|[]` + "`", "/a%22%3C%3E%5E%7B%7D%7C%5B%5D%60"},
	{"/a+b,c;d=e&f@g:h!$'(*)", "/a+b,c;d=e&f@g:h!$'(*)"},
	{"/a%2Bb%3Bc%40", "/a%2Bb%3Bc%40"},
	{"/a%5Cb", "/a%5Cb"},
	{"/...", "/..."},
	{"/a..", "/a.."},
	{"/a%0D%0Ab", "/a%0D%0Ab"},

	{"/..", ""},
	{"/../a", ""},
	{"/a/../../b", ""},
	{"/%2e%2e/a", ""},
	{"/a//../../b", ""}, // an empty segment is none
	{"/a/..%2Fb", ""},
	{"/a%2F..%2Fb", ""},
	{"/a%2f%2E", ""},
	{`/a%5C..`, ""},
	{"/a/..;/b", ""},
	{"/a/.;x=1/b", ""},
	{"/a/..%3Bx/b", ""},
	{"/ws/%252e%252E/admin", ""},
	{"/a/..%252Fb", ""},
	{"/a/..%255cb", ""},
	{"/a%00", ""},
	{"/a%", ""},
	{"/a%2", ""},
	{"/a%zz", ""},
	{`/a\b`, ""},
	{"/a#b", ""},
	{"/a\x7f", ""},
	{"/a\x01", ""},
	{"/a b", ""},
	{"a", ""},
	{"*", ""},
}

func TestNormalPath(t *testing.T) {
	for _, c := range paths {
		got, err := NormalPath(c.sent)
		if got != c.normal || (err != nil) != (c.normal == "") {
			t.Errorf("%q: %q, %v, want %q", c.sent, got, err, c.normal)
		}
	}
}

// hall is a listener whose routes are boundaries.
func hall() *Listener {
	pool := func() *Pool { return new(Pool) }
	return &Listener{Protocol: HTTP, Routes: []Route{
		{Path: "/api/", Pool: pool()}, {Path: "/mqtt", Pool: pool(), WebSocket: true}, {Path: "/@admin/", Pool: pool()}, {Path: "/exact", Pool: pool()}, {Pool: pool()},
	}}
}

func TestPathsGoToTheirRouteOrNowhere(t *testing.T) {
	ln := hall()
	for sent, want := range map[string]int{ // the route; -1: none
		"/api/x": 0, "//api//x": 0, "/%61pi/x": 0, "/y/../api/x": 0, "/api/t/a%2Fb": 0, "/api/t/a%2F%2Fb": 0, "/api/a;b": 0, "/api/a.": 0, "/api/a%5Cb": 0,
		"/api/../x": 4, "/API/x": 4, "/api": 4, "/x/api/": 4, "/x%2Fapi": 4, "/x;y": 4,
		"/mqtt": 1, "/./mqtt": 1, "/m%71tt": 1, "/mqtt/": 4, "/exact": 3, "/x/%2e%2e/exact": 3,
		"/@admin/": 2, "/%40admin/": 2,
		"/api%2Fx": -1, "/api%5Cx": -1, "/api;a=b/x": -1, "/api%3Ba/x": -1, "/api./x": -1, "/api%20/x": -1, "/%2Fapi%2Fx": -1, "/;/api/": -1, "/api.;x/": -1, "/api%252fx": -1, "/api/t/a%252Fb": 0, "/100%25": 4,
		"/mqtt;x": -1, "/mqtt.": -1, "/mqtt%2F..": -1, "/exact%20": -1, "/@admin%2F": -1,
	} {
		r, err := http.NewRequest(http.MethodGet, "http://h"+sent, nil)
		if err != nil {
			t.Fatal(err)
		}
		route, err := ln.Target(r, match.Facts{})
		if (err != nil) != (want < 0) || err == nil && route != &ln.Routes[want] {
			t.Errorf("%s goes to %+v, %v, want route %d", sent, route, err, want)
		}
	}
}

func TestRoutePathsAreComparedInTheSameForm(t *testing.T) {
	for path, want := range map[string]string{"": "", "/": "/", "/a%20b/": "/a b/", "/a%2fb": "/a%2Fb", "/%61": "/a", "/ws": "/ws", "/a;b": "/a;b"} {
		if got := RoutePath(path); got != want {
			t.Errorf("%q: %q, want %q", path, got, want)
		}
	}
}

// FuzzNormalPath checks that the form is normal, and that a server that decodes it once stays within the route.
func FuzzNormalPath(f *testing.F) {
	for _, c := range paths {
		f.Add(c.sent)
	}
	ln := hall()
	f.Fuzz(func(t *testing.T, sent string) {
		normal, err := NormalPath(sent)
		if err != nil {
			return
		}
		if again, err := NormalPath(normal); again != normal || err != nil {
			t.Errorf("%q is %q, and that is %q, %v", sent, normal, again, err)
		}
		if strings.Contains(normal, "//") {
			t.Errorf("%q is %q", sent, normal)
		}
		decoded, err := url.PathUnescape(normal)
		if err != nil {
			t.Fatalf("%q is %q: %v", sent, normal, err)
		}
		for _, path := range []string{normal, decoded, strings.ReplaceAll(decoded, `\`, "/")} {
			for segment := range strings.SplitSeq(path, "/") {
				if name, _, _ := strings.Cut(segment, ";"); name == "." || name == ".." {
					t.Errorf("%q is %q, and read as %q", sent, normal, path)
				}
			}
		}
		r := &http.Request{Method: http.MethodGet, URL: &url.URL{Path: decoded, RawPath: sent}}
		route, err := ln.Target(r, match.Facts{})
		if err != nil {
			return
		}
		if got := r.URL.RequestURI(); got != normal {
			t.Errorf("%q: %q is sent, want %q", sent, got, normal)
		}
		for _, node := range []string{decoded, withoutEmpty(decoded)} {
			if got := ln.RouteOf(&http.Request{URL: &url.URL{Path: node}}, match.Facts{}); got != route {
				t.Errorf("%q goes to %+v, and a node that decodes it to %q has it at %+v", sent, route, node, got)
			}
		}
	})
}
