package main_test

import (
	"fmt"
	"os"
	"syscall"
	"testing"
)

// SIGHUP reads the CA file of a pool again, and keeps the old CAs if the file is bad.
// Sessions stay. TLS sessions from before are not resumed under new CAs.
func TestTheCAOfAPoolIsReadAgain(t *testing.T) {
	t.Parallel()
	l, other := newLab(t), newLab(t)
	broker := startTLSMosquitto(t, "a", l)
	ca := l.file("nodes-ca.pem")
	put := func(text []byte) {
		t.Helper()
		if err := os.WriteFile(ca+".new", text, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(ca+".new", ca); err != nil {
			t.Fatal(err)
		}
	}
	read := func(of lab) []byte {
		t.Helper()
		text, err := os.ReadFile(of.file("ca.pem"))
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	right, wrong := read(l), read(other)
	put(right)
	b := serve(t, `
listeners:
  - {name: mqtt, address: "${mqtt}", protocol: mqtt, pool: brokers}
pools:
  - name: brokers
    health: {probe: none}
    tls: {ca: "`+ca+`"}
    nodes:
`+nodes(broker.mqtts))
	visits := 0
	visit := func() byte {
		t.Helper()
		visits++
		w := dialWire(t, b.addrs["mqtt"], "")
		defer w.Close()
		code, err := w.connect(5, fmt.Sprint("visitor-", visits))
		if err != nil {
			t.Fatal(err)
		}
		return code
	}
	handshakes := func(result string) float64 {
		return b.metrics(t).sum(t, "mqttlb_node_tls_handshakes_total", `pool="brokers"`, fmt.Sprintf("result=%q", result))
	}
	broken := func() float64 {
		return b.metrics(t).sum(t, "mqttlb_node_tls_file_broken", `pool="brokers"`, fmt.Sprintf("file=%q", ca))
	}
	stays := join(t, b.addrs["mqtt"], "", 4, "stays")
	for range 3 {
		if code := visit(); code != 0 {
			t.Fatalf("code 0x%02x", code)
		}
	}
	resumed := b.metrics(t).sum(t, "mqttlb_node_tls_sessions_total", `pool="brokers"`, `resumed="true"`)
	if done := handshakes("done"); done != 4 || resumed == 0 {
		t.Errorf("%v handshakes are done and %v of them resumed, want 4 and some", done, resumed)
	}

	put(wrong)
	b.signal(t, syscall.SIGHUP)
	eventually(t, "the node is believed no more", func() bool { return visit() == 0x88 })
	b.waitFor(t, `"outcome":"dial_failed"`, `"error":"node a: TLS: certificate signed by unknown authority`)
	if failed := handshakes("failed"); failed == 0 {
		t.Error("no handshake has failed")
	}

	put(right)
	b.signal(t, syscall.SIGHUP)
	eventually(t, "the node is believed again", func() bool { return visit() == 0 })

	put([]byte("torn"))
	b.signal(t, syscall.SIGHUP)
	eventually(t, "the metrics have the broken file", func() bool { return broken() == 1 })
	b.waitFor(t, `"level":"ERROR"`, `pools[0].tls.ca: pool \"brokers\": `, ca)
	if code := visit(); code != 0 {
		t.Errorf("with a broken file of CAs: code 0x%02x, want the last good one to stay", code)
	}
	put(right) // without a signal: the watch must see it
	eventually(t, "the file is whole again", func() bool { return broken() == 0 })
	b.waitFor(t, `"msg":"TLS file reloaded"`, `"pool":"brokers"`, `"kind":"ca"`, `"names":"CN=`)
	if err := stays.ping(); err != nil {
		t.Errorf("a session from before: %v", err)
	}
}
