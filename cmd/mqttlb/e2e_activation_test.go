package main_test

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"mqttlb/proxy/proxytest"
)

// socketUnit holds the sockets that a service manager opens for its service.
type socketUnit struct {
	names []string
	files []*os.File
}

// add adds a socket. The test keeps it, as a service manager does.
func (u *socketUnit) add(t *testing.T, name string, of interface{ File() (*os.File, error) }) {
	t.Helper()
	f, err := of.File()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	u.names, u.files = append(u.names, name), append(u.files, f)
}

// run starts mqttlb with the sockets.
func (u *socketUnit) run(t *testing.T, r *reloadee) {
	t.Helper()
	before := fmt.Sprintf("export LISTEN_PID=$$ LISTEN_FDS=%d LISTEN_FDNAMES=%s", len(u.files), strings.Join(u.names, ":"))
	cmd := command(t, before, "serve", "-c", r.config)
	cmd.ExtraFiles = u.files
	r.startCommand(t, cmd)
}

// listenTCP is a listener of a service manager, on a port of its own.
func listenTCP(t *testing.T) *net.TCPListener {
	t.Helper()
	ln, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	return ln
}

func TestSocketsOfTheServiceManagerAreUsed(t *testing.T) {
	t.Parallel()
	broker := startMosquitto(t, "a")
	r := newReloadee(t, nodes(broker))
	mqtt, admin, stray := listenTCP(t), listenTCP(t), listenTCP(t)
	socket, err := net.ListenUnix("unix", &net.UnixAddr{Net: "unix", Name: r.socket()})
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	var unit socketUnit
	unit.add(t, "", mqtt) // by its address
	unit.add(t, "admin.address", admin)
	unit.add(t, "stray", stray)
	unit.add(t, "admin.socket", socket)
	r.addrs["mqtt"] = mqtt.Addr().String()
	r.admin = `address: "127.0.0.1:1", socket: DIR/socket` // by its name: nobody may bind that port
	r.put(t)
	r.addrs["admin"] = admin.Addr().String()

	early := dialWire(t, r.addrs["mqtt"], "") // the service is not running yet
	unit.run(t, r)
	r.waitReady(t)
	if code, err := early.connect(4, "early"); err != nil || code != 0 {
		t.Fatalf("a client that has waited: %d, %v", code, err)
	}
	r.waitFor(t, `"level":"WARN"`, "an inherited socket is closed", stray.Addr().String(), "stray")
	r.logs = "level: debug, format: json"
	r.put(t)
	r.mustReload(t) // over the socket
	join(t, r.addrs["mqtt"], "", 4, "after a reload").disconnect(t)
	if err := early.ping(); err != nil {
		t.Error(err)
	}
	early.disconnect(t)
	r.signal(t, syscall.SIGTERM)
	if code := r.exitCode(t); code != 0 {
		t.Errorf("exit code %d", code)
	}
	if _, err := os.Lstat(r.socket()); err != nil {
		t.Errorf("the socket of the service manager was removed: %v", err)
	}

	// A restart refuses nobody.
	between := dialWire(t, r.addrs["mqtt"], "")
	unit.run(t, r)
	if code, err := between.connect(4, "between"); err != nil || code != 0 {
		t.Errorf("a client that came between: %d, %v", code, err)
	}
}

func TestServeDoesWithoutSocketsOfOthers(t *testing.T) {
	t.Parallel()
	r := newReloadee(t, nowhere)
	r.startWith(t, "export LISTEN_PID=1 LISTEN_FDS=1 LISTEN_FDNAMES=mqtt", "serve", "-c", r.config)
	r.waitReady(t)
	if lines := r.said(`"level":"WARN"`, "inherited"); len(lines) > 0 {
		t.Errorf("it says %s", lines)
	}
}

func TestServeNamesInheritedDescriptorsOfTheWrongKind(t *testing.T) {
	t.Parallel()
	udp, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer udp.Close()
	var unit socketUnit
	unit.add(t, "mqtt", udp)
	r := newReloadee(t, nowhere)
	unit.run(t, r)
	if code := r.exitCode(t); code != 78 {
		t.Errorf("exit code %d", code)
	}
	r.waitFor(t, `"level":"ERROR"`, "inherited descriptor 3", "mqtt", "no stream socket", "ListenStream=")
}

// A Unix socket of the service manager belongs to it: a listener there leaves the path alone.
func TestAUnixSocketOfTheServiceManagerServesClients(t *testing.T) {
	t.Parallel()
	broker := startMosquitto(t, "a")
	r := newReloadee(t, nodes(broker))
	path := filepath.Join(r.dir, "mqtt.sock")
	theirs, err := net.ListenUnix("unix", &net.UnixAddr{Net: "unix", Name: path})
	if err != nil {
		t.Fatal(err)
	}
	defer theirs.Close()
	var unit socketUnit
	unit.add(t, "mqtt.sock", theirs)
	r.addrs["mqtt"] = "unix:" + path
	r.put(t)
	unit.run(t, r)
	r.waitReady(t)
	conn, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	w := &wire{Conn: conn, in: bufio.NewReader(conn)}
	if err := w.open(4, "over the path"); err != nil {
		t.Fatal(err)
	}
	w.disconnect(t)
	r.signal(t, syscall.SIGTERM)
	r.exitCode(t)
	if _, err := os.Lstat(path); err != nil {
		t.Errorf("the path was removed: %v", err)
	}
	if code := r.healthz(); code == http.StatusOK {
		t.Error("it still answers")
	}
}

// systemd-socket-activate does what systemd does with a socket unit: it starts the service for the first client.
func TestSystemdStartsTheServiceForAClient(t *testing.T) {
	t.Parallel()
	activate := proxytest.Program(t, "systemd-socket-activate")
	broker := startMosquitto(t, "a")
	r := newReloadee(t, nodes(broker))
	cmd := exec.Command(activate, "--listen="+r.addrs["mqtt"], "--fdname=mqtt", builtBinary(t), "serve", "-c", r.config)
	cmd.Env = os.Environ()
	r.startCommand(t, cmd)
	r.waitFor(t, "Listening on", r.addrs["mqtt"])
	join(t, r.addrs["mqtt"], "", 5, "first").disconnect(t)
	if lines := r.said(`"level":"WARN"`, "inherited"); len(lines) > 0 {
		t.Errorf("it says %s", lines)
	}
	r.signal(t, syscall.SIGTERM)
	if code := r.exitCode(t); code != 0 {
		t.Errorf("exit code %d", code)
	}
}
