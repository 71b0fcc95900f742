package main_test

import (
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
)

// startRefuser starts a node that answers each CONNECT with "server busy" until the test ends.
func startRefuser(t *testing.T) (addr string) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() { // ends with ln
		defer close(done)
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			if n, _ := c.Read(make([]byte, 1024)); n > 0 { // otherwise a probe
				_, _ = c.Write([]byte("\x20\x03\x00\x89\x00"))
				_, _ = c.Read(make([]byte, 1))
			}
			_ = c.Close()
		}
	}()
	t.Cleanup(func() {
		_ = ln.Close()
		<-done
	})
	return ln.Addr().String()
}

// A client whose first node is full is on the other node, unless the configuration says otherwise.
func TestAClientWhoseNodeIsBusyIsOnTheNextOne(t *testing.T) {
	t.Parallel()
	for _, confirm := range []string{"", ", confirm: {attempts: 2}", ", confirm: off"} {
		busy, broker := startRefuser(t), startStub(t, "good", 1000, 128)
		b := serve(t, fmt.Sprintf(`
listeners: [{name: mqtt, address: "${mqtt}", pool: p}]
pools:
  - {name: p%s, nodes: [{name: busy, address: %q}, {name: good, address: %q}]}
`, confirm, busy, broker.addr))
		refused := 0
		for i := range 10 {
			c, err := net.Dial("tcp", b.addrs["mqtt"])
			if err != nil {
				t.Fatal(err)
			}
			id := fmt.Sprint("device-", i)
			if _, err := c.Write([]byte("\x10\x15\x00\x04MQTT\x05\x02\x00\x3c\x00\x00\x08" + id)); err != nil {
				t.Fatal(err)
			}
			answer := make([]byte, 5)
			if _, err := io.ReadFull(c, answer); err != nil {
				t.Fatal(err)
			}
			if answer[3] == 0x89 {
				refused++
			}
			_ = c.Close()
		}
		m := b.metrics(t)
		met := int(m.sum(t, "mqttlb_node_connacks_total", `node="busy"`, `code="0x89"`))
		went := int(m.sum(t, "mqttlb_confirm_retries_total", `node="busy"`, `reason="connack"`))
		if off := strings.Contains(confirm, "off"); met == 0 || off && (refused != met || went > 0) || !off && (refused > 0 || went != met) {
			t.Errorf("%q: of 10 clients %d met the busy node, %d went on, %d were refused", confirm, met, went, refused)
		}
	}
}
