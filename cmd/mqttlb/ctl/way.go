package ctl

import (
	"slices"
	"strings"

	"mqttlb/cmd/terminal"
	"mqttlb/proxy/admin/api"
)

// wayLine says why a client takes a way through a listener with routes.
func wayLine(w *api.RouteWay, p page) string {
	line := terminal.Printable(w.Listener) + ": "
	switch {
	case w.Route != "" && len(w.Undecided) == 0:
		line += terminal.Printable(w.Route) + " takes it (" + terminal.Printable(w.Takes) + ")"
	case w.Route != "":
		line += terminal.Printable(w.Route) + " may take it (" + terminal.Printable(w.Takes) + "): " + decides(w.Undecided)
	default:
		line += "no route takes it"
	}
	if !w.Sure && len(w.Undecided) == 0 {
		line += ", unless one above does"
	}
	if !w.Sure {
		return p.paint(notice, line)
	}
	return line
}

// ruleLines say which rules keep a client out, or may.
func ruleLines(route *api.Route, p page) []string {
	var lines []string
	for _, r := range route.Rules {
		verb, look := "denies", bad
		if r.Action == "allow" {
			verb, look = "allows", plain
		}
		line := terminal.Printable(r.Listener) + ": rule " + terminal.Printable(r.Rule) + " "
		if len(r.Undecided) > 0 {
			line += "may be the one that " + verb + " it: " + decides(r.Undecided)
			look = notice
		} else {
			line += verb + " it"
			if slices.ContainsFunc(route.Rules, func(e api.RouteRule) bool { return e.Listener == r.Listener && len(e.Undecided) > 0 }) {
				line += ", unless one above decides"
			}
		}
		lines = append(lines, p.paint(look, line))
	}
	if route.MoreRules {
		lines = append(lines, p.paint(notice, "more rules may decide; say more about the client, as --address"))
	}
	if len(lines) > 0 {
		lines = append(lines, "")
	}
	return lines
}

// factFlags are the flags that say what a condition is about.
var factFlags = map[string]string{
	"sni": "--sni", "username": "--username", "username_present": "--username", "version": "--version", "cidr": "--address",
	"host": "--host", "path": "--path", "share": "--address",
}

// decides says what decides whether the conditions of a route are met.
func decides(conditions []string) string {
	var all []string
	for _, c := range conditions {
		what := factFlags[c]
		if what == "" {
			what = "its " + terminal.Printable(strings.ReplaceAll(c, "_", " ")) // which cannot be said
		}
		if !slices.Contains(all, what) {
			all = append(all, what)
		}
	}
	if len(all) == 1 {
		return all[0] + " decides"
	}
	return strings.Join(all[:len(all)-1], ", ") + " and " + all[len(all)-1] + " decide"
}
