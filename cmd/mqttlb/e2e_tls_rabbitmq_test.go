package main_test

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// RabbitMQ takes what it lists of a TLS client from the PROXY header, since it sees plain TCP. Its list for MQTT has no
// certificate; TestProxyHeaderTellsOfTheClientsTLS in package proxy tests that.
func TestRabbitMQSeesTheClientsTLS(t *testing.T) {
	t.Parallel()
	rabbit := startRabbitMQ(t)
	l := newLab(t, "device-1")
	b := serve(t, `
listeners:
  - {name: mqtts, address: "${mqtts}", protocol: mqtt, pool: rabbit, tls: `+l.asking()+`}
pools:
  - name: rabbit
    proxy_protocol: v2
    nodes:
      - {name: rabbit, address: "`+rabbit.addr+`"}
`)
	c := pahoClientV3(t, "ssl://"+b.addrs["mqtts"], "rabbit-tls", l.client(t, "device-1"))
	var listed string
	eventually(t, "RabbitMQ lists the client", func() bool {
		cmd := exec.Command(filepath.Join(rabbitBin, "rabbitmqctl"), "-q", "-n", rabbit.node(), "list_mqtt_connections",
			"client_id", "ssl", "ssl_protocol", "ssl_cipher")
		cmd.Env = rabbit.env(t)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("rabbitmqctl: %v\n%s", err, out)
		}
		for line := range strings.Lines(string(out)) {
			if strings.HasPrefix(line, "rabbit-tls\t") {
				listed = strings.TrimSpace(line)
			}
		}
		return listed != ""
	})
	if want := "rabbit-tls\ttrue\ttlsv1.3\t"; !strings.HasPrefix(listed, want) || !strings.Contains(listed, "aes_") {
		t.Errorf("RabbitMQ lists %q, want %q and the cipher", listed, want)
	}
	c.disconnect(t)
}
