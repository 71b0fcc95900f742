package ctl

import (
	"slices"
	"strings"
	"testing"
	"time"

	"mqttlb/cmd/terminal"
	"mqttlb/proxy/admin/api"
)

func TestTablesFitTheTerminal(t *testing.T) {
	sessions := sampleSessions().Sessions
	sessions = append(sessions, api.Session{ID: "2-ffffffff", Listener: "a-long-listener", Client: "[2001:db8:1234:5678:9abc:def0:1234:5678]:54321",
		ClientID: "温度计/" + strings.Repeat("long", 500), Username: strings.Repeat("name", 50), Version: "3.1.1", Pool: "pool", Node: "a-node-with-a-long-name",
		State: "leaving", Age: 1e9, Silent: 1e6, BytesReceived: 1 << 60, BytesSent: 1 << 62, PacketsPerSec: 123456})
	now := snapshot{at: time.Now(), status: sampleStatus(), nodes: sampleNodes(), alarms: sampleAlarms()}
	for _, width := range []int{80, 100, 132, 200} {
		p := page{width: width}
		for what, lines := range map[string][]string{
			"sessions": p.table(sessionTable(sessions, false)),
			"top":      topLines(&api.Sessions{Total: 3, Sessions: sessions}, p),
			"nodes":    p.table(nodeTable(sampleNodes().Nodes, time.Now())),
			"status":   now.lines(&now, p),
			"route":    routeLines(&sampleRoute().Routes[0], p),
		} {
			for _, line := range lines {
				if w := terminal.Width(line); w > width || strings.TrimRight(line, " ") != line {
					t.Errorf("%s in %d columns: a line of %d columns: %q", what, width, w, line)
				}
			}
		}
	}
	if lines := (page{}).table(sessionTable(sessions, false)); !strings.Contains(lines[3], sessions[2].ClientID) || !strings.Contains(lines[3], sessions[2].ID) {
		t.Errorf("something is missing without a limit: %s", lines[3])
	}
	if lines := (page{width: 80}).table(sessionTable(sessions, false)); strings.Contains(lines[0], "USERNAME") || !strings.Contains(lines[0], "SENT") {
		t.Errorf("in 80 columns: %s", lines[0])
	}
}

func TestNodesOfTheFileHaveNoSource(t *testing.T) {
	in := func(source string) []api.NodeInPool {
		return []api.NodeInPool{{Pool: "p", State: "up", Address: "a:1", Source: source}}
	}
	lines := (page{}).table(nodeTable([]api.Node{{Name: "found", Pools: in("dns emqx")}, {Name: "written", Pools: in("")}}, time.Now()))
	if len(lines) != 3 || !strings.Contains(lines[1], "dns emqx") || strings.Contains(lines[2], `"`) {
		t.Errorf("got\n%s", strings.Join(lines, "\n"))
	}
}

func TestARouteToNoNodesHasNoTable(t *testing.T) {
	lines := routeLines(&api.ListenerRoute{Listeners: []string{"l"}, Pool: "p", Algorithm: "hash", Note: "the pool has no nodes"}, page{})
	if want := []string{"l to pool p, by hash", "note: the pool has no nodes"}; !slices.Equal(lines, want) {
		t.Errorf("got %q, want %q", lines, want)
	}
}

func TestColumnsAreAlignedAndPainted(t *testing.T) {
	tab := &table{columns: []column{{title: "NAME"}, {title: "N", right: true}, {title: "END"}}}
	tab.rows = [][]cell{{{text: "温"}, {"1,000", bad}, {text: "x"}}, {{text: "abc"}, {text: "2"}, {}}}
	if got, want := strings.Join(tab.lines(0, false), "\n"), "NAME      N  END\n温    1,000  x\nabc       2"; got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if got, want := tab.lines(0, true)[1], "温    \x1b[31m1,000\x1b[0m  x"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestNumbersAreShort(t *testing.T) {
	for got, want := range map[string]string{
		thousands(0): "0", thousands(999): "999", thousands(1000): "1,000", thousands(-1234567): "-1,234,567",
		short(0): "0", short(999): "999", short(999.6): "1.0k", short(1234): "1.2k", short(9960): "10k", short(999499): "999k", short(999600): "1.0M",
		short(3.4e9): "3.4G", short(1 << 62): "4.6E", short(1e21): "1000E",
		rate(0): "0", rate(0.34): "0.3", rate(9.96): "10", rate(12345): "12k",
		span(0): "0s", span(0.44): "0.4s", span(0.97): "1s", span(59.9): "59s", span(60): "1m0s", span(3599): "59m59s", span(3600): "1h0m", span(90061): "1d1h",
		span(-5): "0s", span(1e300): "11574074d1h",
		count(1, "session"): "1 session", count(1000, "session"): "1,000 sessions",
	} {
		if got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

// Totals that go down, since the process has been started again, give no rate.
func TestRatesAreDifferencesOfTotals(t *testing.T) {
	before := snapshot{at: time.Now(), status: sampleStatus()}
	after := before
	after.at = before.at.Add(2 * time.Second)
	after.status.Totals.Accepted += 21
	after.status.Totals.PacketsReceived += 2400
	row := func(s *snapshot, before *snapshot) string {
		lines := (page{}).table(s.traffic(before))
		return spaces.ReplaceAllString(lines[len(lines)-1], " ")
	}
	if got, want := row(&after, &before), "per second 10 0 1.2k 0 0 0"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	after.status.PID++
	if got := row(&after, &before); !strings.HasPrefix(got, "total ") {
		t.Errorf("over a restart: %q", got)
	}
}

func TestScreensAreFilledAndSayWhatIsMissing(t *testing.T) {
	lines := []string{"a", "b", "c", "d"}
	for _, c := range []struct {
		height int
		want   string
	}{
		{8, "a b c d    foot"}, {6, "a b c d  foot"}, {5, "a b ... 2 more lines  foot"}, {4, "a ... 3 more lines  foot"}, {1, "foot"},
	} {
		screen := screenful(lines, "foot", c.height)
		if got := strings.ReplaceAll(strings.Join(screen, " "), "\x1b[2K", ""); got != c.want || len(screen) != c.height {
			t.Errorf("height %d: %d lines: %q, want %q", c.height, len(screen), got, c.want)
		}
	}
}
