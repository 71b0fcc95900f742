package main

import (
	"mqttlb/config"
	"mqttlb/proxy/snapshot"
)

// routesOf returns the routes of a listener.
func routesOf(l *config.Listener, pools map[string]*snapshot.Pool) (all []snapshot.Route) {
	switch l.Protocol {
	case config.MQTT:
		for _, r := range l.Routes {
			all = append(all, snapshot.Route{SNI: r.SNI, Pool: pools[r.Pool]})
		}
	case config.WS:
		upgrades := func(sni, pool string) {
			route := snapshot.Route{SNI: sni, Pool: pools[pool], Origins: l.AllowedOrigins}
			all = append(all, upgradeRoutes(route, l.UpgradePaths(), l.Subprotocol)...)
		}
		for _, r := range l.Routes {
			upgrades(r.SNI, r.Pool)
		}
		upgrades("", l.Pool) // takes the rest
	case config.HTTP:
		for _, r := range l.Routes {
			route := snapshot.Route{SNI: r.SNI, Host: r.Host, Path: snapshot.RoutePath(r.Path), Pool: pools[r.Pool], Origins: r.AllowedOrigins}
			if r.Protocol == config.WS {
				all = append(all, upgradeRoutes(route, r.RequestPaths(), r.Subprotocol)...)
				continue
			}
			all = append(all, route)
		}
		all = append(all, snapshot.Route{Pool: pools[l.Pool]}) // takes the rest
	case config.Passthrough:
		for _, r := range l.Routes {
			all = append(all, snapshot.Route{SNI: r.Host, Pool: pools[r.Pool]})
		}
	case config.TCP: // has no routes
	}
	return all
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
