package admin

import (
	"bytes"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/legacy"

	"mqttlb/proxy/admin/api"
)

// documented checks requests and answers against docs/api.yaml.
type documented struct {
	t      *testing.T
	router routers.Router
	seen   map[string]bool // operations, as METHOD /path
}

func newDocumented(t *testing.T) *documented {
	t.Helper()
	doc := document(t)
	doc.Servers = nil // the test has an address of its own
	router, err := legacy.NewRouter(doc)
	if err != nil {
		t.Fatal(err)
	}
	return &documented{t, router, map[string]bool{}}
}

// check checks an answer, and if it is no refusal the request, too.
func (d *documented) check(r *rig, method, path, body string, response answered, text string) {
	d.t.Helper()
	request, err := http.NewRequest(method, path, strings.NewReader(body))
	if err != nil {
		d.t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	route, params, err := d.router.FindRoute(request)
	if err != nil {
		d.t.Errorf("%s %s: %v", method, path, err)
		return
	}
	d.seen[method+" "+route.Path] = true
	options := &openapi3filter.Options{
		AuthenticationFunc: openapi3filter.NoopAuthenticationFunc, IncludeResponseStatus: true, MultiError: true,
		ExcludeResponseBody: !strings.HasPrefix(response.Header.Get("Content-Type"), "application/json"),
	}
	in := &openapi3filter.RequestValidationInput{Request: request, PathParams: params, Route: route, Options: options}
	if response.StatusCode < 300 {
		if err := openapi3filter.ValidateRequest(d.t.Context(), in); err != nil {
			d.t.Errorf("%s %s was answered %d and is not as described: %v", method, path, response.StatusCode, err)
		}
	}
	out := &openapi3filter.ResponseValidationInput{
		RequestValidationInput: in, Status: response.StatusCode, Header: response.Header, Options: options,
		Body: io.NopCloser(bytes.NewReader([]byte(text))),
	}
	if err := openapi3filter.ValidateResponse(d.t.Context(), out); err != nil {
		d.t.Errorf("%s %s: the answer %d is not as described: %v\n%s", method, path, response.StatusCode, err, text)
	}
}

func TestAnswersAreAsDescribed(t *testing.T) {
	d := newDocumented(t)
	r := newRigOn(t, nil, unixListener(t), BySocket)
	for _, c := range []struct {
		method, path, body string
		status             int
		asks               string // of the Control
	}{
		{"GET", "/healthz", "", 200, ""},
		{"GET", "/readyz", "", 200, ""},
		{"GET", "/metrics", "", 200, ""},
		{"GET", "/api/v1/status", "", 200, ""},
		{"GET", "/api/v1/nodes", "", 200, ""},
		{"GET", "/api/v1/alarms", "", 200, ""},
		{"GET", "/api/v1/rules", "", 200, "rules {Listener: Matched:false}"},
		{"GET", "/api/v1/rules?listener=mqtt&matched=true", "", 200, "rules {Listener:mqtt Matched:true}"},
		{"GET", "/api/v1/rules?listener=", "", 400, ""},
		{"GET", "/api/v1/rules?matched=yes", "", 400, ""},
		{"GET", "/api/v1/config", "", 200, ""},
		{"GET", "/api/v1/log", "", 200, ""},
		{"GET", "/debug/check", "", 200, ""},
		{"GET", "/debug/pprof/", "", 200, ""},
		{"GET", "/debug/pprof/heap?debug=1&gc=1", "", 200, ""},
		{"GET", "/debug/pprof/cmdline", "", 200, ""},
		{"GET", "/debug/pprof/symbol", "", 200, ""},
		{"GET", "/debug/pprof/none", "", 404, ""},
		{"GET", "/debug/pprof/profile?seconds=301", "", 400, ""},
		{"GET", "/debug/pprof/profile?seconds=-1", "", 400, ""},
		{"GET", "/api/v1/route?client_id=", "", 200, `route "" persistent:false`},
		{"GET", "/api/v1/route?client_id=a%2Fb", "", 200, `route "a/b"`},
		{"GET", "/api/v1/route?client_id=a&persistent=true", "", 200, `route "a" persistent:true`},
		{"GET", "/api/v1/route?client_id=a&persistent=false", "", 200, `route "a" persistent:false`},
		{"GET", "/api/v1/route?client_id=a&sni=h.example", "", 200, `route "a" persistent:false sni:"h.example"`},
		{"GET", "/api/v1/route?client_id=a&sni=", "", 200, `route "a" persistent:false sni:""`},
		{"GET", "/api/v1/route?client_id=a&username=u", "", 200, `route "a" persistent:false username:"u"`},
		{"GET", "/api/v1/route?client_id=a&version=5", "", 200, `route "a" persistent:false version:"5"`},
		{"GET", "/api/v1/route?client_id=a&address=::1", "", 200, `route "a" persistent:false address:"::1"`},
		{"GET", "/api/v1/route?client_id=a&host=h", "", 200, `route "a" persistent:false host:"h"`},
		{"GET", "/api/v1/route?client_id=a&path=/p&listener=l", "", 200, `route "a" persistent:false path:"/p"l`},
		{"GET", "/api/v1/route?client_id=a&sni=h&sni=i", "", 400, ""},
		{"GET", "/api/v1/route?client_id=a&persistent=yes", "", 400, ""},
		{"GET", "/api/v1/route", "", 400, ""},
		{"GET", "/api/v1/route?client_id=a&client_id=b", "", 400, ""},
		{"GET", "/api/v1/sessions", "", 200, "Sort:age Limit:100"},
		{"GET", "/api/v1/sessions?node=n1&client_id=dev*&version=5&older=1h&sort=rate&limit=7", "", 200, "ClientID:dev* Username: Node:n1 Pool: Listener: Address: Version:5 Older:1h Silent:} Sort:rate Limit:7"},
		{"GET", "/api/v1/sessions?limit=0", "", 400, ""},
		{"GET", "/api/v1/sessions?limit=10001", "", 400, ""},
		{"GET", "/api/v1/sessions?limit=x", "", 400, ""},
		{"GET", "/api/v1/sessions?sort=name", "", 400, ""},
		{"GET", "/api/v1/sessions?node=", "", 400, ""},
		{"GET", "/api/v1/sessions?nod=n1", "", 400, ""},
		{"POST", "/api/v1/reload", "", 200, "reload by socket"},
		{"POST", "/api/v1/diff", `{"file": "/etc/x"}`, 200, "diff /etc/x"},
		{"POST", "/api/v1/diff", `{"file": "x"}`, 400, ""},
		{"POST", "/api/v1/diff", ``, 400, ""},
		{"POST", "/api/v1/log", `{"level": "debug"}`, 200, "audit log by socket: result=done level=debug"},
		{"POST", "/api/v1/log", `{}`, 400, ""},
		{"POST", "/api/v1/yield", "", 200, "yield by socket"},
		{"POST", "/api/v1/stop", "", 202, "audit stop by socket: result=done"},
		{"POST", "/api/v1/nodes/n1/drain", `{"pace": "5/s"}`, 200, `drain n1 by socket: pace "5/s"`},
		{"POST", "/api/v1/nodes/n1/drain", ``, 200, `drain n1 by socket: pace ""`},
		{"POST", "/api/v1/nodes/n%5B1%5D/undrain", `{}`, 200, "undrain n[1] by socket"},
		{"POST", "/api/v1/nodes/n1/disable", ``, 200, "disable n1"},
		{"POST", "/api/v1/nodes/n1/enable", ``, 200, "enable n1"},
		{"POST", "/api/v1/nodes/n1/weight", `{"weight": 5}`, 200, "weight n1"},
		{"POST", "/api/v1/nodes/n1/weight", `{"weight": "5"}`, 400, ""},
		{"POST", "/api/v1/sessions/kick", `{"node": "n1", "pace": "5/s"}`, 200, "audit kick by socket: result=done kicked=7 all=false pace=5/s node=n1"},
		{"POST", "/api/v1/sessions/kick", `{"all": true}`, 200, "kick by socket"},
		{"POST", "/api/v1/sessions/kick", `{}`, 400, ""},
		{"GET", "/api/v1/bans", "", 200, ""},
		{"POST", "/api/v1/bans", `{"address": "203.0.113.7", "time": "1h"}`, 200, "ban 203.0.113.7 for 1h\naudit ban by socket: result=done address=203.0.113.7 time=1h"},
		{"POST", "/api/v1/bans", `{"time": "1h"}`, 400, ""},
		{"POST", "/api/v1/bans/lift", `{"address": "203.0.113.7"}`, 200, "audit unban by socket: result=done address=203.0.113.7 all=false lifted=1"},
		{"POST", "/api/v1/bans/lift", `{"all": true}`, 200, "unban  all:true"},
		{"POST", "/api/v1/bans/lift", `{}`, 400, ""},
		{"POST", "/api/v1/bans/lift", `{"all": true, "address": "203.0.113.7"}`, 400, ""},
		{"POST", "/api/v1/sessions/kick", `{"pace": "5/s"}`, 400, ""},
	} {
		response, text := r.do(t, c.method, c.path, c.body)
		said := r.said()
		if response.StatusCode != c.status || !strings.Contains(said, c.asks) || c.asks == "" && said != "" {
			t.Errorf("%s %s %s: %d, want %d; asked for %q, want %q\n%s", c.method, c.path, c.body, response.StatusCode, c.status, said, c.asks, text)
		}
		d.check(r, c.method, c.path, c.body, response, text)
	}
	for path, methods := range r.server.operations() {
		for method := range methods {
			if !d.seen[method+" "+path] && path != "/api/v1/events" {
				t.Errorf("%s %s was not tried", method, path)
			}
		}
	}
}

func TestRefusalsOfTheControlAreAsDescribed(t *testing.T) {
	d := newDocumented(t)
	r := newRigOn(t, nil, unixListener(t), BySocket)
	r.reload, r.diff = api.Reload{Generation: 3, Errors: []string{"a.yaml:1:1: broken"}}, api.Diff{Errors: []string{"broken"}}
	for _, path := range []string{"/api/v1/reload", "/api/v1/diff"} {
		response, text := r.do(t, "POST", path, `{"file": "/x"}`)
		if response.StatusCode != 422 || !strings.Contains(text, "broken") {
			t.Errorf("%s: %d %s", path, response.StatusCode, text)
		}
		d.check(r, "POST", path, `{"file": "/x"}`, response, text)
	}
	for _, c := range []struct {
		err    error
		status int
		says   string
	}{
		{&Error{Status: 404, Text: "no node is called n9; the nodes are n1"}, 404, "n9"},
		{&Error{Status: 409, Text: "a drain is in progress"}, 409, "in progress"},
		{&Error{Status: 503, Text: "mqttlb is stopping"}, 503, "stopping"},
		{os.ErrPermission, 500, "permission"},
	} {
		r.err = c.err
		for _, ask := range []string{"GET /api/v1/status", "POST /api/v1/nodes/n9/drain", "POST /api/v1/sessions/kick", "POST /api/v1/log"} {
			method, path, _ := strings.Cut(ask, " ")
			body := map[string]string{"/api/v1/sessions/kick": `{"id": "9"}`, "/api/v1/log": `{"level": "warn"}`}[path]
			response, text := r.do(t, method, path, body)
			if response.StatusCode != c.status || !strings.Contains(text, c.says) {
				t.Errorf("%s after %v: %d %s", ask, c.err, response.StatusCode, text)
			}
			d.check(r, method, path, body, response, text)
		}
		said := r.said()
		for _, line := range []string{"kick by socket: result=refused error=" + c.err.Error(), "log by socket: result=refused", "drain by socket: result=refused"} {
			if !strings.Contains(said, "audit "+line) {
				t.Errorf("a refused change leaves no line %q: %s", line, said)
			}
		}
	}
}
