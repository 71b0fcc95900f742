//go:build linux

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"mqttlb/bench"
)

// The test binary is mqttbench itself if this is set, so that tests see what a user sees.
const asProgram = "MQTTBENCH_TEST_MAIN"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

// mqttbench runs the program and returns its exit status and its output.
func mqttbench(t *testing.T, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, os.Args[0], args...)
	cmd.Env = append(os.Environ(), asProgram+"=1")
	var out, errOut bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errOut
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), out.String(), errOut.String()
}

func TestWrongCommandLinesSayWhatIsWrong(t *testing.T) {
	for _, c := range []struct {
		args string
		want string
	}{
		{"", "usage: mqttbench"},
		{"fly", `unknown command "fly"`},
		{"pub --bogus", "-bogus"},
		{"pub -t x -t y", "mqttbench pub: -t is given twice; it takes one value"},
		{"pub -t x -q 1 -q=2", "mqttbench pub: -q is given twice; it takes one value"},
		{"help fly", `mqttbench: unknown command "fly"`},
		{"pub extra", `unexpected argument "extra"`},
		{"pub", "no topic"},
		{"pub -t x -q 3", "-q 3"},
		{"pub -t x -V 6", "-V 6"},
		{"pub -t x -p 0", "-p 0"},
		{"pub -t x -c 0", "-c 0"},
		{"pub -t x -c many", "many"},
		{"pub -t x -k 65536", "-k 65536"},
		{"pub -t x -i -1", "cannot be negative"},
		{"pub -t x -I 0", "QoS 0 has no acknowledgement"},
		{"pub -t x -s 4 --payload-hdrs ts", "8 bytes"},
		{"pub -t x --payload-hdrs cnt64", `"cnt64"`},
		{"pub -t x -P secret", "-P needs -u"},
		{"pub -t x --ifaddr nowhere", "--ifaddr"},
		{"conn --sni x", "--sni needs --ssl"},
		{"conn --ws --resume", "--resume needs --ssl"},
		{"conn --ssl --ws-path /", "--ws-path needs --ws"},
		{"conn --ws --ws-path mqtt", `path "mqtt"`},
		{"conn --ssl --keyfile x", "--certfile and --keyfile need each other"},
		{"conn --ssl --cacertfile /nowhere/ca.pem", "--cacertfile: open /nowhere/ca.pem"},
		{"conn --ssl --cacertfile main_test.go", "no certificate in PEM"},
		{"conn --ssl --certfile main_test.go --keyfile main_test.go", "--certfile and --keyfile: tls"},
		{"broker --ws --listen 127.0.0.1:0", "--listen ws://host:port"},
		{"sub", "a topic filter is needed"},
		{"sub -t x -q -1", "-q -1"},
		{"broker -p 70000", "port 70000"},
		{"compare --pairs 0", "--pairs"},
		{"compare --target speed=1", `no row "speed"`},
		{"compare --recorded /nowhere/recorded.json", "/nowhere/recorded.json"},
		{"compare --haproxy /nowhere/haproxy", "/nowhere/haproxy"},
		{"storm kill", `unexpected argument "kill"`},
		{"storm --only sunset", `no scenario "sunset"`},
		{"storm --clients 3", "--clients 3: 10 to 9500"},
		{"storm --clients many", "many"},
		{"storm --rate 0", "--rate 0: 10 to 100000"},
		{"storm --patience 0s", "--patience 0s: 1s to 1h"},
		{"storm --limit 2h", "--limit 2h0m0s: 1s to 1h"},
		{"storm --haproxy /nowhere/haproxy", "/nowhere/haproxy"},
	} {
		status, stdout, stderr := mqttbench(t, strings.Fields(c.args)...)
		if status != 2 || !strings.Contains(stderr, c.want) || stdout != "" {
			t.Errorf("mqttbench %s: status %d, %q, %q; want status 2 and %q", c.args, status, stdout, stderr, c.want)
		}
	}
}

func TestLimitsOfTheMachineStopARunBeforeItBegins(t *testing.T) {
	status, _, stderr := mqttbench(t, "conn", "-h", "127.0.0.1", "-c", "100000000")
	if status != 1 || !strings.Contains(stderr, "ulimit") || !strings.Contains(stderr, "--ifaddr") {
		t.Errorf("status %d, %s", status, stderr)
	}
}

func TestHelpListsTheFlags(t *testing.T) {
	for command := range commands {
		status, stdout, _ := mqttbench(t, command, "--help")
		if status != 0 || !strings.Contains(stdout, "usage: mqttbench "+command) || !strings.Contains(stdout, "  -") {
			t.Errorf("%s --help: status %d, %q", command, status, stdout)
		}
	}
}

// serve runs a stub broker until the test ends and returns its port.
func serve(t *testing.T) string {
	t.Helper()
	return serveAt(t, "127.0.0.1:0")
}

func serveAt(t *testing.T, address string) string {
	t.Helper()
	b, err := bench.ListenBroker(address)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- b.Serve(ctx) }() // ends with ctx
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		b.Close()
	})
	_, port, _ := strings.Cut(b.Addrs()[0].String(), ":")
	return port
}

func TestPubReportsAsJSON(t *testing.T) {
	status, stdout, stderr := mqttbench(t, "pub", "--host", "127.0.0.1", "-p", serve(t), "-c", "5", "-i", "0",
		"-t", "bench/%i", "-q", "1", "-s", "64", "-I", "0", "-L", "1000", "--json")
	if status != 0 {
		t.Fatalf("status %d: %s", status, stderr)
	}
	var got summary
	if err := json.Unmarshal([]byte(stdout), &got); err != nil {
		t.Fatalf("%v in %s", err, stdout)
	}
	if got.Connects != 5 || got.Published != 1000 || got.Acked != 1000 || got.Ack == nil || got.Ack.Count != 1000 || got.Ack.P50 <= 0 {
		t.Errorf("got %s", stdout)
	}
}

func TestSubAndConnEndWithTheirDuration(t *testing.T) {
	port := serve(t)
	status, stdout, stderr := mqttbench(t, "sub", "-h", "127.0.0.1", "-p", port, "-c", "5", "-i", "0", "-t", "x", "--duration", "3s")
	if status != 0 || !strings.Contains(stdout, "5 CONNACKs") || !strings.Contains(stdout, "5 subscribed") {
		t.Errorf("sub: status %d, %s %s", status, stdout, stderr)
	}
	status, stdout, stderr = mqttbench(t, "conn", "-h", "127.0.0.1", "-p", port, "-c", "5", "-i", "0", "--churn", "--duration", "3s")
	if status != 0 || strings.Contains(stdout, " 0 CONNACKs") {
		t.Errorf("conn: status %d, %s %s", status, stdout, stderr)
	}
}

func TestARunThatCannotConnectFailsWithTheCause(t *testing.T) {
	status, stdout, _ := mqttbench(t, "conn", "-h", "127.0.0.1", "-p", "1", "-c", "3", "-i", "0")
	if status != 1 || !strings.Contains(stdout, "3 connections: connect: connection refused") {
		t.Errorf("status %d, %s", status, stdout)
	}
}
