package proxy

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"mqttlb/mqttparse"
	"mqttlb/proxy/match"
	"mqttlb/proxy/outcome"
	"mqttlb/proxy/snapshot"
)

// Each condition is asked of clients of each version, in plain text and in TLS, over TCP and over WebSocket. A client that meets it is
// told the code, counted and logged; one that does not is let in.
func TestEachConditionOfARule(t *testing.T) {
	banned := map[mqttparse.Version]string{mqttparse.V31: "\x20\x02\x00\x05", mqttparse.V311: "\x20\x02\x00\x05", mqttparse.V5: "\x20\x03\x00\x8a\x00"}
	rows := conditionRows(t)
	for _, m := range []mode{mqttToMQTT, mqttsToMQTT, wsToMQTT, wssToMQTT, httpToWS} {
		t.Run(m.name, func(t *testing.T) {
			r := m.start(t, []string{m.startNode(t, nil).address()})
			denied := uint64(0)
			for _, row := range rows {
				if row.overTLS && !m.tls {
					continue
				}
				r.apply(ruledBy(deny(row.name, row.match)))
				seen := uint64(0)
				for v, want := range banned {
					if row.yes.id != "" && (row.ofVersion == 0 || row.ofVersion == v) {
						c := r.dialDevice(&row.yes)
						c.send(row.yes.connect(v))
						if got := string(c.rest()); got != want {
							t.Errorf("%s, %s: told %q, want %q", row.name, v, got, want)
						}
						_ = c.Close()
						seen, denied = seen+1, denied+1
					}
					if row.not.id != "" && row.ofVersion != v {
						c := r.dialDevice(&row.not)
						c.send(row.not.connect(v))
						first := make([]byte, 1)
						if _, err := c.Read(first); err != nil || first[0] != 0x20 {
							t.Errorf("%s, %s: not let in: % x, %v", row.name, v, first, err)
						}
						_ = c.Close()
					}
				}
				r.waitOutcome(outcome.Denied, denied)
				if n := r.matched(row.name); n != seen {
					t.Errorf("%s: %d are counted, want %d", row.name, n, seen)
				}
				if seen > 0 {
					r.waitLine("client_id=" + row.yes.id + " ")
					r.waitLine(fmt.Sprintf("outcome=denied rule=%s", quotedIfNeeded(row.name)))
				}
			}
		})
	}
}

// quotedIfNeeded is a value as the log writes it.
func quotedIfNeeded(s string) string {
	if strings.Contains(s, " ") {
		return fmt.Sprintf("%q", s)
	}
	return s
}

// The first rule that matches decides: an allow saves a client from the rules behind it.
func TestTheFirstRuleThatMatchesDecides(t *testing.T) {
	allow := rule{snapshot.Rule{Name: "office"}, match.Match{Username: exactly("anna")}}
	silent := rule{snapshot.Rule{Name: "silent", Deny: true}, match.Match{ClientID: textPrefix("s-")}}
	busy := rule{snapshot.Rule{Name: "busy", Deny: true, Code: mqttparse.ServerBusy}, match.Match{ClientID: textPrefix("b-")}}
	r := start(t, []string{startNode(t, nil).address()}, ruledBy(allow, silent, busy, deny("others", match.Match{})))
	for _, row := range []struct {
		device
		told, rule string
	}{
		{device{id: "s-1", username: "anna"}, "", "office"},
		{device{id: "s-1", username: "-"}, "", "silent"},
		{device{id: "b-1", username: "-"}, "\x20\x03\x00\x89\x00", "busy"},
		{device{id: "x", username: "-"}, "\x20\x03\x00\x8a\x00", "others"},
	} {
		before := r.matched(row.rule)
		c := r.dial()
		c.send(row.connect(mqttparse.V5))
		if row.rule == "office" {
			c.expect([]byte{0x20})
		} else if got := c.rest(); !bytes.Equal(got, []byte(row.told)) {
			t.Errorf("%s: told %q, want %q", row.rule, got, row.told)
		}
		_ = c.Close()
		eventually(t, row.rule, func() bool { return r.matched(row.rule) == before+1 })
	}
}

// A client that a rule refuses does not use up the limit of new sessions.
func TestADeniedClientDoesNotUseUpTheConnectRate(t *testing.T) {
	r := start(t, []string{startNode(t, nil).address()}, ruledBy(deny("no-test", match.Match{ClientID: textPrefix("test-")})),
		func(s *snapshot.Snapshot) { s.ConnectRate = 1 })
	for range 20 {
		c := r.dial()
		c.send(connectAs("test-1"))
		c.expect([]byte("\x20\x02\x00\x05"))
		_ = c.Close()
	}
	r.open("good")
}

// A reload keeps the counters of rules that stay, by name, and ends no session.
func TestRulesChangeWhileClientsStay(t *testing.T) {
	r := start(t, []string{startNode(t, nil).address()}, ruledBy(deny("a", match.Match{ClientID: exactly("a")}), deny("b", match.Match{ClientID: exactly("b")})))
	refused := func(id string) {
		t.Helper()
		c := r.dial()
		c.send(connectAs(id))
		c.expect([]byte("\x20\x02\x00\x05"))
		_ = c.Close()
	}
	refused("a")
	refused("b")
	stays := r.open("c")
	r.apply(ruledBy(deny("c", match.Match{ClientID: exactly("c")}), deny("b", match.Match{ClientID: textPrefix("b")})))
	refused("c")
	refused("b2")
	r.open("a")
	stays.send([]byte("\xc0\x00"))
	stays.expect([]byte("\xc0\x00"))
	eventually(t, "counts", func() bool { return r.matched("b") == 2 && r.matched("c") == 1 })
	if all := r.srv.Rules(); len(all) != 2 {
		t.Errorf("rules %v", all)
	}
}
