package admin

import (
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/promhttp"
)

func TestEveryCountIsUnderItsOwnLabels(t *testing.T) {
	w := httptest.NewRecorder()
	promhttp.HandlerFor(newRegistry(everything(t)), promhttp.HandlerOpts{}).ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	const flow = `listener="mqtts",node="a",pool="p"`
	for _, line := range []string{
		`mqttlb_sessions_open{listener="mqtts",node="a",pool="p",protocol="mqtt",version="5"} 1`,
		`mqttlb_sessions_open{listener="mqtts",node="a",pool="p",protocol="mqtt",version="3.1.1"} 0`,
		`mqttlb_sessions_total{` + flow + `} 2`,
		`mqttlb_dial_errors_total{` + flow + `} 5`,
		`mqttlb_node_addresses_passed_over_total{` + flow + `} 6`,
		`mqttlb_node_address_up{address="10.0.0.1:1883",node="a",pool="p"} 1`,
		`mqttlb_node_address_up{address="10.0.0.2:1883",node="a",pool="p"} 0`,
		`mqttlb_bytes_total{direction="received",` + flow + `} 3`,
		`mqttlb_bytes_total{direction="sent",` + flow + `} 4`,
		`mqttlb_packets_total{direction="received",` + flow + `} 10`,
		`mqttlb_packets_total{direction="sent",` + flow + `} 20`,
		`mqttlb_publishes_total{direction="received",` + flow + `,qos="0"} 1`,
		`mqttlb_publishes_total{direction="sent",` + flow + `,qos="2"} 6`,
		`mqttlb_node_connacks_total{code="0x84",node="a",pool="p"} 1`,
		`mqttlb_confirm_retries_total{node="a",pool="p",reason="reset"} 7`,
		`mqttlb_confirm_retries_total{node="a",pool="p",reason="connack"} 0`,
		`mqttlb_node_unanswered_total{node="a",pool="p",reason="reset"} 8`,
		`mqttlb_node_unanswered_total{node="a",pool="p",reason="other"} 9`,
		`mqttlb_node_disconnects_total{code="0x8E",node="a",pool="p"} 2`,
		`mqttlb_session_duration_seconds_bucket{node="a",pool="p",le="0.5"} 1`,
		`mqttlb_session_duration_seconds_bucket{node="a",pool="p",le="1"} 3`,
		`mqttlb_session_duration_seconds_bucket{node="a",pool="p",le="+Inf"} 6`,
		`mqttlb_session_duration_seconds_sum{node="a",pool="p"} 9`,
		`mqttlb_outcomes_total{listener="mqtts",outcome="not_mqtt"} 1`,
		`mqttlb_refusals_total{listener="mqtts",reason="not_mqtt"} 1`,
		`mqttlb_connect_tolerated_total{listener="mqtts",rule="client_id_null"} 9`,
		`mqttlb_connect_tolerated_total{listener="mqtts",rule="client_id_not_utf8"} 0`,
		`mqttlb_http_answers_total{listener="mqtts",status="404"} 2`,
		`mqttlb_name_lookups_total{result="answered"} 5`,
		`mqttlb_name_lookups_total{result="empty"} 6`,
		`mqttlb_name_lookups_total{result="failed"} 7`,
		`mqttlb_name_addresses{name="good.example"} 2`,
		`mqttlb_name_addresses{name="bad.example"} 0`,
		`mqttlb_name_unresolved_seconds{name="good.example"} 0`,
		`mqttlb_node_probes_total{node="a",pool="p",result="passed"} 2`,
		`mqttlb_node_probes_total{node="a",pool="p",result="failed"} 1`,
		`mqttlb_node_outlier_seconds{node="a",pool="p"} 0`,
		`mqttlb_node_overloaded{node="a",pool="p"} 0`,
		`mqttlb_node_operator{node="a",word="draining"} 1`,
		`mqttlb_node_operator{node="a",word="enabled"} 0`,
		`mqttlb_node_weight{node="a",pool="p"} 1`,
		`mqttlb_node_weight_configured{node="a",pool="p"} 4`,
		`mqttlb_node_max_connections{node="a",pool="p"} 10`,
		`mqttlb_node_connect_rate{node="a",pool="p"} 20`,
		`mqttlb_node_sessions_waiting{node="a",pool="p"} 0`,
		`mqttlb_node_waits_total{node="a",pool="p"} 0`,
		`mqttlb_node_ramp_ratio{node="a",pool="p"} 1`,
		`mqttlb_node_drain_sessions_left{node="a"} 1`,
		`mqttlb_node_drain_sessions_told{node="a"} 2`,
		`mqttlb_node_drain_sessions_per_second{node="a"} 3`,
		`mqttlb_rebalance_sessions_found_total{pool="p"} 5`,
		`mqttlb_rebalance_sessions_moved_total{pool="p"} 6`,
		`mqttlb_rebalance_sessions_left{pool="p"} 3`,
		`mqttlb_rebalance_sessions_per_second{pool="p"} 4`,
		`mqttlb_rebalance_sessions_per_second{pool="q"} 0`,
		`mqttlb_discovery_nodes{pool="p",source="srv"} 3`,
		`mqttlb_discovery_last_answer_timestamp_seconds{pool="p",source="srv"} 1.7e+09`,
		`mqttlb_discovery_failing{pool="p",source="srv"} 1`,
		`mqttlb_discovery_empty{pool="p",source="srv"} 1`,
		`mqttlb_discovery_failures_total{pool="p",source="srv"} 5`,
		`mqttlb_discovery_changes_total{pool="p",source="srv"} 2`,
		`mqttlb_tls_handshakes_total{listener="mqtts",result="refused"} 3`,
		`mqttlb_tls_handshakes_total{listener="mqtts",result="failed"} 5`,
		`mqttlb_tls_handshakes_running{listener="mqtts"} 1`,
		`mqttlb_tls_handshakes_waiting{listener="mqtts"} 2`,
		`mqttlb_tls_sessions_total{cipher="TLS_AES_128_GCM_SHA256",listener="mqtts",resumed="true",version="TLSv1.3"} 4`,
		`mqttlb_tls_file_expiry_timestamp_seconds{file="server.pem",kind="certificate",listener="mqtts"} 1.7e+09`,
		`mqttlb_tls_file_broken{file="tickets",kind="ticket_keys",listener="mqtts"} 1`,
		`mqttlb_slow_reader_bytes 1`,
		`mqttlb_opening_memory_bytes 2`,
		`mqttlb_opening_memory_limit_bytes 3`,
		`mqttlb_loop_lag_seconds_count{loop="0"} 6`,
		`mqttlb_log_lines_dropped_total{kind="process"} 7`,
	} {
		if !strings.Contains(w.Body.String(), "\n"+line+"\n") {
			t.Errorf("there is no line %s", line)
		}
	}
}
