package ctl

import (
	"errors"
	"net/netip"
	"net/url"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"mqttlb/cmd/cli"
	"mqttlb/proxy/admin/api"
)

// filterFlag is a flag that selects sessions.
type filterFlag struct {
	name, usage string
	value       *string // its field in the filter
}

// filterFlags is the flags that fill a filter.
func filterFlags(f *api.SessionFilter) []filterFlag {
	return []filterFlag{
		{"id", "the session with this `ID`, which sessions --wide lists", &f.ID},
		{"client-id", "those whose client identifier is `ID`, or begins with it if it ends in *", &f.ClientID},
		{"username", "those whose user name is `NAME`, or begins with it if it ends in *", &f.Username},
		{"node", "those on this `NODE`", &f.Node},
		{"pool", "those on a node of this `POOL`", &f.Pool},
		{"listener", "those that came through this `LISTENER`", &f.Listener},
		{"address", "those of clients with this `ADDRESS`, or one in this network, as 10.1.0.0/16; with a port it is the admin server's", &f.Address},
		{"version", "those with this `VERSION` of MQTT: 3.1, 3.1.1 or 5", &f.Version},
		{"older", "those that are open for at least this `DURATION`, as 1h", &f.Older},
		{"silent", "those in which nothing has passed for at least this `DURATION`, as 5m", &f.Silent},
	}
}

// defineFilter defines the flags of a filter.
func defineFilter(c *connection, cmd *cobra.Command, f *api.SessionFilter) {
	flags := cmd.Flags()
	for _, flag := range filterFlags(f) {
		if flag.value == &f.Address {
			flags.Var(&twoAddresses{server: &c.address, clients: &f.Address}, flag.name, flag.usage)
			cli.MayRepeat(flags, flag.name)
		} else {
			flags.StringVar(flag.value, flag.name, "", flag.usage)
		}
	}
	complete(cmd, "node", c.nodeNames)
	complete(cmd, "pool", c.poolNames)
	complete(cmd, "listener", c.listenerNames)
	complete(cmd, "version", cobra.FixedCompletions([]string{"3.1", "3.1.1", "5"}, cobra.ShellCompDirectiveNoFileComp))
	for _, name := range []string{"id", "client-id", "username", "older", "silent"} {
		complete(cmd, name, cobra.NoFileCompletions)
	}
}

// twoAddresses is the value of --address where it may mean both: the admin server, as
// for every command, and the addresses of clients. Only that of a server has a port.
type twoAddresses struct {
	server, clients *string
}

// String implements [pflag.Value].
func (a *twoAddresses) String() string { return "" }

// Type implements [pflag.Value].
func (a *twoAddresses) Type() string { return "string" }

// Set sets one of the two.
func (a *twoAddresses) Set(s string) error {
	_, err := netip.ParseAddr(s)
	switch {
	case s == "":
		return errors.New("must not be empty")
	case err == nil, strings.Contains(s, "/") && !strings.Contains(s, "://"):
		*a.clients = s
	default:
		*a.server = s
	}
	return nil
}

// checkFilter returns an error if a flag of the filter has no value: a script with an
// empty variable would else mean all sessions.
func checkFilter(flags *pflag.FlagSet, f *api.SessionFilter) error {
	for _, flag := range filterFlags(f) {
		if flag.value != &f.Address { // which twoAddresses checks
			if err := notEmpty(flags, flag.name); err != nil {
				return err
			}
		}
	}
	return nil
}

// notEmpty returns an error if one of the flags has an empty value. A script with an
// empty variable would else get a default that it has not asked for.
func notEmpty(flags *pflag.FlagSet, names ...string) error {
	for _, name := range names {
		if flag := flags.Lookup(name); flag.Changed && flag.Value.String() == "" {
			return cli.Usagef("--%s: must not be empty", name)
		}
	}
	return nil
}

// filterQuery is the filter as a query.
func filterQuery(f *api.SessionFilter) url.Values {
	query := url.Values{}
	for _, flag := range filterFlags(f) {
		if *flag.value != "" {
			query.Set(strings.ReplaceAll(flag.name, "-", "_"), *flag.value)
		}
	}
	return query
}
