package main_test

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// startSilentDNS listens at an address where a resolver asks and answers nothing, until the test ends. It returns the shell
// command that has a process ask there, and a channel of questions.
func startSilentDNS(t *testing.T, dir, address string) (before string, asked <-chan bool) {
	t.Helper()
	file := filepath.Join(dir, "resolv.conf")
	if err := os.WriteFile(file, []byte("nameserver "+address+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	before = "mount --bind " + file + " /etc/resolv.conf"
	if out, err := exec.Command("unshare", "-m", "sh", "-c", before).CombinedOutput(); err != nil {
		t.Skipf("needs the right to mount: %v\n%s", err, out)
	}
	conn, err := net.ListenPacket("udp", address+":53")
	if err != nil {
		t.Skip("needs the port of DNS: ", err)
	}
	t.Cleanup(func() { conn.Close() })
	questions := make(chan bool, 1)
	go func() { // ends with conn
		for b := make([]byte, 1500); ; {
			if _, _, err := conn.ReadFrom(b); err != nil {
				return
			}
			select {
			case questions <- true:
			default:
			}
		}
	}()
	return before, questions
}

// While a reload waits for the address of a node, clients come and go as before, other reloads wait for their turn, and a stop
// does not wait.
func TestReloadsWhileANameIsNotAnswered(t *testing.T) {
	t.Parallel()
	r := newReloadee(t, nowhere)
	before, asked := startSilentDNS(t, r.dir, "127.0.0.77")
	broker := startMosquitto(t, "a")
	r.nodes = nodes(broker)
	r.more = "timeouts: {shutdown: 1h}\n"
	r.put(t)
	r.process = start(t, "mqttlb", exec.Command("unshare", "-m", "sh", "-c", before+` && exec "$0" "$@"`, builtBinary(t), "serve", "-c", r.config))
	r.waitReady(t)
	stays := join(t, r.addrs["mqtt"], "", 5, "stays")
	busy := func(when string) {
		t.Helper()
		if err := stays.ping(); err != nil {
			t.Fatalf("%s: %v", when, err)
		}
		join(t, r.addrs["mqtt"], "", 5, "comes").disconnect(t)
	}
	slow := func(name string) (ended <-chan string) {
		t.Helper()
		r.nodes = nodes(broker) + "      - {name: " + name + ", address: \"" + name + ".example:1883\"}\n"
		r.put(t)
		select {
		case <-asked: // of an earlier name
		default:
		}
		done := make(chan string, 1)
		cmd := exec.Command(builtBinary(t), "reload", "--socket", r.socket())
		go func() { // ends with the command
			out, err := cmd.CombinedOutput()
			if err != nil {
				out = append(out, err.Error()...)
			}
			done <- string(out)
		}()
		<-asked
		return done
	}
	first := slow("silent-1")
	busy("while a name is asked for")
	second := func() <-chan string {
		r.nodes = nodes(broker)
		r.put(t)
		done := make(chan string, 1)
		go func() { out, _ := r.reload(t); done <- out }() // ends with the command
		return done
	}()
	busy("while another reload waits")
	if out := <-first; !strings.Contains(out, "generation 2 is in force") {
		t.Errorf("a name without an address: %s", out)
	}
	if out := <-second; !strings.Contains(out, "generation 3 is in force") {
		t.Errorf("the one that had to wait: %s", out)
	}
	busy("after both")

	last := slow("silent-2")
	r.signal(t, syscall.SIGTERM)
	if out := <-last; !strings.Contains(out, "stopping") {
		t.Errorf("a stop in the middle of a reload: %s", out)
	}
	if err := stays.ping(); err != nil {
		t.Errorf("during the stop: %v", err)
	}
	if r.failed(t) != 0 {
		t.Error("the metric says that the file is bad")
	}
	stays.disconnect(t)
	if code := r.exitCode(t); code != 0 {
		t.Errorf("exit code %d", code)
	}
}
