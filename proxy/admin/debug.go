package admin

import (
	"net/http"
	"net/http/pprof" // it also registers with http.DefaultServeMux, which nothing here serves
	"strconv"
	"time"
)

// serveProfiles lists the profiles.
func (e *entry) serveProfiles(w http.ResponseWriter, r *http.Request) {
	limitWriting(w, requestTime)
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'") // for its own page
	pprof.Index(w, r)
}

// serveProfile writes one profile. One at a time: they slow the process, and there is only one CPU
// profile.
func (e *entry) serveProfile(w http.ResponseWriter, r *http.Request) {
	seconds := 30 // of package pprof
	if s := r.URL.Query().Get("seconds"); s != "" {
		var err error
		if seconds, err = strconv.Atoi(s); err != nil || seconds < 1 || seconds > maxProfile {
			fail(w, errorf(http.StatusBadRequest, "seconds: %.100q is not a number from 1 to %d", s, maxProfile))
			return
		}
	}
	if !e.profile.try() {
		fail(w, errorf(http.StatusTooManyRequests, "another profile is in progress"))
		return
	}
	defer e.profile.release()
	connectionOf(r).enter(working)
	stopReading(w)
	limitWriting(w, time.Duration(seconds)*time.Second+requestTime)
	switch name := r.PathValue("profile"); name {
	case "cmdline":
		pprof.Cmdline(w, r)
	case "profile":
		pprof.Profile(w, r)
	case "symbol":
		pprof.Symbol(w, r)
	case "trace":
		pprof.Trace(w, r)
	default:
		pprof.Handler(name).ServeHTTP(w, r)
	}
}
