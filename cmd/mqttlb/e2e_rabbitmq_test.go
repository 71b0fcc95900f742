package main_test

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"mqttlb/proxy/proxytest"
)

// rabbit is the RabbitMQ that all tests share, nil before the first needs it.
var (
	rabbitOnce sync.Once
	rabbit     *rabbitmq
)

// rabbitmq is a node whose ports, name and epmd differ from those of an installed
// RabbitMQ. Its MQTT listeners require a PROXY header. The TLS listener also requires
// the certificate of the lab's client "balancer".
type rabbitmq struct {
	cmd      *exec.Cmd
	addr     string // MQTT
	secure   string // MQTT over TLS
	lab      lab
	dir      string
	epmdPort string
}

// rabbitBin holds the programs. The scripts in /usr/sbin change to the user rabbitmq,
// which may not read our directory.
const rabbitBin = "/usr/lib/rabbitmq/bin"

// startRabbitMQ returns the shared node. It starts the node on the first call.
func startRabbitMQ(t *testing.T) *rabbitmq {
	t.Helper()
	server := proxytest.Program(t, filepath.Join(rabbitBin, "rabbitmq-server"))
	rabbitOnce.Do(func() {
		r := &rabbitmq{addr: proxytest.FreeAddr(t, "127.0.0.1"), secure: proxytest.FreeAddr(t, "127.0.0.1"), dir: filepath.Join(workDir, "rabbitmq")}
		_, r.epmdPort, _ = net.SplitHostPort(proxytest.FreeAddr(t, "127.0.0.1"))
		if err := r.start(t, server); err != nil {
			t.Errorf("RabbitMQ: %v", err)
			return
		}
		rabbit = r
	})
	if rabbit == nil {
		t.Fatal("RabbitMQ has not started")
	}
	return rabbit
}

func (r *rabbitmq) start(t *testing.T, server string) error {
	r.lab = newLabIn(t, filepath.Join(r.dir, "lab"), "balancer")
	files := map[string]string{
		"enabled_plugins": "[rabbitmq_mqtt].\n",
		"rabbitmq.conf": strings.Join([]string{
			"listeners.tcp = none",
			"mqtt.listeners.tcp.1 = " + r.addr,
			"mqtt.listeners.ssl.1 = " + r.secure,
			"ssl_options.cacertfile = " + r.lab.file("ca.pem"),
			"ssl_options.certfile = " + r.lab.file("server.pem"),
			"ssl_options.keyfile = " + r.lab.file("server.key"),
			"ssl_options.verify = verify_peer",
			"ssl_options.fail_if_no_peer_cert = true",
			"mqtt.proxy_protocol = true",
			"mqtt.allow_anonymous = true",
			"loopback_users = none",
			"log.console = true",
			"log.file = false",
		}, "\n") + "\n",
	}
	if err := os.MkdirAll(r.dir, 0o700); err != nil {
		return err
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(r.dir, name), []byte(text), 0o600); err != nil {
			return err
		}
	}
	log, err := os.Create(filepath.Join(r.dir, "console"))
	if err != nil {
		return err
	}
	defer log.Close()
	r.cmd = exec.Command(server)
	r.cmd.Env = r.env(t)
	r.cmd.Stdout, r.cmd.Stderr = log, log
	r.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // one group for the shell, the node and its children
	if err := r.cmd.Start(); err != nil {
		return err
	}
	exited := make(chan struct{})
	go func() { // ends with the node
		r.cmd.Wait()
		close(exited)
	}()
	eventually(t, "RabbitMQ has started", func() bool {
		said, _ := os.ReadFile(log.Name())
		select {
		case <-exited:
			err = fmt.Errorf("ended: %v\n%s", r.cmd.ProcessState, said)
			return true
		default:
			return strings.Contains(string(said), "Server startup complete")
		}
	})
	return err
}

// env is the environment of the node and of the commands that ask it.
func (r *rabbitmq) env(t *testing.T) []string {
	_, distPort, _ := net.SplitHostPort(proxytest.FreeAddr(t, "127.0.0.1"))
	file := func(name string) string { return filepath.Join(r.dir, name) }
	return append(os.Environ(),
		"HOME="+r.dir, // the Erlang cookie is there
		"ERL_EPMD_ADDRESS=127.0.0.1",
		"ERL_EPMD_PORT="+r.epmdPort,
		"ERL_EPMD_RELAXED_COMMAND_CHECK=1", // lets epmd -kill work before epmd has noticed the end of the node
		"RABBITMQ_NODENAME="+r.node(),
		"RABBITMQ_DIST_PORT="+distPort,
		"RABBITMQ_CONF_ENV_FILE="+file("none"),
		"RABBITMQ_CONFIG_FILE="+file("rabbitmq.conf"),
		"RABBITMQ_ENABLED_PLUGINS_FILE="+file("enabled_plugins"),
		"RABBITMQ_MNESIA_BASE="+file("mnesia"),
		"RABBITMQ_LOG_BASE="+file("log"),
		"RABBITMQ_PID_FILE="+file("pid"),
		"RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS=+S 1:1", // one scheduler: the load is small, and other tests need the cores
	)
}

func (r *rabbitmq) node() string { return "mqttlb-e2e-" + r.epmdPort + "@localhost" }

// connections is the broker's own list of MQTT connections, a line for each:
// the client's identifier, address and port, separated by tabs.
func (r *rabbitmq) connections(t *testing.T) string {
	t.Helper()
	cmd := exec.Command(filepath.Join(rabbitBin, "rabbitmqctl"), "-q", "-n", r.node(), "list_mqtt_connections", "client_id", "peer_host", "peer_port")
	cmd.Env = r.env(t)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("rabbitmqctl: %v\n%s", err, out)
	}
	return string(out)
}

// waitFor waits until the broker lists a client with this address and port.
func (r *rabbitmq) waitFor(t *testing.T, clientID, host, port string) {
	t.Helper()
	want := netip.MustParseAddr(host)
	eventually(t, fmt.Sprintf("RabbitMQ lists %s from %s port %s", clientID, host, port), func() bool {
		for line := range strings.Lines(r.connections(t)) {
			fields := strings.Split(strings.TrimSpace(line), "\t")
			if len(fields) != 3 || fields[0] != clientID {
				continue
			}
			got, err := netip.ParseAddr(fields[1])
			if err != nil || got.Unmap() != want || fields[2] != port {
				t.Fatalf("RabbitMQ lists %s from %s port %s, want %s port %s", clientID, fields[1], fields[2], host, port)
			}
			return true
		}
		return false
	})
}

// stopRabbitMQ ends the shared node and its port mapper, which would otherwise go on.
func stopRabbitMQ() {
	if rabbit == nil {
		return
	}
	syscall.Kill(-rabbit.cmd.Process.Pid, syscall.SIGKILL)
	out, _ := exec.Command("epmd", "-port", rabbit.epmdPort, "-kill").CombinedOutput()
	if strings.TrimSpace(string(out)) != "Killed" {
		fmt.Fprintf(os.Stderr, "epmd on port %s: %s", rabbit.epmdPort, out)
	}
}
