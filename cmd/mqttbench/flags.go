//go:build linux

package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"mqttlb/bench"
)

// loadFlags are the common flags of conn, pub and sub, named as in emqtt_bench.
type loadFlags struct {
	fs        *flag.FlagSet
	opt       bench.Options
	hosts     string
	port      int
	version   int
	interval  float64
	keep      int
	sources   string
	duration  time.Duration
	json      bool
	transport transportFlags
}

// addBoth registers a flag under its short and its long name.
func addBoth[T any](add func(p *T, name string, value T, usage string), p *T, short, long string, value T, usage string) {
	add(p, short, value, usage)
	add(p, long, value, "the same as -"+short)
}

func newLoadFlags(name string) *loadFlags {
	fs := flag.NewFlagSet(name, flag.ContinueOnError)
	l := &loadFlags{fs: fs}
	addBoth(fs.StringVar, &l.hosts, "h", "host", "localhost", "`hosts` of the server, separated by commas; clients take them in turn")
	addBoth(fs.IntVar, &l.port, "p", "port", 1883, "`port` of the server")
	addBoth(fs.IntVar, &l.version, "V", "version", 5, "MQTT `version`: 3 (3.1), 4 (3.1.1) or 5")
	addBoth(fs.IntVar, &l.opt.Clients, "c", "count", 200, "`clients`")
	addBoth(fs.IntVar, &l.opt.First, "n", "startnumber", 0, "`number` of the first client")
	addBoth(fs.Float64Var, &l.opt.ConnectRate, "R", "connrate", 0, "connections a second, instead of -i (`rate`)")
	addBoth(fs.Float64Var, &l.interval, "i", "interval", 10, "`milliseconds` between two connections; 0: as fast as they are accepted")
	addBoth(fs.StringVar, &l.opt.Username, "u", "username", "", "user `name`; %i is the client's number")
	addBoth(fs.StringVar, &l.opt.Password, "P", "password", "", "`password`")
	addBoth(fs.IntVar, &l.keep, "k", "keepalive", 300, "keep alive in `seconds`; 0: off")
	addBoth(fs.BoolVar, &l.opt.CleanStart, "C", "clean", true, "clean session")
	l.transport.register(fs)
	fs.StringVar(&l.sources, "ifaddr", "", "local `addresses`, separated by commas; clients take them in turn")
	fs.StringVar(&l.opt.Prefix, "prefix", "mqttbench-", "client identifiers are this `prefix` and the client's number")
	fs.DurationVar(&l.duration, "duration", 0, "stop after this `time`, such as 30s; 0: at Ctrl-C")
	fs.BoolVar(&l.json, "json", false, "print the result as JSON; the rates go to standard error")
	return l
}

// options parses args and returns the options, checked against this machine's limits.
func (l *loadFlags) options(ctx context.Context, args []string) (bench.Options, error) {
	if err := parse(l.fs, args); err != nil {
		return l.opt, err
	}
	o := l.opt
	switch {
	case l.port < 1 || l.port > 65535:
		return o, usageError{fmt.Errorf("-p %d: 1 to 65535 exist", l.port)}
	case l.version < 3 || l.version > 5:
		return o, usageError{fmt.Errorf("-V %d: 3 (for 3.1), 4 (for 3.1.1) and 5 exist", l.version)}
	case l.keep < 0 || l.keep > 65535:
		return o, usageError{fmt.Errorf("-k %d: 0 to 65535 exist", l.keep)}
	case l.interval < 0 || o.ConnectRate < 0 || l.duration < 0:
		return o, usageError{errors.New("-i, -R and --duration cannot be negative")}
	case o.Clients < 1:
		return o, usageError{fmt.Errorf("-c %d: at least 1 client is needed", o.Clients)}
	case o.Password != "" && o.Username == "":
		return o, usageError{errors.New("-P needs -u: before MQTT 5 there is no password without a user name")}
	}
	o.Version = byte(l.version)
	o.KeepAlive = uint16(l.keep)
	if o.ConnectRate == 0 && l.interval > 0 {
		o.ConnectRate = 1000 / l.interval
	}
	err := l.transport.apply(l.fs, &o)
	if err != nil {
		return o, usageError{err}
	}
	if o.Sources, err = parseSources(l.sources); err != nil {
		return o, usageError{err}
	}
	if o.Targets, err = resolve(ctx, l.hosts, l.port); err != nil {
		return o, err
	}
	for host := range strings.SplitSeq(l.hosts, ",") {
		o.Hosts = append(o.Hosts, net.JoinHostPort(host, strconv.Itoa(l.port)))
	}
	return o, o.CheckLimits()
}

func parseSources(list string) (sources []netip.Addr, err error) {
	if list == "" {
		return nil, nil
	}
	for s := range strings.SplitSeq(list, ",") {
		a, err := netip.ParseAddr(s)
		if err != nil {
			return nil, fmt.Errorf("--ifaddr: %w", err)
		}
		sources = append(sources, a)
	}
	return sources, nil
}

// resolve returns the first address of each host, IPv4 before IPv6.
func resolve(ctx context.Context, hosts string, port int) (targets []netip.AddrPort, err error) {
	for host := range strings.SplitSeq(hosts, ",") {
		addrs, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
		if err != nil {
			return nil, fmt.Errorf("resolve %s: %w", net.JoinHostPort(host, strconv.Itoa(port)), err)
		}
		first := addrs[0].Unmap()
		for _, a := range addrs {
			if a.Unmap().Is4() {
				first = a.Unmap()
				break
			}
		}
		targets = append(targets, netip.AddrPortFrom(first, uint16(port)))
	}
	return targets, nil
}
