package ctl

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// stream answers with server-sent events, and then with the end of the stream, or with
// silence if then is there: it is called when the command has gone.
func stream(text string, then func()) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream; charset=utf-8")
		fmt.Fprint(w, text)
		w.(http.Flusher).Flush()
		if then != nil {
			then()
			<-r.Context().Done()
		}
	}
}

const twoEvents = ": hello\n\n" +
	"event: node\ndata: {\"time\":\"2026-01-02T03:04:05Z\",\"kind\":\"node\",\"subject\":\"emqx-1\",\"text\":\"is \\u001b[2J up\"}\n\n" +
	": still here\n\nevent: reload\ndata: {\"time\":\"2026-01-02T03:04:06Z\",\ndata:\"kind\":\"reload\",\"text\":\"generation 2\"}\n\n"

func TestEventsAreFollowedUntilTheirEnd(t *testing.T) {
	p := startProcess(t)
	p.on("GET /api/v1/events", stream(twoEvents, nil))
	got := p.ctl(t, "events")
	got.says(t, "text", 1, "", "has ended the events")
	lines := strings.Split(got.stdout, "\n")
	if len(lines) != 3 || !strings.HasSuffix(lines[0], "  node      emqx-1: \"is \\x1b[2J up\"") || !strings.HasSuffix(lines[1], "  reload    generation 2") {
		t.Errorf("%q", lines)
	}
	got = p.ctl(t, "events", "--json")
	lines = strings.Split(got.stdout, "\n")
	if len(lines) != 3 || lines[0] != `{"time":"2026-01-02T03:04:05Z","kind":"node","subject":"emqx-1","text":"is \u001b[2J up"}` ||
		lines[1] != `{"time":"2026-01-02T03:04:06Z", "kind":"reload","text":"generation 2"}` {
		t.Errorf("%q", lines)
	}

	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	p.on("GET /api/v1/events", stream(twoEvents, cancel))
	runCtl(ctx, "--socket", p.socket, "events").says(t, "control-C", 0, "", "")
}

func TestBadEventsAreExplained(t *testing.T) {
	p := startProcess(t)
	for what, c := range map[string]struct {
		answer http.HandlerFunc
		want   string
	}{
		"a refusal":      {refuse(http.StatusTooManyRequests, "too many streams"), "mqttlb ctl events: too many streams\n"},
		"another answer": {reply(http.StatusOK, "{}"), "the answer is cut off"},
		"a page":         {reply(http.StatusOK, "<html>"), "no mqttlb that knows this command"},
		"no JSON":        {stream("data: hello\n\n", nil), "an event is no JSON"},
		"another form":   {stream("data: 5\n\n", nil), "an event has another form than expected"},
		"a long line":    {stream("data: "+strings.Repeat("x", maxEvent)+"\n\n", nil), "token too long"},
		"a long event":   {stream(strings.Repeat("data: "+strings.Repeat("x", maxEvent/4)+"\n", 5)+"\n", nil), "token too long"},
	} {
		p.on("GET /api/v1/events", c.answer)
		p.ctl(t, "events").says(t, what, 1, "", c.want)
	}
}
