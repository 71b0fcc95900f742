package main_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"mqttlb/proxy/admin/api"
)

// bans returns the bans that ctl lists.
func (r *reloadee) bans(t *testing.T) (b api.Bans) {
	t.Helper()
	if err := json.Unmarshal([]byte(r.must(t, "bans", "--json")), &b); err != nil {
		t.Fatal(err)
	}
	return b
}

// waitBans waits until n addresses are banned.
func (r *reloadee) waitBans(t *testing.T, n int) (b api.Bans) {
	t.Helper()
	eventually(t, "the bans", func() bool { b = r.bans(t); return b.Total == n })
	return b
}

// knock connects from an address without MQTT, and is closed.
func (r *reloadee) knock(from string) {
	if w, err := tryDialWire(r.addrs["mqtt"], from); err == nil {
		_, _ = w.Write([]byte("hello\r\n"))
		_, _ = w.Read(make([]byte, 100))
		w.Close()
	}
}

// A real process bans an address, shows it in every way, keeps the ban over a reload, and ends it.
func TestABanIsSeenFromOutside(t *testing.T) {
	t.Parallel()
	r := newReloadee(t, nodes(startMosquitto(t, "a")))
	r.more = "\nbans: {refusals: 3, within: 1h, time: 1h, exempt: [127.0.0.9]}\n"
	r.put(t)
	r.run(t)
	events := r.followEvents(t)
	good := join(t, r.addrs["mqtt"], "127.0.0.3", 5, "good")
	for range 5 {
		r.knock("127.0.0.2")
		r.knock("127.0.0.9")
	}
	b := r.waitBans(t, 1).Bans[0]
	if b.Address != "127.0.0.2" || b.Cause != "wrong_protocol" || b.Remaining < 3000 || !b.Until.After(time.Now()) {
		t.Errorf("%+v", b)
	}
	if e := <-events; e.Kind != "ban" || e.Subject != "127.0.0.2" || e.Text != "banned for 1h0m0s: wrong_protocol" {
		t.Errorf("%+v", e)
	}
	if w, err := tryDialWire(r.addrs["mqtt"], "127.0.0.2"); err == nil {
		if code, err := w.connect(5, "banned"); err == nil {
			t.Errorf("a banned client is answered %d", code)
		}
		w.Close()
	}
	r.more = strings.Replace(r.more, "time: 1h", "time: 2h", 1)
	r.put(t)
	r.mustReload(t)
	if out := r.must(t, "bans"); !strings.Contains(out, "127.0.0.2 ") || !strings.Contains(out, "wrong_protocol") {
		t.Errorf("after a reload:\n%s", out)
	}
	if out := r.must(t, "ban", "127.0.0.4", "--for", "90s"); out != "127.0.0.4 is banned for 1m30s\n" {
		t.Error(out)
	}
	for args, says := range map[string]string{
		"ban 127.0.0.9":           "127.0.0.9 cannot be banned: it is in bans.exempt",
		"ban here":                `address: "here" is neither an IP address`,
		"ban 10.0.0.0/8":          "neither an IP address",
		"ban 127.0.0.4 --for 1ms": `time: "1ms" is not a duration from 1s to 168h`,
		"unban 127.0.0.7":         "127.0.0.7 is not banned",
	} {
		if out, code := r.ctl(t, strings.Fields(args)...); code != 1 || !strings.Contains(out, says) {
			t.Errorf("ctl %s: %d, %s", args, code, out)
		}
	}
	m := r.metrics(t)
	for name, want := range map[string]float64{
		"mqttlb_bans": 2, `mqttlb_bans_total{cause="wrong_protocol"}`: 1, `mqttlb_bans_total{cause="operator"}`: 1, "mqttlb_bans_withheld_total": 0,
	} {
		if got := m[name]; got != want {
			t.Errorf("%s is %v, want %v", name, got, want)
		}
	}
	if n := m[`mqttlb_outcomes_total{listener="mqtt",outcome="banned"}`]; n < 1 || n > 3 {
		t.Errorf("%v connections ended banned", n)
	}
	r.must(t, "unban", "127.0.0.2")
	join(t, r.addrs["mqtt"], "127.0.0.2", 4, "back")
	if out := r.must(t, "unban", "--all"); out != "1 ban ended\n" {
		t.Error(out)
	}
	if err := good.ping(); err != nil {
		t.Error(err)
	}
	r.waitFor(t, `"msg":"address is banned"`, `"address":"127.0.0.2"`)
	r.waitFor(t, `"action":"ban"`, `"result":"done"`, `"address":"127.0.0.4"`, `"time":"90s"`)
	r.waitFor(t, `"action":"unban"`, `"all":true`, `"lifted":1`)
	if lines := r.said(`"outcome":"banned"`); len(lines) > 0 {
		t.Errorf("banned connections have lines at info:\n%s", lines)
	}
}

// When more clients are refused than accepted, only some are banned, and an alarm says so.
func TestAFaultThatRefusesEverybodyBansFew(t *testing.T) {
	t.Parallel()
	r := newReloadee(t, nodes(startMosquitto(t, "a")))
	r.more = "\nbans: {refusals: 2, within: 1h}\n"
	r.put(t)
	r.run(t)
	for i := range 20 {
		for range 2 {
			r.knock(fmt.Sprint("127.0.1.", i+1))
		}
	}
	r.waitBans(t, 10)
	var out string
	eventually(t, "the alarm", func() bool {
		out = r.must(t, "alarms")
		return strings.Contains(out, "bans_withheld")
	})
	r.waitFor(t, `"msg":"addresses are refused again and again, and are not banned`, `"cause":"wrong_protocol"`)
	if n := r.metrics(t)["mqttlb_bans_withheld_total"]; n < 1 || n > 10 {
		t.Errorf("%v were not banned\n%s", n, out)
	}
	r.must(t, "unban", "--all")
	for i := range 20 {
		join(t, r.addrs["mqtt"], fmt.Sprint("127.0.1.", i+1), 5, fmt.Sprint("good-", i))
	}
}
