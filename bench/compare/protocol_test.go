//go:build linux

package compare

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"mqttlb/proxy/proxytest"
)

// ways lists the protocols that each candidate supports.
func ways(all []*candidate) string {
	var s []string
	for _, c := range all {
		s = append(s, fmt.Sprintf("%s %s-%s", c.name, c.protocol, c.pool))
	}
	return strings.Join(s, ", ")
}

func TestAMeasureHasTheCandidatesThatCanCarryIt(t *testing.T) {
	b := &bench{opt: Options{HAProxy: "haproxy", Mqttlb: "mqttlb"}}
	b.candidates = []*candidate{haproxy("haproxy"), b.contender(), nginx("nginx"), direct()}
	before := ways(b.candidates)
	for _, c := range []struct {
		work work
		want string
	}{
		{work{}, "haproxy mqtt-mqtt, mqttlb mqtt-mqtt, nginx mqtt-mqtt, direct mqtt-mqtt"},
		{work{protocol: ws}, "haproxy ws-ws, mqttlb ws-ws, direct ws-ws"},
		{work{protocol: mqtts}, "haproxy mqtts-mqtt, mqttlb mqtts-mqtt"},
		{work{protocol: ws, translate: true}, "haproxy ws-ws, mqttlb ws-mqtt, direct ws-ws"},
		{work{protocol: ws, besideMQTT: true}, "mqttlb-mqtt mqtt-mqtt, mqttlb ws-ws, direct ws-ws"},
	} {
		if got := ways(b.candidatesFor(c.work)); got != c.want {
			t.Errorf("%+v: %s, want %s", c.work, got, c.want)
		}
	}
	if after := ways(b.candidates); after != before {
		t.Errorf("the columns of the table were %s and are %s", before, after)
	}
}

func TestNoiseIsOfTheSameWayTwice(t *testing.T) {
	b := &bench{opt: Options{HAProxy: "haproxy"}}
	b.candidates = []*candidate{haproxy("haproxy"), b.contender()}
	for _, m := range measures {
		all := b.candidatesFor(m.work)
		if len(all) != 2 || all[0].name != "haproxy" || all[1].name != "haproxy-again" ||
			all[0].protocol != all[1].protocol || all[0].pool != all[1].pool {
			t.Errorf("%s: %s", m.name, ways(all))
		}
	}
}

// Real sockets and programs: WebSocket clients connect through HAProxy, through mqttlb in
// both modes, and directly.
func TestMeasuresRunOverWebSocket(t *testing.T) {
	if testing.Short() {
		t.Skip("takes some 10 seconds")
	}
	if _, err := splitCores(1); err != nil {
		t.Skip(err)
	}
	r, err := Run(t.Context(), Options{
		HAProxy: proxytest.Program(t, "haproxy"), Mqttlb: build(t, "mqttlb"), Broker: []string{build(t, "mqttbench"), "broker"},
		Pairs: 1, Turn: minTurn, Only: []string{"ws-*"}, Status: io.Discard,
	})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, m := range r.Measures {
		names = append(names, m.Name)
		if m.Name == "ws-memory" {
			continue // the slope of a single turn depends on a page more or less: ws-memory-grown has the sum
		}
		if len(m.Ratio.Each) != 1 || m.Ratio.Median <= 0 || m.Figures[0].Median <= 0 || m.Figures[1].Median <= 0 {
			t.Errorf("%s: %+v", m.Name, m)
		}
		if len(m.Figures) > 2 && m.figureOf("direct").MachineMedian <= 0 {
			t.Errorf("%s: nothing went straight: %+v", m.Name, m)
		}
	}
	if want := []string{"ws-roundtrip-100", "ws-translate", "ws-vs-mqtt", "ws-connect", "ws-memory", "ws-memory-grown"}; !slices.Equal(names, want) {
		t.Errorf("rows %v, want %v", names, want)
	}
}

func TestStartsOfNamesSelectMeasures(t *testing.T) {
	for _, c := range []struct{ only, want string }{
		{"ws-*", "ws-roundtrip-100 ws-translate ws-vs-mqtt ws-connect ws-memory"},
		{"tls-*", "tls-roundtrip-100 tls-connect tls-connect-resumed tls-connect-rsa tls-memory"},
		{"connect,bulk*", "connect bulk bulk-tuned"},
		{"ws", ""}, {"connect*e", ""}, {"speed*", ""}, {"", ""},
	} {
		selected, err := selectMeasures(strings.Split(c.only, ","))
		var names []string
		for _, m := range selected {
			names = append(names, m.name)
		}
		if got := strings.Join(names, " "); got != c.want || (err != nil) != (c.want == "") {
			t.Errorf("%q: %s, %v; want %q", c.only, got, err, c.want)
		}
	}
}

func TestMeasuresOfTargetsAreThoseOfTheirRows(t *testing.T) {
	targets := Targets{"ws-memory": 0.1, "latency-30-p99": 1, "slab": 1, "memory": 1}
	if got, want := targets.Measures(), []string{"memory", "latency-30", "ws-memory"}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

func TestARowNamesWhatWasMeasuredInPlaceOfItsColumn(t *testing.T) {
	columns := []Candidate{{Name: "haproxy"}, {Name: "mqttlb"}, {Name: "nginx"}, {Name: "direct"}}
	m := Measure{Title: "t", Unit: "µs", Figures: []Figure{
		{Candidate: "mqttlb-mqtt", Median: 12, MachineMedian: 25},
		{Candidate: "mqttlb", Median: 13, MachineMedian: 26},
		{Candidate: "direct", MachineMedian: 14},
	}, Ratio: ratioOf([]float64{13}, []float64{12})}
	want := "t, µs|12 (mqttlb-mqtt)|13|1.08|1.08-1.08|-|-|25 / 26 / - / 14"
	if got := strings.Join(m.row(columns), "|"); got != want {
		t.Errorf("row %s, want %s", got, want)
	}
}
