//go:build !linux

// Command mqttbench generates MQTT load; it needs Linux.
package main

import (
	"fmt"
	"os"
)

func main() {
	fmt.Fprintln(os.Stderr, "mqttbench: needs Linux: its load and its stub broker run on epoll")
	os.Exit(1)
}
