package main_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"mqttlb/proxy/proxytest"
)

// loggingTo is a configuration with one node, which admits every client, and this log.
func loggingTo(t *testing.T, log string) string {
	t.Helper()
	node := proxytest.Serve(t, "127.0.0.1:0", func(c *net.TCPConn) {
		io.ReadAtLeast(c, make([]byte, 1024), 1)
		c.Write([]byte{0x20, 2, 0, 0})
		io.Copy(io.Discard, c)
	})
	return fmt.Sprintf(`
listeners: [{name: mqtt, address: "${mqtt}", pool: brokers}]
pools: [{name: brokers, health: {probe: none}, nodes: [{name: a, address: %q}]}]
log: %s
`, node, log)
}

// sessions opens a session for each identifier and ends it.
func (b *balancer) sessions(t *testing.T, ids ...string) {
	t.Helper()
	for _, id := range ids {
		w := join(t, b.addrs["mqtt"], "", 4, id)
		w.Close()
	}
}

// hangup has the file read again, as it is written now, and waits until that is done.
func (b *balancer) hangup(t *testing.T, log string) {
	t.Helper()
	text, err := os.ReadFile(b.config)
	if err != nil {
		t.Fatal(err)
	}
	if log != "" {
		text = regexp.MustCompile(`(?m)^log: .*$`).ReplaceAll(text, []byte("log: "+log))
		if err := os.WriteFile(b.config, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	done := func() float64 { return b.metrics(t).sum(t, "mqttlb_config_reloads_total") }
	before := done()
	b.signal(t, syscall.SIGHUP)
	eventually(t, "the reload is over", func() bool { return done() > before })
}

// Level, format, fields, sampling and output change with a reload; a wrong value changes
// nothing.
func TestLogSettingsChangeWithAReload(t *testing.T) {
	t.Parallel()
	b := serve(t, loggingTo(t, "{level: info, format: text}"))
	b.sessions(t, "one")
	line := b.waitFor(t, "msg=session", "client_id=one")
	want := regexp.MustCompile(`^time=\S+ level=INFO msg=session listener=mqtt client=\S+ client_id=one version=3.1.1 node=a received=\d+ sent=4 duration=\S+ outcome=\S+$`)
	if !want.MatchString(line) {
		t.Errorf("the default line is %s", line)
	}
	b.hangup(t, "{level: info, format: json, fields: [outcome, client_id, protocol, pool, tls]}")
	b.sessions(t, "two")
	line = b.waitFor(t, `"two"`)
	if !regexp.MustCompile(`"msg":"session","outcome":"[a-z_]+","client_id":"two","protocol":"tcp","pool":"brokers"}$`).MatchString(line) {
		t.Errorf("the line of some fields is %s", line)
	}
	b.hangup(t, "{level: warn, format: json}")
	b.sessions(t, "three")
	b.hangup(t, "{level: info, format: json, fields: [client_id, clientid]}")
	b.waitFor(t, "log.fields[1]", "must be one of listener, client,")
	b.hangup(t, "{level: info, format: json, output: /nonexistent/folder/mqttlb.log}")
	b.waitFor(t, `"level":"ERROR"`, "log.output: /nonexistent/folder/mqttlb.log: no such file or directory")
	b.hangup(t, "{level: info, format: text}")
	b.sessions(t, "four")
	b.waitFor(t, "msg=session", "client_id=four version=3.1.1")
	if lines := b.said("three"); len(lines) > 0 {
		t.Errorf("at level warn there is the line %s", lines[0])
	}
}

func TestALogThatCannotBeOpenedIsSaidOnStderr(t *testing.T) {
	t.Parallel()
	for output, want := range map[string]string{
		t.TempDir():                             "is a directory",
		"syslog:/nonexistent/socket.of.syslog":  "no such file or directory",
		"/nonexistent/folder/mqttlb.log":        "no such file or directory",
		proxytest.TempFile(t, "a file") + "/in": "not a directory",
	} {
		b := configure(t, loggingTo(t, "{output: "+strconv.Quote(output)+"}"))
		b.start(t, "")
		if code := b.exitCode(t); code != 78 || len(b.said("log.output: "+output+": ")) != 1 || len(b.said(want)) == 0 {
			t.Errorf("%s: exit code %d, want 78 and %q in\n%s", output, code, want, strings.Join(b.tail(10), "\n"))
		}
	}
}

// A configuration that is wrong in another way is said on stderr, too, when the log is in
// a file.
func TestWhyAProcessCannotServeIsSaidOnStderr(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	file := t.TempDir() + "/mqttlb.log"
	b := configure(t, strings.ReplaceAll(loggingTo(t, "{output: "+file+"}"), "${mqtt}", taken.Addr().String()))
	b.start(t, "")
	if code := b.exitCode(t); code != 1 || len(b.said("mqttlb cannot serve", "address already in use")) != 1 {
		t.Errorf("exit code %d: %q", code, b.tail(10))
	}
	if text, err := os.ReadFile(file); err != nil || !strings.Contains(string(text), "address already in use") {
		t.Errorf("the log has %s (%v)", text, err)
	}
}

// Nobody reads stderr while thousands of sessions end and a reload is refused. When
// somebody does, the lines about the reload come before those of the sessions that still
// wait, and the number of lines that were dropped is in the log and in the metrics.
func TestWarningsComeBeforeTheSessionsOfAStuckLog(t *testing.T) {
	t.Parallel()
	b := configure(t, loggingTo(t, "{level: info, format: json}"))
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	b.startWithLog(t, writer)
	const sessions = 6000 // the pipe has 64 KiB, some 300 lines
	dropped := func(kind string) float64 {
		return b.metrics(t).sum(t, "mqttlb_log_lines_dropped_total", `kind="`+kind+`"`)
	}
	for range sessions {
		w := dialWire(t, b.addrs["mqtt"], "")
		w.Write([]byte("no MQTT"))
		w.waitClosed(t)
		w.Close()
	}
	eventually(t, "lines are dropped", func() bool { return dropped("session") > 0 })
	if err := os.WriteFile(b.config, []byte("listeners: none"), 0o600); err != nil {
		t.Fatal(err)
	}
	b.cmd.Process.Signal(syscall.SIGHUP)
	eventually(t, "the reload is refused", func() bool { return b.metrics(t).sum(t, "mqttlb_config_reload_failed") == 1 })
	lost := dropped("session")

	lines := make(chan string, 2*sessions)
	go func() { // ends with the process
		defer close(lines)
		for scan := bufio.NewScanner(reader); scan.Scan(); {
			lines <- scan.Text()
		}
	}()
	var before, after int // session lines
	var begun, refused, said bool
	for line := range lines {
		var l struct {
			Msg      string
			Sessions float64
		}
		if err := json.Unmarshal([]byte(line), &l); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		switch l.Msg {
		case "session":
			if refused {
				after++
			} else {
				before++
			}
		case "the configuration was not reloaded; the one before stays in force":
			refused = true
		case "log lines are dropped: the log is too slow":
			begun = true
		case "log lines were dropped: the log was too slow":
			if said = true; l.Sessions != lost {
				t.Errorf("the log says that %v lines of sessions were dropped, the metric says %v", l.Sessions, lost)
			}
		}
		if said {
			break
		}
	}
	if !begun || !refused || !said {
		t.Fatalf("the beginning was said: %t, the refusal %t, the end %t", begun, refused, said)
	}
	if before+after != sessions-int(lost) || after < 4000 || dropped("process") != 0 {
		t.Errorf("%d lines of sessions before the refused reload, %d after it, %v lost, %v of the process lost", before, after, lost, dropped("process"))
	}
	b.cmd.Process.Signal(syscall.SIGTERM)
	for range lines {
		continue // until the process has ended
	}
	if err := b.cmd.Wait(); err != nil {
		t.Error(err)
	}
}

// A flood of one outcome is sampled; another outcome and the good sessions have their own
// share. Metrics count all, and the log says how many lines it left out.
func TestAFloodOfOneOutcomeIsSampled(t *testing.T) {
	t.Parallel()
	b := serve(t, loggingTo(t, "{level: info, format: json, sample: 5/s}"))
	const flood = 400
	for range flood {
		w := dialWire(t, b.addrs["mqtt"], "")
		w.Write([]byte("no MQTT"))
		w.waitClosed(t)
		w.Close()
	}
	w := dialWire(t, b.addrs["mqtt"], "")
	w.Write([]byte{0x10, 13, 0, 4, 'M', 'Q', 'T', 'T', 9, 2, 0, 60, 0, 1, 'a'})
	w.waitClosed(t)
	b.sessions(t, "good")
	b.waitFor(t, `"good"`)
	b.waitFor(t, `"unsupported_version"`)
	m := b.metrics(t)
	written := float64(len(b.said(`"wrong_protocol"`)))
	counted := m.sum(t, "mqttlb_outcomes_total", `outcome="wrong_protocol"`)
	left := m.sum(t, "mqttlb_log_lines_sampled_out_total", `kind="session"`)
	if counted != flood || written < 5 || written+left != flood {
		t.Errorf("%v sessions are counted, %v have a line and %v have none; want %d in all", counted, written, left, flood)
	}
	if n := m.sum(t, "mqttlb_log_lines_dropped_total"); n != 0 {
		t.Errorf("%v lines were dropped", n)
	}
	b.hangup(t, "{level: info, format: json}")
	b.signal(t, syscall.SIGTERM)
	b.exitCode(t)
	b.waitFor(t, "lines were left out, as log.sample says", fmt.Sprintf(`"lines":%v,"of":"wrong_protocol:%[1]v"`, left))
}

// startWithLog runs mqttlb with a file as its stderr, which it closes here, and more in its environment.
// It waits until mqttlb serves.
func (b *balancer) startWithLog(t *testing.T, stderr *os.File, env ...string) {
	t.Helper()
	cmd := exec.Command(builtBinary(t), "serve", "-c", b.config)
	cmd.Stderr, cmd.Env = stderr, append(os.Environ(), env...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_ = stderr.Close()
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	b.process = &process{name: "mqttlb", cmd: cmd}
	eventually(t, "mqttlb serves", func() bool { return b.healthz() == http.StatusOK })
}
