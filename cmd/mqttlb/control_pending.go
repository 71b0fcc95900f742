package main

import (
	"context"
	"net/http"

	"mqttlb/proxy/admin"
	"mqttlb/proxy/admin/api"
)

// errPending answers what this build has no code for yet.
var errPending = &admin.Error{Status: http.StatusNotImplemented, Text: "this build does not serve this yet"}

// Sessions implements [admin.Control].
func (*control) Sessions(context.Context, admin.SessionQuery) (api.Sessions, error) {
	return api.Sessions{}, errPending
}

// Kick implements [admin.Control].
func (*control) Kick(context.Context, admin.Origin, api.Kick) (api.Kicked, error) {
	return api.Kicked{}, errPending
}

// Route implements [admin.Control].
func (*control) Route(context.Context, string) (api.Route, error) { return api.Route{}, errPending }

// Check implements [admin.Control].
func (*control) Check(context.Context) (api.Check, error) { return api.Check{}, errPending }

// Log implements [admin.Control].
func (*control) Log(context.Context) (api.Log, error) { return api.Log{}, errPending }

// SetLog implements [admin.Control].
func (*control) SetLog(context.Context, admin.Origin, api.Log) (api.Log, error) {
	return api.Log{}, errPending
}
