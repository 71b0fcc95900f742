package admin

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"mqttlb/proxy/admin/api"
)

const (
	defaultLimit = 100
	maxLimit     = 10_000
)

// sessionOrders are the values of sort; the first is the default.
var sessionOrders = []string{"age", "silent", "received", "sent", "rate", "client_id"}

// SessionQuery says which sessions to list.
type SessionQuery struct {
	Filter api.SessionFilter
	Sort   string // age (longest first), silent, received, sent, rate or client_id
	Limit  int    // 1 to 10,000
}

// filterFields returns the fields of a filter by their names in a query.
func filterFields(f *api.SessionFilter) map[string]*string {
	return map[string]*string{
		"id": &f.ID, "client_id": &f.ClientID, "username": &f.Username, "node": &f.Node, "pool": &f.Pool, "listener": &f.Listener,
		"address": &f.Address, "version": &f.Version, "older": &f.Older, "silent": &f.Silent,
	}
}

// sessionQuery returns the parameters of GET /api/v1/sessions.
func sessionQuery() []string {
	names := []string{"limit", "sort"}
	for name := range filterFields(new(api.SessionFilter)) {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func parseSessionQuery(values url.Values) (SessionQuery, error) {
	q := SessionQuery{Sort: sessionOrders[0], Limit: defaultLimit}
	for name, to := range filterFields(&q.Filter) {
		if *to = values.Get(name); *to == "" && values.Has(name) {
			return q, errorf(http.StatusBadRequest, "%s: is empty; write a value or leave the parameter out", name)
		}
	}
	if s := values.Get("sort"); values.Has("sort") {
		if q.Sort = s; !slices.Contains(sessionOrders, s) {
			return q, errorf(http.StatusBadRequest, "sort: %.100q is not one of %s", s, strings.Join(sessionOrders, ", "))
		}
	}
	if s := values.Get("limit"); values.Has("limit") {
		var err error
		if q.Limit, err = strconv.Atoi(s); err != nil || q.Limit < 1 || q.Limit > maxLimit {
			return q, errorf(http.StatusBadRequest, "limit: %.100q is not a number from 1 to %d", s, maxLimit)
		}
	}
	return q, nil
}

func getSessions(q *question) (int, any, error) {
	query, err := parseSessionQuery(q.request.URL.Query())
	if err != nil {
		return 0, nil, err
	}
	return ok(q.from.Control.Sessions(q.context(), query))
}

func getRoute(q *question) (int, any, error) {
	values := q.request.URL.Query()
	if !values.Has("client_id") {
		return 0, nil, errorf(http.StatusBadRequest, "client_id is missing: GET /api/v1/route?client_id=ID")
	}
	persistent := values.Get("persistent")
	switch persistent {
	case "", "true", "false":
	default:
		return 0, nil, errorf(http.StatusBadRequest, "persistent: %.100q is neither true nor false", persistent)
	}
	said := func(name string) *string {
		if !values.Has(name) {
			return nil
		}
		value := values.Get(name)
		return &value
	}
	return ok(q.from.Control.Route(q.context(), RouteQuery{
		ClientID: values.Get("client_id"), Listener: values.Get("listener"), Persistent: persistent == "true",
		SNI: said("sni"), Username: said("username"), Version: said("version"), Address: said("address"), Host: said("host"), Path: said("path"),
	}))
}

// RouteQuery says what is known of the client of GET /api/v1/route. What is nil is not known; what is empty is known to be none.
type RouteQuery struct {
	ClientID, Listener                          string
	SNI, Username, Version, Address, Host, Path *string
	Persistent                                  bool
}

// postKick ends when all sessions have been told to leave, or when the client disconnects or sends more.
func postKick(q *question) (int, any, error) {
	var k api.Kick
	if err := q.decode(&k); err != nil {
		return 0, nil, err
	}
	if k.SessionFilter == (api.SessionFilter{}) && !k.All {
		return 0, nil, errorf(http.StatusBadRequest, "no session is named: set a field of the filter, or all to end every session")
	}
	if !q.kick.try() {
		return 0, nil, errorf(http.StatusConflict, "another kick is in progress: wait for its end, or disconnect the client that asked for it")
	}
	defer q.kick.release()
	ctx, stop := connectionOf(q.request).untilMore(q.context())
	defer stop()
	answer, err := q.from.Control.Kick(ctx, q.by, k)
	if errors.Is(err, context.Canceled) && q.context().Err() == nil {
		err = errorf(http.StatusBadRequest, "bytes have come after the request: the kick has ended after %d sessions, because its client could not be followed any more", answer.Kicked)
	}
	attrs := []slog.Attr{slog.Int("kicked", answer.Kicked), slog.Bool("all", k.All)}
	if k.ReasonCode != 0 {
		attrs = append(attrs, slog.Int("reason_code", k.ReasonCode))
	}
	if k.Pace != "" {
		attrs = append(attrs, slog.String("pace", shorten(k.Pace)))
	}
	fields := filterFields(&k.SessionFilter)
	for _, name := range sessionQuery() {
		if v := fields[name]; v != nil && *v != "" {
			attrs = append(attrs, slog.String(name, shorten(*v)))
		}
	}
	q.audit("kick", err, attrs...)
	return ok(answer, err)
}
