package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"mqttlb/proxy"
	"mqttlb/proxy/admin"
	"mqttlb/proxy/admin/api"
)

// Sessions implements [admin.Control].
func (c *control) Sessions(ctx context.Context, q admin.SessionQuery) (api.Sessions, error) {
	filter, err := parseFilter(q.Filter)
	if err != nil {
		return api.Sessions{}, err
	}
	order, err := proxy.ParseSessionOrder(q.Sort)
	if err != nil {
		return api.Sessions{}, badRequest("%v", err)
	}
	list, err := c.server.Sessions(ctx, filter, order, q.Limit)
	if err != nil {
		return api.Sessions{}, stoppingOr(err)
	}
	if list.Total == 0 {
		if err := c.knows(&q.Filter); err != nil {
			return api.Sessions{}, err
		}
	}
	answer := api.Sessions{Total: list.Total, Sessions: make([]api.Session, len(list.Sessions))}
	for i := range list.Sessions {
		answer.Sessions[i] = sessionOf(&list.Sessions[i])
	}
	return answer, nil
}

func sessionOf(s *proxy.SessionInfo) api.Session {
	client, version := "unix", ""
	if s.Client.IsValid() {
		client = s.Client.String()
	}
	if s.Version != 0 {
		version = s.Version.String()
	}
	var tolerated []string
	for rule := range s.Tolerated.All() {
		tolerated = append(tolerated, rule.String())
	}
	return api.Session{
		ID: s.ID.String(), Listener: s.Listener, Client: client, ClientID: s.ClientID, Username: s.Username, Version: version,
		CleanStart: s.CleanStart, Tolerated: tolerated, TLS: s.TLS, WebSocket: s.WebSocket, Pool: s.Pool, Node: s.Node, State: string(s.State),
		TLSVersion: s.Handshake.Version, TLSCipher: s.Handshake.Cipher, TLSResumed: s.Handshake.Resumed, SNI: s.Handshake.ServerName, TLSCN: s.Handshake.CommonName,
		Began: s.Began.UTC(), Age: s.Age.Seconds(), Silent: s.Silent.Seconds(), BytesReceived: s.Received, BytesSent: s.Sent,
		PacketsReceived: s.Packets[proxy.ToNode], PacketsSent: s.Packets[proxy.ToClient], PacketsPerSec: s.PacketsPerSecond,
	}
}

// Kick implements [admin.Control].
func (c *control) Kick(ctx context.Context, _ admin.Origin, k api.Kick) (api.Kicked, error) {
	filter, err := parseFilter(k.SessionFilter)
	if err != nil {
		return api.Kicked{}, err
	}
	spec := proxy.KickSpec{All: k.All}
	if k.Pace != "" {
		if spec.PerSecond, err = parseRate(k.Pace); err != nil {
			return api.Kicked{}, err
		}
	}
	if spec.Code, err = proxy.ParseKickCode(k.ReasonCode); err != nil {
		return api.Kicked{}, badRequest("reason_code: %v", err)
	}
	kicked, err := c.server.Kick(ctx, filter, spec)
	if err == nil && kicked == 0 {
		err = c.knows(&k.SessionFilter)
		if err == nil && filter.ID != 0 {
			err = &admin.Error{Status: http.StatusNotFound, Text: fmt.Sprintf("there is no session %s that fulfils the filter; it may have ended", filter.ID)}
		}
	}
	if errors.Is(err, proxy.ErrStopping) && kicked > 0 {
		err = &admin.Error{Status: http.StatusServiceUnavailable, Text: fmt.Sprintf("%v; the kick has ended %d sessions", errStopping, kicked)}
	}
	return api.Kicked{Kicked: kicked}, stoppingOr(err)
}

// knows returns an error if a filter that no session fulfils names a node, pool or listener that the
// configuration does not have: such a name is a mistake rather than one without sessions.
func (c *control) knows(f *api.SessionFilter) error {
	plan := c.server.plan.Load()
	var nodes, pools, listeners []string
	for _, pool := range plan.pools {
		pools = append(pools, pool.Name)
	}
	for _, n := range plan.nodes() {
		nodes = append(nodes, n.Name)
	}
	for _, ln := range plan.snapshot.Listeners {
		listeners = append(listeners, ln.Name)
	}
	for _, named := range []struct {
		what, name string
		known      []string
	}{{"node", f.Node, nodes}, {"pool", f.Pool, pools}, {"listener", f.Listener, listeners}} {
		if named.name != "" && !slices.Contains(named.known, named.name) {
			slices.Sort(named.known)
			return &admin.Error{Status: http.StatusNotFound, Text: fmt.Sprintf("there is no %s %.100q; the %ss are %s",
				named.what, named.name, named.what, strings.Join(slices.Compact(named.known), ", "))}
		}
	}
	return nil
}

// Check implements [admin.Control].
func (c *control) Check(ctx context.Context) (api.Check, error) {
	sessions, faults := c.server.Check(ctx)
	return api.Check{Sessions: sessions, Faults: append([]string{}, faults...)}, ctx.Err()
}

func parseFilter(f api.SessionFilter) (*proxy.SessionFilter, error) {
	filter, err := proxy.ParseFilter(proxy.FilterSpec(f))
	if err != nil {
		return nil, badRequest("%v", err)
	}
	return filter, nil
}

// stoppingOr returns err, and for the error of a server that stops the answer to the client.
func stoppingOr(err error) error {
	if errors.Is(err, proxy.ErrStopping) {
		return &admin.Error{Status: http.StatusServiceUnavailable, Text: errStopping.Error()}
	}
	return err
}
