//go:build linux

package storm

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"mqttlb/bench/compare"
)

// Report is the result of a run.
type Report struct {
	Date      string          `json:"date"`
	Machine   compare.Machine `json:"machine"`
	Options   Options         `json:"-"`
	Balancers []Balancer      `json:"balancers"`
	Nights    []Night         `json:"nights"`
}

// Balancer is a compared program.
type Balancer struct {
	Name    string `json:"name"`
	Version string `json:"version"`
}

// Night is a scenario with a result for each balancer, in their order.
type Night struct {
	scenario scenario

	Name    string   `json:"name"`
	Title   string   `json:"title"`
	About   string   `json:"about"`
	Results []Result `json:"results"`
}

// row is a line of a table: a figure of a result.
type row struct {
	title  string
	figure func(r *Result) string
	shows  func(s scenario) bool // nil: always
}

var rows = []row{
	{title: "failed CONNECTs: refused, timed out, closed or reset", figure: func(r *Result) string {
		return fmt.Sprintf("**%d**: %d, %d, %d", r.failed(), r.Refused, r.TimedOut, r.Reset)
	}},
	{title: "wait for the CONNACK, p50, p99", figure: func(r *Result) string {
		return seconds(r.WaitP50) + ", " + seconds(r.WaitP99)
	}},
	{title: "longest wait for the CONNACK", figure: func(r *Result) string { return seconds(r.WaitMax) }},
	{title: "longest absence of a client", figure: func(r *Result) string { return seconds(r.Absence) }},
	{title: "calm: at most 5 % of the clients are absent from then on", figure: func(r *Result) string { return seconds(r.Calm) }},
	{title: "no client that has lost its node is absent from then on", figure: func(r *Result) string {
		return until(r, r.AllBack)
	}},
	{title: "no client at all", figure: func(r *Result) string { return until(r, r.AllIn) }},
	{title: "CONNECTs sent per client", figure: func(r *Result) string {
		return fmt.Sprintf("%.2f", float64(r.Attempts)/float64(r.Clients))
	}},
	{title: "sessions that ended; those that the balancer sent to another node", figure: func(r *Result) string {
		return fmt.Sprintf("%d; %d", r.Losses, r.Sent)
	}},
	{title: "most connections to a node in 100 ms, in 1 s", figure: func(r *Result) string {
		return fmt.Sprintf("%d, %d", r.Peak100ms, r.Peak1s)
	}},
	{title: "longest queue in a node's kernel", figure: func(r *Result) string { return strconv.FormatInt(r.Queue, 10) }},
	{
		title: "CONNECTs that the evacuated node got and refused", figure: func(r *Result) string { return strconv.Itoa(r.Leaving) },
		shows: func(s scenario) bool { return s.name == "evacuate" },
	},
	{
		title: "connections that the full node closed", figure: func(r *Result) string { return strconv.Itoa(r.Full) },
		shows: func(s scenario) bool { return s.name == "refuse" },
	},
	{
		title: "acknowledged PUBLISHes, missing at the nodes", figure: func(r *Result) string { return fmt.Sprintf("%d, %d", r.Acked, r.Missing) },
		shows: func(s scenario) bool { return s.publish },
	},
	{title: "sessions of each node at the end", figure: func(r *Result) string {
		var all []string
		for _, n := range r.Sessions {
			all = append(all, strconv.Itoa(n))
		}
		return strings.Join(all, ", ")
	}},
	{title: "CPU of the balancer", figure: func(r *Result) string { return r.CPU.Round(time.Millisecond).String() }},
}

// until formats when clients were no longer absent.
func until(r *Result, at time.Duration) string {
	if at < 0 {
		return fmt.Sprintf("never: %d absent after %.0f s", r.Absent, r.Elapsed.Seconds())
	}
	return seconds(at)
}

// table returns the lines of a night: the title of a figure, and the figure of each
// balancer.
func (n *Night) table() [][]string {
	var lines [][]string
	for _, row := range rows {
		if row.shows != nil && !row.shows(n.scenario) {
			continue
		}
		line := []string{row.title}
		for i := range n.Results {
			line = append(line, row.figure(&n.Results[i]))
		}
		lines = append(lines, line)
	}
	return lines
}

func (r *Report) names() (names []string) {
	for _, b := range r.Balancers {
		names = append(names, b.Name)
	}
	return names
}

// WriteText writes the tables for a terminal.
func (r *Report) WriteText(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, n := range r.Nights {
		fmt.Fprintf(t, "%s: %s, %d clients\t%s\n", n.Name, n.Title, n.Results[0].Clients, strings.Join(r.names(), "\t"))
		for _, line := range n.table() {
			fmt.Fprintf(t, "  %s\n", strings.ReplaceAll(strings.Join(line, "\t"), "**", ""))
		}
		fmt.Fprintln(t)
	}
	return t.Flush()
}

// fill replaces the figures of a scenario's text.
func (o *Options) fill(text string) string {
	return strings.NewReplacer("{rate}", fmt.Sprintf("%.0f", o.Rate), "{evict}", fmt.Sprintf("%.0f", o.Rate*evictShare)).Replace(text)
}
