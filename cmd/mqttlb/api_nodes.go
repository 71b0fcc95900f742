package main

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"time"

	"mqttlb/proxy/admin/api"
)

func (a *socketAPI) getNodes(w http.ResponseWriter, _ *http.Request) {
	reply(w, http.StatusOK, a.manager.nodes())
}

func (a *socketAPI) postNode(w http.ResponseWriter, r *http.Request) {
	by, _ := r.Context().Value(originKey{}).(origin)
	var change api.NodeChange
	body := json.NewDecoder(r.Body)
	body.DisallowUnknownFields()
	if err := body.Decode(&change); err != nil && !errors.Is(err, io.EOF) { // no body: no pace
		reply(w, http.StatusBadRequest, api.Error{Errors: []string{"the body is not a change of a node: " + err.Error()}})
		return
	}
	// From here on only a client that disconnects ends the wait.
	_ = http.NewResponseController(w).SetReadDeadline(time.Time{})
	node, err := a.manager.setNode(r.Context(), by, r.PathValue("name"), r.PathValue("verb"), change)
	if failed := (*requestError)(nil); errors.As(err, &failed) {
		reply(w, failed.status, api.Error{Errors: []string{failed.text}})
		return
	}
	if err == nil {
		reply(w, http.StatusOK, node)
	}
}
