package main_test

import (
	"net/http"
	"os"
	"os/exec"
	"syscall"
	"testing"
)

func TestASecondSignalEndsAtOnce(t *testing.T) {
	t.Parallel()
	broker := startMosquitto(t, "a")
	for _, second := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		t.Run(second.String(), func(t *testing.T) {
			b := serve(t, oneBroker+nodes(broker)+"timeouts: {shutdown: 1h}\n")
			client := join(t, b.addrs["mqtt"], "", 4, "stays")
			b.signal(t, syscall.SIGTERM)
			b.waitFor(t, `"msg":"stopping"`)
			b.signal(t, second)
			if code := b.exitCode(t); code != 128+int(second) {
				t.Errorf("exit code %d, want 128 and the number of the signal", code)
			}
			b.waitFor(t, `"level":"WARN","msg":"a second signal: ending at once, open sessions are cut off","signal":"`+second.String()+`"}`)
			client.waitClosed(t)
		})
	}
}

// Go ends a process that crashes with the exit code 2, which is that of wrong arguments here. A service
// manager would not start it again.
func TestACrashIsNoExitCode(t *testing.T) {
	t.Parallel()
	b := serve(t, oneBroker+nowhere)
	b.signal(t, syscall.SIGQUIT) // ends a Go process as a panic does, with all stacks
	b.exitCode(t)
	if s, ok := b.cmd.ProcessState.Sys().(syscall.WaitStatus); !ok || s.Signal() != syscall.SIGABRT {
		t.Errorf("a crash ends with %v", b.cmd.ProcessState)
	}
	b.waitFor(t, "SIGQUIT")
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

// The reader of the log's pipe ends, as when that process is restarted.
func TestALogWhoseReaderIsGoneEndsNothing(t *testing.T) {
	t.Parallel()
	broker := startMosquitto(t, "a")
	b := configure(t, oneBroker+nodes(broker))
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(builtBinary(t), "serve", "-c", b.config)
	cmd.Stderr = writer
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_ = writer.Close()
	_ = reader.Close()
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		if err := cmd.Wait(); err != nil {
			t.Errorf("mqttlb ended with %v", err)
		}
	})
	eventually(t, "mqttlb serves", func() bool { return b.healthz() == http.StatusOK })
	for _, id := range ids("unlogged", 10) { // each session logs a line that is lost
		join(t, b.addrs["mqtt"], "", 4, id).Close()
	}
	join(t, b.addrs["mqtt"], "", 4, "after")
}
