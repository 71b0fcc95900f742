//go:build linux

package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"

	"mqttlb/bench"
)

// addresses is a flag that may be given several times.
type addresses []string

func (a *addresses) String() string { return strings.Join(*a, ",") }

func (a *addresses) Set(s string) error {
	*a = append(*a, strings.Split(s, ",")...)
	return nil
}

// runBroker serves a stub broker until it is interrupted.
func runBroker(ctx context.Context, args []string) error {
	fs := flag.NewFlagSet("broker", flag.ContinueOnError)
	host := fs.String("h", "127.0.0.1", "numeric `address` to listen on")
	port := fs.Int("p", 1883, "`port` to listen on; 0: any free one")
	var listen addresses
	fs.Var(&listen, "listen", "`host:port`, or ws://host:port, instead of -h, -p and --ws; several times or separated by commas")
	ws := fs.Bool("ws", false, "serve MQTT over WebSocket, at any path")
	if err := parse(fs, args); err != nil {
		return err
	}
	if *port < 0 || *port > 65535 {
		return usageError{fmt.Errorf("port %d: 0 to 65535 exist", *port)}
	}
	switch address := net.JoinHostPort(*host, strconv.Itoa(*port)); {
	case *ws && len(listen) > 0:
		return usageError{errors.New("--ws goes with -h and -p: write --listen ws://host:port")}
	case *ws:
		listen = addresses{"ws://" + address}
	case len(listen) == 0:
		listen = addresses{address}
	}
	b, err := bench.ListenBroker(listen...)
	if err != nil {
		return err
	}
	defer b.Close()
	for _, a := range b.Addrs() {
		fmt.Fprintf(os.Stderr, "stub broker on %s: acknowledges, routes nothing\n", a)
	}
	return b.Serve(ctx)
}
