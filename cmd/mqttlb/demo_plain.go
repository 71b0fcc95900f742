package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"strconv"
)

// printPlain prints the headline and the hints, and then each event, until ctx is done.
func printPlain(ctx context.Context, w io.Writer, t *trial) {
	fmt.Fprintln(w, headline(t))
	for _, h := range hints(t) {
		fmt.Fprintf(w, "%-6s  %s\n", h.label, h.text)
	}
	seen := 0
	for {
		events, now, more := t.board.since(seen)
		for _, e := range events {
			fmt.Fprintf(w, "%s  %s\n", e.at.Format("15:04:05.000"), e)
		}
		seen = now
		select {
		case <-more:
		case <-ctx.Done():
			return
		}
	}
}

// headline describes the balancer and its brokers in one line.
func headline(t *trial) string {
	address := t.address()
	return fmt.Sprintf("mqttlb demo: %s -> %s, consistent_hash, PROXY v2", address.String(), count(len(t.brokers), "broker"))
}

// hint is a labelled line of advice.
type hint struct{ label, text string }

func hints(t *trial) []hint {
	address := t.address()
	out := []hint{
		{"join", fmt.Sprintf("mosquitto_sub -h %s -p %d -t 'demo/#' -v -i me", address.IP, address.Port)},
		{"counts", "http://" + t.counts + "/metrics"},
	}
	if t.portTaken {
		out = append(out, hint{"note", "port " + strconv.Itoa(mqttPort) + " of " + loopback + " is in use, so it is " + net.JoinHostPort(loopback, strconv.Itoa(address.Port))})
	}
	return out
}
