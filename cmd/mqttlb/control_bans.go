package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"time"

	"mqttlb/proxy"
	"mqttlb/proxy/admin"
	"mqttlb/proxy/admin/api"
)

const (
	// usualBan is the time of a ban by an operator where the configuration has no bans.
	usualBan = 10 * time.Minute
	// longestBan is that of the configuration.
	longestBan = 7 * 24 * time.Hour
	// listedBans bounds the bans in an answer.
	listedBans = 10_000
)

// Bans implements [admin.Control].
func (c *control) Bans(context.Context) (api.Bans, error) {
	bans := c.server.Bans()
	answer := api.Bans{Total: len(bans), Bans: []api.Ban{}}
	for i := range bans[:min(len(bans), listedBans)] {
		answer.Bans = append(answer.Bans, banOf(&bans[i]))
	}
	return answer, nil
}

func banOf(b *proxy.Ban) api.Ban {
	address := b.Address.String()
	if b.Address.IsSingleIP() {
		address = b.Address.Addr().String()
	}
	return api.Ban{
		Address: address, Cause: b.Cause, Began: b.Began.UTC(), Until: b.Until.UTC(), Remaining: max(time.Until(b.Until).Round(time.Second).Seconds(), 0), Refused: b.Closed,
	}
}

// Ban implements [admin.Control].
func (c *control) Ban(_ context.Context, b api.BanRequest) (api.Ban, error) {
	address, err := parseBanned(b.Address)
	if err != nil {
		return api.Ban{}, err
	}
	limit := cmp.Or(c.server.plan.Load().snapshot.Bans.Time, usualBan)
	if b.Time != "" {
		if limit, err = time.ParseDuration(b.Time); err != nil || limit < time.Second || limit > longestBan {
			return api.Ban{}, badRequest("time: %.100q is not a duration from 1s to %.0fh, as 10m", b.Time, longestBan.Hours())
		}
	}
	ban, err := c.server.Ban(address, limit)
	if errors.Is(err, proxy.ErrBan) {
		err = &admin.Error{Status: http.StatusConflict, Text: err.Error()}
	}
	if err != nil {
		return api.Ban{}, err
	}
	return banOf(&ban), nil
}

// Unban implements [admin.Control].
func (c *control) Unban(_ context.Context, b api.UnbanRequest) (api.Unbanned, error) {
	if b.All {
		return api.Unbanned{Lifted: c.server.UnbanAll()}, nil
	}
	address, err := parseBanned(b.Address)
	if err != nil {
		return api.Unbanned{}, err
	}
	if !c.server.Unban(address) {
		return api.Unbanned{}, &admin.Error{Status: http.StatusNotFound, Text: fmt.Sprintf("%s is not banned", address)}
	}
	return api.Unbanned{Lifted: 1}, nil
}

// parseBanned parses an address, also in the form in which bans are listed.
func parseBanned(s string) (netip.Addr, error) {
	if a, err := netip.ParseAddr(s); err == nil && a.Zone() == "" {
		return a.Unmap(), nil
	}
	const network = 64 // of IPv6
	if p, err := netip.ParsePrefix(s); err == nil && p == p.Masked() && (p.IsSingleIP() || p.Addr().Is6() && p.Bits() == network) {
		return p.Addr().Unmap(), nil
	}
	return netip.Addr{}, badRequest("address: %.100q is neither an IP address, as 203.0.113.7, nor a network of IPv6 with 64 bits, as 2001:db8::/64", s)
}

// followBans publishes the bans that begin and end.
func (s *server) followBans() {
	s.FollowBans(func(r proxy.BanReport) {
		s.events.Publish(api.Event{Kind: eventBan, Subject: r.Address, Text: r.Text})
	})
}
