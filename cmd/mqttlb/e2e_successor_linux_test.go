package main_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// successor is a second process with the configuration of the first.
func (r *reloadee) successor() *reloadee {
	s := *r
	b := *r.balancer
	s.balancer = &b
	return &s
}

// askSocket asks a path of the admin API at a Unix socket.
func askSocket(socket, path string) (body string, err error) {
	client := http.Client{Timeout: patience, Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(context.Context, string, string) (net.Conn, error) {
			return net.Dial("unix", socket)
		},
	}}
	response, err := client.Get("http://mqttlb" + path)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	b, err := io.ReadAll(response.Body)
	return string(b), err
}

// openSessions is the number of sessions in the metrics at a Unix socket.
func openSessions(t *testing.T, socket string) (n int) {
	t.Helper()
	body, err := askSocket(socket, "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(body) {
		if name, value, _ := strings.Cut(line, " "); strings.HasPrefix(name, "mqttlb_sessions_open{") {
			var v int
			fmt.Sscan(value, &v)
			n += v
		}
	}
	return n
}

// isolated is the part of a process's attributes that make it the first process of a container, with
// the process ID 1.
var isolated = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWPID}

func TestASuccessorStartsBesideAPredecessorThatStops(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name       string
		attributes *syscall.SysProcAttr
	}{{"processes", nil}, {"containers", isolated}} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if c.attributes != nil && os.Getuid() != 0 {
				t.Skip("needs root for processes with the process ID 1")
			}
			broker := startMosquitto(t, "a")
			old := newReloadee(t, nodes(broker))
			old.more = "timeouts: {shutdown: 1h}\n"
			// a listener at a path beside the TCP listener
			paths := filepath.Join(old.dir, "mqtt.sock")
			text := strings.Replace(old.text(), "\npools:", "\n  - {name: path, address: \"unix:"+paths+"\", protocol: mqtt, pool: brokers}\npools:", 1)
			old.write(t, "127.0.0.1", text)
			run := func(r *reloadee) {
				t.Helper()
				cmd := command(t, "", "serve", "-c", r.config)
				cmd.SysProcAttr = c.attributes
				r.startCommand(t, cmd)
			}
			run(old)
			old.waitReady(t)
			pid := old.cmd.Process.Pid
			if c.attributes != nil {
				pid = 1
			}
			stays := join(t, old.addrs["mqtt"], "", 5, "stays")
			old.signal(t, syscall.SIGTERM)
			old.waitFor(t, `"msg":"stopping"`)

			next := old.successor()
			run(next)
			next.waitFor(t, `"msg":"listening"`, "mqtt.sock")
			next.waitReady(t)
			comes := join(t, next.addrs["mqtt"], "", 5, "comes")
			over, err := net.Dial("unix", paths)
			if err != nil {
				t.Fatal(err)
			}
			defer over.Close()
			for _, w := range []*wire{stays, comes} {
				if err := w.ping(); err != nil {
					t.Fatal(err)
				}
			}
			next.mustReload(t)
			next.waitFor(t, `"msg":"audit"`, `"action":"reload"`)

			beside := filepath.Join(old.dir, fmt.Sprintf("mqttlb-%d.sock", pid))
			old.waitFor(t, "a successor has taken the admin addresses", beside)
			old.waitFor(t, `"msg":"audit"`, `"action":"yield"`, `"who":"socket"`)
			if n := openSessions(t, beside); n != 1 {
				t.Errorf("the old one has %d sessions open", n)
			}
			if n := openSessions(t, next.socket()); n != 1 {
				t.Errorf("the new one has %d sessions open", n)
			}
			if n := next.metrics(t).sum(t, "mqttlb_sessions_open"); n != 1 {
				t.Errorf("at admin.address are %v sessions", n)
			}
			if out, code := mqttlb(t, "reload", "--socket", beside); code != 1 || !strings.Contains(out, "stopping") {
				t.Errorf("a reload of the old one: exit code %d, %s", code, out)
			}

			stays.disconnect(t)
			if code := old.exitCode(t); code != 0 {
				t.Errorf("exit code %d", code)
			}
			if _, err := os.Lstat(beside); !os.IsNotExist(err) {
				t.Errorf("the old socket is left: %v", err)
			}
			next.mustReload(t) // the old one has left the paths of the new one alone
			if conn, err := net.Dial("unix", paths); err != nil {
				t.Error(err)
			} else {
				conn.Close()
			}
			if err := comes.ping(); err != nil {
				t.Error(err)
			}
			comes.disconnect(t)
			over.Close()
			next.signal(t, syscall.SIGTERM)
			if code := next.exitCode(t); code != 0 {
				t.Errorf("exit code %d", code)
			}
		})
	}
}

