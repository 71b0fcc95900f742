package main_test

import (
	"os"
	"syscall"
	"testing"
)

func TestASecondSignalEndsAtOnce(t *testing.T) {
	t.Parallel()
	broker := startMosquitto(t, "a")
	for _, second := range []os.Signal{syscall.SIGTERM, syscall.SIGINT} {
		t.Run(second.String(), func(t *testing.T) {
			b := serve(t, oneBroker+nodes(broker)+"timeouts: {shutdown: 1h}\n")
			client := join(t, b.addrs["mqtt"], "", 4, "stays")
			b.signal(t, syscall.SIGTERM)
			b.waitFor(t, `"msg":"stopping"`)
			b.signal(t, second)
			b.exitCode(t)
			client.waitClosed(t)
		})
	}
}

func TestAHangupEndsNothing(t *testing.T) {
	t.Parallel()
	broker := startMosquitto(t, "a")
	b := serve(t, oneBroker+nodes(broker))
	join(t, b.addrs["mqtt"], "", 4, "before")
	b.signal(t, syscall.SIGHUP)
	b.waitFor(t, "SIGHUP")
	join(t, b.addrs["mqtt"], "", 4, "after")
}
