package main

import (
	"fmt"

	"mqttlb/balancer"
	"mqttlb/config"
	"mqttlb/proxy/snapshot"
)

// routesOf returns the routes of a listener.
func routesOf(l *config.Listener, pools map[string]*snapshot.Pool) (all []snapshot.Route) {
	for i := range l.Routes {
		r := &l.Routes[i]
		route := routeOf(r, fmt.Sprintf("routes[%d]", i), pools)
		switch {
		case l.Protocol == config.WS:
			route.Origins = l.AllowedOrigins
			all = append(all, upgradeRoutes(route, l.UpgradePaths(), l.Subprotocol)...)
		case l.Protocol == config.HTTP && r.Protocol == config.WS:
			route.Host, route.Origins = r.Host, r.AllowedOrigins
			all = append(all, upgradeRoutes(route, r.RequestPaths(), r.Subprotocol)...)
		case l.Protocol == config.HTTP:
			route.Host, route.Path = r.Host, snapshot.RoutePath(r.Path)
			all = append(all, route)
		case l.Protocol == config.Passthrough:
			route.SNI = r.Host
			all = append(all, route)
		default:
			all = append(all, route)
		}
	}
	switch rest := (snapshot.Route{Pool: pools[l.Pool], Origins: l.AllowedOrigins}); l.Protocol {
	case config.WS:
		return append(all, upgradeRoutes(rest, l.UpgradePaths(), l.Subprotocol)...)
	case config.HTTP:
		return append(all, rest)
	case config.MQTT, config.TCP, config.Passthrough: // the listener has the pool for the rest
	}
	return all
}

// routeOf returns the run-time form of a route, without what is of requests.
func routeOf(r *config.Route, name string, pools map[string]*snapshot.Pool) snapshot.Route {
	route := snapshot.Route{Name: name, Takes: r.Clients(), SNI: r.SNI, Pool: pools[r.Pool], Match: matchOf(&r.Match, false), Fallback: r.Fallback}
	route.Match.ServerName = "" // it is SNI
	if r.Share != config.NoShare {
		share := balancer.NewShare(r.Pool, int(r.Share))
		route.Share = &share
	}
	return route
}

// upgradeRoutes returns a route to WebSocket for each path.
func upgradeRoutes(r snapshot.Route, paths []string, subprotocol config.Subprotocol) (all []snapshot.Route) {
	r.WebSocket, r.SubprotocolOptional = true, subprotocol == config.SubprotocolOptional
	for _, path := range paths {
		r.Path = snapshot.RoutePath(path)
		all = append(all, r)
	}
	return all
}
