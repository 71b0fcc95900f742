package main_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	v3 "github.com/eclipse/paho.mqtt.golang/packets"

	"mqttlb/proxy/proxytest"
)

// busyForMetrics runs a balancer with listeners of every protocol and sessions of every version, so
// that most metrics have values other than zero.
func busyForMetrics(t *testing.T) *balancer {
	t.Helper()
	l := newLab(t)
	tcp, ws := startWSMosquittos(t, 2)
	b := serve(t, fmt.Sprintf(`
listeners:
  - {name: mqtt, address: "${mqtt}", protocol: mqtt, pool: brokers}
  - {name: mqtts, address: "${mqtts}", protocol: mqtt, pool: brokers, tls: %s}
  - {name: ws, address: "${ws}", protocol: ws, pool: brokers-ws}
  - {name: tcp, address: "${tcp}", protocol: tcp, pool: brokers}
  - {name: http, address: "${http}", protocol: http, pool: web, routes: [{path: /mqtt, protocol: ws, pool: brokers-ws}]}
`, l.tls())+poolsOfBoth(tcp, ws)+`
  - {name: web, protocol: http, health: {probe: none}, nodes: [{name: w, address: "127.0.0.1:1", weight: 3, max_connections: 7}]}
`)
	for _, version := range []byte{3, 4, 5} {
		join(t, b.addrs["mqtt"], "", version, fmt.Sprint("tcp-", version))
		joinWS(t, b.addrs["ws"], "", version, fmt.Sprint("ws-", version))
		w, err := secureWire(t, b.addrs["mqtts"], l.client(t, ""))
		if err != nil {
			t.Fatal(err)
		}
		if err := w.open(version, fmt.Sprint("tls-", version)); err != nil {
			t.Fatal(err)
		}
	}
	join(t, b.addrs["tcp"], "", 4, "opaque")
	echo := join(t, b.addrs["mqtt"], "", 4, "echo")
	echo.subscribe(t, "echo")
	p := v3.NewControlPacket(v3.Publish).(*v3.PublishPacket)
	p.TopicName, p.Payload = "echo", []byte("hello")
	if err := p.Write(echo); err != nil {
		t.Fatal(err)
	}
	echo.publishPacket(t)
	refused(t, b.addrs["mqtt"], 9, "of a version that does not exist", 0x84)
	if resp, err := http.Get("http://" + b.addrs["http"]); err != nil {
		t.Fatal(err)
	} else if resp.Body.Close(); resp.StatusCode != http.StatusBadGateway {
		t.Fatalf("a node that refuses: %s", resp.Status)
	}
	return b
}

// Prometheus' own linter finds nothing in the metrics of the running binary: names, units, types, help.
func TestPromtoolFindsNothingWrongWithTheMetrics(t *testing.T) {
	t.Parallel()
	promtool := proxytest.Program(t, "promtool")
	b := busyForMetrics(t)
	resp, err := http.Get("http://" + b.addrs["admin"] + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	page, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if n := bytes.Count(page, []byte("\n# TYPE mqttlb_")); n < 30 {
		t.Fatalf("%d metrics of mqttlb's own are there", n)
	}
	check := exec.CommandContext(t.Context(), promtool, "check", "metrics")
	check.Stdin = bytes.NewReader(page)
	if out, err := check.CombinedOutput(); err != nil || len(bytes.TrimSpace(out)) > 0 {
		t.Errorf("promtool check metrics: %v\n%s", err, out)
	}
}

// prometheus is Debian's Prometheus, which scrapes one balancer every second.
type prometheus struct{ addr string }

func startPrometheus(t *testing.T, b *balancer) *prometheus {
	t.Helper()
	program := proxytest.Program(t, "prometheus")
	p, dir := &prometheus{addr: proxytest.FreeAddr(t, "127.0.0.1")}, t.TempDir()
	config := filepath.Join(dir, "prometheus.yml")
	text := fmt.Sprintf(`
global: {scrape_interval: 1s}
scrape_configs:
  - job_name: mqttlb
    static_configs: [{targets: [%q]}]
`, b.addrs["admin"])
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	run := start(t, "prometheus", exec.Command(program, "--config.file="+config,
		"--storage.tsdb.path="+filepath.Join(dir, "data"), "--web.listen-address="+p.addr))
	run.waitFor(t, "Server is ready to receive web requests")
	return p
}

// query asks for the sum of a series, and whether it has one.
func (p *prometheus) query(t *testing.T, query string) (v float64, ok bool) {
	t.Helper()
	client := &http.Client{Timeout: patience}
	resp, err := client.Get("http://" + p.addr + "/api/v1/query?query=" + url.QueryEscape(query))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var answer struct {
		Status, Error string
		Data          struct {
			Result []struct{ Value [2]any }
		}
	}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		t.Fatal(err)
	}
	if answer.Status != "success" {
		t.Fatalf("%s: %s", query, answer.Error)
	}
	if len(answer.Data.Result) != 1 {
		return 0, false
	}
	text, _ := answer.Data.Result[0].Value[1].(string)
	if v, err = strconv.ParseFloat(text, 64); err != nil {
		t.Fatal(err)
	}
	return v, true
}

