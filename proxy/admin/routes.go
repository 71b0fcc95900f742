package admin

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// operation answers one method of a path. docs/api.yaml describes each, and a test compares the two.
type operation struct {
	need  need
	query []string // the parameters that it knows

	// answer returns the answer to a request, whose body was read. A POST with a JSON body has takesBody.
	answer    func(q *question) (status int, answer any, err error)
	takesBody bool

	// serve writes the answer itself, in place of answer.
	serve func(e *entry, w http.ResponseWriter, r *http.Request)
}

// operations returns the operations by path and method.
func (s *Server) operations() map[string]map[string]operation {
	get := func(n need, answer func(*question) (int, any, error), query ...string) map[string]operation {
		return map[string]operation{http.MethodGet: {need: n, answer: answer, query: query}}
	}
	post := func(answer func(*question) (int, any, error), takesBody bool) map[string]operation {
		return map[string]operation{http.MethodPost: {need: change, answer: answer, takesBody: takesBody}}
	}
	raw := func(n need, serve func(*entry, http.ResponseWriter, *http.Request), query ...string) map[string]operation {
		return map[string]operation{http.MethodGet: {need: n, serve: serve, query: query}}
	}
	all := map[string]map[string]operation{
		"/healthz": raw(public, (*entry).serveHealth),
		"/readyz":  raw(public, (*entry).serveReady),
		"/metrics": raw(public, (*entry).serveMetrics, anyQuery),
	}
	if s.from.Control == nil {
		return all
	}
	maps.Copy(all, map[string]map[string]operation{
		"/api/v1/status":        get(read, getStatus),
		"/api/v1/nodes":         get(read, getNodes),
		"/api/v1/sessions":      get(read, getSessions, sessionQuery()...),
		"/api/v1/route":         get(read, getRoute, "client_id", "listener", "sni", "username", "version", "address", "host", "path", "persistent"),
		"/api/v1/rules":         get(read, getRules, "listener", "matched"),
		"/api/v1/alarms":        get(read, getAlarms),
		"/api/v1/config":        get(read, getConfig),
		"/api/v1/log":           {http.MethodGet: {need: read, answer: getLog}, http.MethodPost: {need: change, answer: postLog, takesBody: true}},
		"/api/v1/events":        raw(read, (*entry).serveEvents),
		"/api/v1/reload":        post(postReload, false),
		"/api/v1/diff":          post(postDiff, true),
		"/api/v1/stop":          post(postStop, false),
		"/api/v1/yield":         {http.MethodPost: {need: socket, answer: postYield}},
		"/api/v1/sessions/kick": post(postKick, true),
		"/api/v1/bans":          {http.MethodGet: {need: read, answer: getBans}, http.MethodPost: {need: change, answer: postBan, takesBody: true}},
		"/api/v1/bans/lift":     post(postUnban, true),
		"/debug/check":          get(change, getCheck),

		"/debug/pprof/":          raw(change, (*entry).serveProfiles),
		"/debug/pprof/{profile}": raw(change, (*entry).serveProfile, "seconds", "debug", "gc"),
	})
	for _, verb := range []string{"drain", "undrain", "disable", "enable", "weight"} {
		all["/api/v1/nodes/{name}/"+verb] = post(postNode(verb), true)
	}
	return all
}

// anyQuery stands for parameters of any name.
const anyQuery = "*"

func (s *Server) newMux() *http.ServeMux {
	mux := http.NewServeMux()
	for path, methods := range s.operations() {
		if strings.HasSuffix(path, "/") {
			path += "{$}" // this path alone
		}
		mux.Handle(path, dispatch(methods))
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		why := ""
		if s.from.Control == nil && strings.HasPrefix(r.URL.Path, "/api/") {
			why = ": this is the page of counts of mqttlb demo, and no admin server; it has /metrics, /healthz and /readyz"
		}
		fail(w, errorf(http.StatusNotFound, "there is no %.100q%s", r.URL.Path, why))
	})
	return mux
}

// dispatch returns the handler of a path.
func dispatch(methods map[string]operation) http.HandlerFunc {
	allowed := slices.Sorted(maps.Keys(methods))
	if _, ok := methods[http.MethodGet]; ok {
		allowed = append(allowed, http.MethodHead)
	}
	return func(w http.ResponseWriter, r *http.Request) {
		method := r.Method
		if method == http.MethodHead {
			method = http.MethodGet
		}
		op, ok := methods[method]
		if !ok {
			w.Header().Set("Allow", strings.Join(allowed, ", "))
			fail(w, errorf(http.StatusMethodNotAllowed, "%.100q takes %s, not %.20q", r.URL.Path, strings.Join(allowed, " and "), r.Method))
			return
		}
		e := entryOf(r)
		err := e.check(r, op.need)
		if err == nil {
			err = checkQuery(r, op.query)
		}
		switch {
		case err != nil:
			fail(w, err)
		case op.serve != nil:
			// What serves itself may have no time limit, and net/http reads the rest of a body before the answer.
			if _, err := e.readBody(w, r, false); err != nil {
				fail(w, err)
				return
			}
			op.serve(e, w, r)
		default:
			e.answer(w, r, &op)
		}
	}
}

// checkQuery refuses parameters that the operation does not know, and those that come twice.
func checkQuery(r *http.Request, known []string) error {
	if slices.Contains(known, anyQuery) {
		return nil
	}
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil { // a filter that is left out would mean all
		return errorf(http.StatusBadRequest, "the query is not of the form name=value&name=value: %.200v", err)
	}
	for name, values := range query {
		switch {
		case !slices.Contains(known, name) && len(known) == 0:
			return errorf(http.StatusBadRequest, "the parameter %.100q is unknown: this takes none", name)
		case !slices.Contains(known, name):
			return errorf(http.StatusBadRequest, "the parameter %.100q is unknown; known here are %s", name, strings.Join(known, ", "))
		case len(values) > 1:
			return errorf(http.StatusBadRequest, "the parameter %s comes %d times; once is allowed", name, len(values))
		}
	}
	return nil
}
