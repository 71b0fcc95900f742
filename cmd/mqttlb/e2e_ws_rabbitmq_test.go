package main_test

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"mqttlb/proxy/proxytest"
)

// webRabbit is the HTTP side of the shared RabbitMQ: MQTT over WebSocket at /ws, which
// requires a PROXY header, and the management. Both start when the first test needs
// them.
type webRabbit struct {
	*rabbitmq
	mqtt, management string // addresses
}

var (
	webRabbitOnce sync.Once
	webRabbitNode *webRabbit
)

func startWebRabbit(t *testing.T) *webRabbit {
	t.Helper()
	r := &webRabbit{rabbitmq: startRabbitMQ(t)}
	webRabbitOnce.Do(func() {
		r.mqtt, r.management = proxytest.FreeAddr(t, "127.0.0.1"), proxytest.FreeAddr(t, "127.0.0.1")
		_, mqtt, _ := net.SplitHostPort(r.mqtt)
		_, management, _ := net.SplitHostPort(r.management)
		const set = `application:set_env(%s, %s, %s, [{persistent, true}]),`
		r.run(t, "rabbitmqctl", "eval", fmt.Sprintf(set+set+set+"ok.",
			"rabbitmq_web_mqtt", "tcp_config", `[{ip, "127.0.0.1"}, {port, `+mqtt+`}]`,
			"rabbitmq_web_mqtt", "proxy_protocol", "true",
			"rabbitmq_management", "tcp_config", `[{ip, "127.0.0.1"}, {port, `+management+`}]`))
		r.run(t, "rabbitmq-plugins", "enable", "--online", "rabbitmq_web_mqtt", "rabbitmq_management")
		webRabbitNode = r
	})
	if webRabbitNode == nil {
		t.Fatal("RabbitMQ serves nothing over HTTP")
	}
	return webRabbitNode
}

// run runs one of RabbitMQ's commands on the node.
func (r *webRabbit) run(t *testing.T, command string, args ...string) {
	t.Helper()
	cmd := exec.Command(filepath.Join(rabbitBin, command), append([]string{"-q", "-n", r.node()}, args...)...)
	cmd.Env = r.env(t)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s %v: %v\n%s", command, args, err, out)
	}
}

// waitFor waits until the node lists a client, and returns the address and port in that
// list.
func (r *webRabbit) waitFor(t *testing.T, clientID string) (address string) {
	t.Helper()
	eventually(t, "RabbitMQ lists "+clientID, func() bool {
		req, err := http.NewRequest(http.MethodGet, "http://"+r.management+"/api/connections", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		req.SetBasicAuth("guest", "guest")
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			return false
		}
		defer resp.Body.Close()
		var list []struct {
			Protocol    string `json:"protocol"`
			PeerHost    string `json:"peer_host"`
			PeerPort    int    `json:"peer_port"`
			VariableMap struct {
				ClientID string `json:"client_id"`
			} `json:"variable_map"`
		}
		if err := json.NewDecoder(resp.Body).Decode(&list); err != nil {
			t.Fatalf("the list of RabbitMQ: %s, %v", resp.Status, err)
		}
		for _, c := range list {
			if c.VariableMap.ClientID == clientID {
				address = net.JoinHostPort(c.PeerHost, fmt.Sprint(c.PeerPort))
				return true
			}
		}
		return false
	})
	return address
}