// The third starts while both others stop. In containers that share a folder all have the process ID 1.
func TestPredecessorsMayBeSeveral(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		t.Skip("needs root for processes with the process ID 1")
	}
	broker := startMosquitto(t, "a")
	first := newReloadee(t, nodes(broker))
	first.more = "timeouts: {shutdown: 1h}\n"
	first.put(t)
	var all []*reloadee
	var stay []*wire
	r := first
	for i := range 3 {
		cmd := command(t, "", "serve", "-c", r.config)
		cmd.SysProcAttr = isolated
		r.startCommand(t, cmd)
		r.waitFor(t, `"msg":"listening"`)
		r.waitReady(t)
		stay = append(stay, join(t, r.addrs["mqtt"], "", 4, fmt.Sprint("stays-", i)))
		if all = append(all, r); i < 2 {
			r.signal(t, syscall.SIGTERM)
			r.waitFor(t, `"msg":"stopping"`)
			r = r.successor()
		}
	}
	for i, name := range []string{"mqttlb-1.sock", "mqttlb-1-2.sock", "socket"} {
		if n := openSessions(t, filepath.Join(r.dir, name)); n != 1 {
			t.Errorf("process %d has %d sessions open", i+1, n)
		}
	}
	for i, w := range stay[:2] {
		w.disconnect(t)
		if code := all[i].exitCode(t); code != 0 {
			t.Errorf("exit code %d", code)
		}
	}
	r.mustReload(t)
}

func TestAPredecessorThatDoesNotStopKeepsItsAddresses(t *testing.T) {
	t.Parallel()
	r := serveReloadable(t, nowhere)
	who := fmt.Sprintf("process ID %d", r.cmd.Process.Pid)
	for _, admin := range []string{`address: "${admin}", socket: DIR/socket`, `address: off, socket: DIR/socket`} {
		second := newReloadee(t, nowhere)
		second.addrs["admin"], second.dir = r.addrs["admin"], r.dir
		second.admin = admin
		second.put(t)
		out, code := mqttlb(t, "serve", "-c", second.config)
		for _, part := range []string{"address already in use", who, "keeps its addresses: it is not stopping\""} {
			if code != 1 || !strings.Contains(out, part) {
				t.Errorf("%s: exit code %d, without %q: %s", admin, code, part, out)
			}
		}
	}
	// The clients' address alone.
	second := newReloadee(t, nowhere)
	second.addrs["mqtt"], second.dir = r.addrs["mqtt"], r.dir
	second.admin = "address: off, socket: off"
	second.put(t)
	if out, code := mqttlb(t, "serve", "-c", second.config); code != 1 || !strings.Contains(out, r.addrs["mqtt"]) || !strings.Contains(out, "address already in use") {
		t.Errorf("exit code %d, %s", code, out)
	}
	r.mustReload(t)
	if r.healthz() != http.StatusOK || len(r.said("yield")) > 0 {
		t.Error("it has given something up")
	}
}

// Without its admin socket a predecessor cannot be asked: the successor serves without admin.address.
func TestASuccessorWaitsForTheAdminAddressOfAPredecessorWithoutASocket(t *testing.T) {
	t.Parallel()
	broker := startMosquitto(t, "a")
	old := newReloadee(t, nodes(broker))
	old.more = "timeouts: {shutdown: 1h}\n"
	old.admin = `address: "${admin}", socket: off`
	old.put(t)
	old.run(t)
	stays := join(t, old.addrs["mqtt"], "", 4, "stays")
	old.signal(t, syscall.SIGTERM)
	old.waitFor(t, `"msg":"stopping"`)

	next := old.successor()
	next.startWith(t, "", "serve", "-c", next.config)
	next.waitFor(t, `"level":"WARN"`, "a mqttlb that stops has the admin address", old.addrs["admin"])
	next.waitFor(t, `"msg":"listening"`)
	join(t, next.addrs["mqtt"], "", 4, "comes").disconnect(t)
	next.logs = "level: debug, format: json"
	next.put(t)
	next.signal(t, syscall.SIGHUP) // a reload does not need the address
	next.waitFor(t, `"msg":"audit"`, `"result":"done"`)
	if code, _ := next.readyz(); code != http.StatusServiceUnavailable {
		t.Errorf("/readyz of the old one: %d", code)
	}
	if err := stays.ping(); err != nil {
		t.Error(err)
	}
	stays.disconnect(t)
	old.exitCode(t)
	next.waitReady(t)
}
