package main_test

import (
	"fmt"
	"net/http"
)

// manager answers what EMQX answers on its management port.
func (a *actor) manager() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /status", func(w http.ResponseWriter, _ *http.Request) {
		a.mu.Lock()
		defer a.mu.Unlock()
		if a.ln == nil {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		fmt.Fprintf(w, "Node %s is started\nemqx is running", a.name)
	})
	mux.HandleFunc("GET /api/v5/load_rebalance/availability_check", func(w http.ResponseWriter, _ *http.Request) {
		a.mu.Lock()
		defer a.mu.Unlock()
		if a.part == evacuates {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		fmt.Fprint(w, "{}")
	})
	return mux
}

// unlessFrozen answers with a handler. While the actor is frozen there is no answer.
func (a *actor) unlessFrozen(answer http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a.mu.Lock()
		frozen := a.part == freezes
		a.mu.Unlock()
		if frozen {
			<-r.Context().Done()
			return
		}
		answer.ServeHTTP(w, r)
	})
}
