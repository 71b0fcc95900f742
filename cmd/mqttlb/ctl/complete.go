package ctl

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"mqttlb/proxy/admin/api"
)

// completeTimeout limits the wait for the names that a shell completes.
const completeTimeout = 700 * time.Millisecond

// completeNode completes the name of a node, the first argument of cmd.
func (c *connection) completeNode(cmd *cobra.Command, args []string, prefix string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return c.nodeNames(cmd, args, prefix)
}

// nodeNames returns the names of the nodes of the running process; without one, none.
func (c *connection) nodeNames(cmd *cobra.Command, _ []string, prefix string) ([]string, cobra.ShellCompDirective) {
	nodes := askQuietly[api.Nodes](cmd, c, "/api/v1/nodes")
	var names []string
	for _, n := range nodes.Nodes {
		names = append(names, n.Name)
	}
	return completions(names, prefix)
}

// poolNames returns the names of the pools of the running process.
func (c *connection) poolNames(cmd *cobra.Command, _ []string, prefix string) ([]string, cobra.ShellCompDirective) {
	var names []string
	for _, p := range askQuietly[api.Status](cmd, c, "/api/v1/status").Pools {
		names = append(names, p.Name)
	}
	return completions(names, prefix)
}

// listenerNames returns the names of the listeners of the running process.
func (c *connection) listenerNames(cmd *cobra.Command, _ []string, prefix string) ([]string, cobra.ShellCompDirective) {
	var names []string
	for _, l := range askQuietly[api.Status](cmd, c, "/api/v1/status").Listeners {
		names = append(names, l.Name)
	}
	return completions(names, prefix)
}

// askQuietly asks for the answer at a path. Without one in time it returns nothing: a
// shell must not show errors.
func askQuietly[T any](cmd *cobra.Command, c *connection, path string) (t T) {
	ctx, cancel := context.WithTimeout(cmd.Context(), completeTimeout)
	defer cancel()
	client, err := c.client()
	if err != nil {
		return t
	}
	a, err := client.ask(ctx, request{method: http.MethodGet, path: path})
	if err == nil && a.ok() {
		_ = json.Unmarshal(a.body, &t) // an answer of another form completes nothing
	}
	return t
}

// completions returns the names that begin with prefix and have no character that
// means something to a shell.
func completions(names []string, prefix string) ([]string, cobra.ShellCompDirective) {
	const safe = "abcdefghijklmnopqrstuvwxyz0123456789.,_:@/+-"
	names = slices.DeleteFunc(names, func(name string) bool {
		return name == "" || !strings.HasPrefix(name, prefix) || strings.Trim(strings.ToLower(name), safe) != ""
	})
	return names, cobra.ShellCompDirectiveNoFileComp
}

// complete completes the values of a flag with names.
func complete(cmd *cobra.Command, flag string, names cobra.CompletionFunc) {
	if err := cmd.RegisterFlagCompletionFunc(flag, names); err != nil {
		panic(err) // cmd has no such flag, or two calls for one
	}
}
