// Command mqttlb is an MQTT-aware load balancer. It reads each client's CONNECT, sends
// the same client identifier to the same healthy node of a broker cluster, and from then
// on relays bytes.
package main

import (
	"context"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"mqttlb/cmd/cli"
	"mqttlb/cmd/mqttlb/ctl"
	"mqttlb/proxy/reactor"
)

// unsupported is why serve and demo cannot run on this system; nil: they can.
var unsupported = reactor.Supported()

func main() {
	// The first signal stops gracefully, the second ends the process at once.
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	ctx, stop := context.WithCancel(context.Background())
	go func() { // ends with the process
		<-signals
		stop()
		second := <-signals
		if !isSupervised() { // superviseDemo sends one more for each, and kills the demo that does not end
			endAtOnce(second)
		}
	}()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// run runs the command that args name and returns the exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	return cli.Run(ctx, commands(), args, stdout, stderr)
}

// commands makes the tree of all commands.
func commands() *cobra.Command {
	root := cli.Group(&cobra.Command{
		Use:   "mqttlb",
		Short: "an MQTT-aware load balancer",
		Long: `mqttlb is an MQTT-aware load balancer. It reads each client's CONNECT, sends
the same client identifier to the same healthy node of a broker cluster, and
from then on relays bytes.`,
		Version: versionText(),
	})
	root.SetVersionTemplate("{{.Name}} {{.Version}}\n")
	root.AddCommand(serveCommand(), checkCommand(), ctl.ReloadCommand(socketPaths), ctl.Command(socketPaths), demoCommand(), certCommand(), versionCommand(), cli.ManCommand())
	return root
}
