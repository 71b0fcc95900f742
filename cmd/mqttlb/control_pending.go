package main

import (
	"context"
	"net/http"

	"mqttlb/proxy/admin"
	"mqttlb/proxy/admin/api"
)

// errPending answers what this build has no code for yet.
var errPending = &admin.Error{Status: http.StatusNotImplemented, Text: "this build does not serve this yet"}

// Log implements [admin.Control].
func (*control) Log(context.Context) (api.Log, error) { return api.Log{}, errPending }

// SetLog implements [admin.Control].
func (*control) SetLog(context.Context, admin.Origin, api.Log) (api.Log, error) {
	return api.Log{}, errPending
}
