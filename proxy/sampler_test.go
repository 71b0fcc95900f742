package proxy

import (
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"mqttlb/config"
	"mqttlb/mqttparse"
	"mqttlb/proxy/outcome"
	"mqttlb/proxy/proxytest"
	"mqttlb/proxy/tlsterm"
)

func TestSamplerLimitsEachOutcomeAndEachStatus(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s sampler
		s.init()
		served := func(status int, byNode bool) record { return record{request: &request{status: status, byNode: byNode}} }
		all := []record{
			{outcome: outcome.ClientClosed}, {outcome: outcome.NotMQTT}, {outcome: outcome.Kicked}, {outcome: outcome.PortsExceeded},
			served(200, true), served(502, true), served(502+1, false), served(404, false), served(0, false), served(599, false),
		}
		pass := func(r record, n int) (passed int) {
			for range n {
				if s.take(&r) {
					passed++
				}
			}
			return passed
		}
		for _, r := range all {
			if n := pass(r, 1000); n != 1000 {
				t.Errorf("%s: %d of 1000 pass without a limit", sampledName(r.sampledAs()), n)
			}
		}
		s.set(5)
		<-time.After(time.Second)
		for _, r := range all {
			if n := pass(r, 100); n != 5 {
				t.Errorf("%s: %d of 100 pass at 5 a second", sampledName(r.sampledAs()), n)
			}
		}
		// These share a limit with one that has used it up.
		for _, r := range []record{{outcome: outcome.ServerClosed}, {outcome: outcome.HTTPServed}, served(404, true), served(301, true)} {
			if n := pass(r, 1); n != 0 {
				t.Errorf("%s has a limit of its own", sampledName(r.sampledAs()))
			}
		}
		<-time.After(time.Second)
		if n := pass(all[1], 100); n != 5 {
			t.Errorf("%d of 100 pass a second later", n)
		}
		if got, want := s.counts.lines(), (Lines{Sessions: 4*95 + 2 + 95, Requests: 6*95 + 2}); got != want {
			t.Errorf("left out %+v, want %+v", got, want)
		}
	})
}

func TestSamplerAllocatesNothing(t *testing.T) {
	var s sampler
	s.init()
	s.set(1)
	r := record{outcome: outcome.NotMQTT}
	if n := testing.AllocsPerRun(1000, func() { s.take(&r) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// The journal says once a minute, and at its end, what is missing in the log.
func TestJournalSaysWhatItLeftOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &proxytest.Log{}
		j := newJournal(slog.New(slog.NewTextHandler(log, nil)))
		j.records = make(chan record, 10)
		j.sampler.set(3)
		said := func(message string) (said []string) {
			for line := range strings.Lines(log.String()) {
				if _, rest, ok := strings.Cut(line, message); ok {
					said = append(said, strings.TrimSpace(rest))
				}
			}
			return said
		}
		for range 100 {
			j.add(record{outcome: outcome.NotMQTT})
			j.add(record{outcome: outcome.ClientClosed})
			j.add(record{request: &request{status: 502}})
		}
		for range 10 {
			j.queue(record{outcome: outcome.Kicked}) // one has a place
		}
		go j.run() // ends at close
		check := func(when, message string, want ...string) {
			t.Helper()
			synctest.Wait()
			if got := said(message); !slices.Equal(got, want) {
				t.Errorf("%s: %s %q, want %q", when, message, got, want)
			}
		}
		const leftOut, dropped = `"lines were left out, as log.sample says"`, `"lines were dropped: they came faster than they are written"`
		check("at once", leftOut)
		<-time.After(leftOutInterval)
		first := `lines=291 of="ended_well:97 not_mqtt:97 requests_502:97"`
		check("a minute later", leftOut, first)
		check("a minute later", dropped, "sessions=9 requests=0 debug=0")
		<-time.After(leftOutInterval)
		check("two minutes later", leftOut, first)
		for range 5 {
			j.add(record{outcome: outcome.NotMQTT})
		}
		j.close()
		check("at the end", leftOut, first, `lines=2 of=not_mqtt:2`)
		if n := len(said("msg=session")) + len(said("msg=request")); n != 3*3+1+3 {
			t.Errorf("%d lines of clients", n)
		}
	})
}

// The configuration names the fields that the journal has.
func TestFieldsOfASessionAreThoseOfTheConfiguration(t *testing.T) {
	r := record{
		listener: "l", pool: "p", node: "n", source: netip.MustParseAddrPort("192.0.2.1:7"), id: "i", version: mqttparse.V5, protocol: "wss",
		tls:     tlsterm.Summary{Agreed: tlsterm.Agreed{Version: "TLSv1.3", Cipher: "c", Resumed: true}, ServerName: "s", CommonName: "n"},
		session: 1, username: "u", disconnected: true, disconnect: 1, connack: 1, received: 1, sent: 1, duration: 1, outcome: outcome.Kicked, fault: "f",
		tolerated: 1 << mqttparse.ClientIDNull, certificate: "expired", rule: "r", lastRequest: &request{path: "/", status: 200},
	}
	var have, want []string
	for _, a := range r.attrs() {
		if a.Value.String() == "" {
			t.Errorf("%s is empty", a.Key)
		}
		have = append(have, a.Key)
	}
	for _, f := range config.LogFields() {
		want = append(want, string(f))
	}
	slices.Sort(have)
	slices.Sort(want)
	if !slices.Equal(have, want) {
		t.Errorf("the line has %q, the configuration %q", have, want)
	}
}

// The line of a session says how its client was connected, and to which pool.
func TestSessionLineSaysHowTheClientWasConnected(t *testing.T) {
	inEachMode(t, func(t *testing.T, m mode) {
		r := m.start(t, []string{m.startNode(t, nil).address()})
		c := r.dial()
		c.send(connect311)
		c.expect(connack311)
		_ = c.Close()
		line := r.lineOf(c.LocalAddr().String())
		protocol := map[bool]map[bool]string{false: {false: "tcp", true: "ws"}, true: {false: "tls", true: "wss"}}[m.tls][m.clientWS()]
		want := fmt.Sprintf(" pool=pool protocol=%s session=", protocol)
		if m.tls {
			want = fmt.Sprintf(" pool=pool protocol=%s tls=TLSv1.3 tls_cipher=TLS_AES_128_GCM_SHA256 tls_resumed=false sni=broker.example session=", protocol)
		}
		if !strings.Contains(line, want) {
			t.Errorf("the line is %s, want %s", line, want)
		}
	})
}