// Debian's Prometheus takes the metrics as they are, and answers with what the balancer has counted.
func TestPrometheusScrapesTheRunningBinary(t *testing.T) {
	t.Parallel()
	b := busyForMetrics(t)
	p := startPrometheus(t, b)
	for query, want := range map[string]float64{
		`up`:                                     1,
		`sum(mqttlb_sessions_open)`:              11,
		`sum(mqttlb_sessions_open{version="5"})`: 3,
		`sum(mqttlb_sessions_open{protocol="tcp",version="unknown"})`:       1,
		`sum(mqttlb_connections_open{listener="mqtts"})`:                    3,
		`sum(mqttlb_tls_sessions_total{version="TLSv1.3",resumed="false"})`: 3,
		`sum(mqttlb_tls_handshake_seconds_count)`:                           3,
		`sum(mqttlb_node_connacks_total{code="0x00"})`:                      10,
		`sum(mqttlb_time_to_connack_seconds_bucket{le="+Inf"})`:             10,
		`sum(mqttlb_publishes_total{qos="0",direction="received"})`:         1,
		`sum(mqttlb_publishes_total{qos="0",direction="sent"})`:             1,
		`sum(mqttlb_packets_total{listener="mqtt",direction="received"})`:   4 + 2, // CONNECT, SUBSCRIBE, PUBLISH
		`sum(mqttlb_refusals_total{reason="unsupported_version"})`:          1,
		`sum(mqttlb_http_answers_total{status="502"})`:                      1,
		`sum(mqttlb_node_state{pool="brokers",state="up"})`:                 2,
		`mqttlb_node_max_connections{node="w"}`:                             7,
		`mqttlb_config_reload_failed`:                                       0,
		`sum(scrape_samples_scraped) > bool 500`:                            1,
		`sum(mqttlb_source_ports_used) < bool sum(mqttlb_source_ports_max)`: 1,
		`min(increase(mqttlb_loop_lag_seconds_count[1m])) > bool 0`:         1,
	} {
		var got float64
		var ok bool
		eventually(t, query, func() bool {
			got, ok = p.query(t, query)
			return ok && got == want
		})
	}
	// A counter that a client moves is seen to move.
	before, _ := p.query(t, `mqttlb_connections_accepted_total{listener="mqtt"}`)
	join(t, b.addrs["mqtt"], "", 5, "one more")
	eventually(t, "the new connection is counted", func() bool {
		after, _ := p.query(t, `mqttlb_connections_accepted_total{listener="mqtt"}`)
		return after == before+1
	})
	if up, _ := p.query(t, `min_over_time(up[10m])`); up != 1 {
		t.Error("a scrape has failed")
	}
}
