package main

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"strconv"
	"strings"
	"time"

	"mqttlb/proxy/admin"
	"mqttlb/proxy/admin/api"
)

// maxAudited is how many changes an audit line names. Each change also has a log line of
// its own.
const maxAudited = 20

// origin is the source of a request for a change.
type origin = admin.Origin

var (
	bySignal = origin{Who: "SIGHUP"}
	byFile   = origin{Who: "file"} // --watch has seen a file change
)

// audit writes the audit line of a change, whatever the level of the log: its origin,
// the action, and the state before and after.
func audit(log *slog.Logger, by origin, action string, attrs ...slog.Attr) {
	r := slog.NewRecord(time.Now(), slog.LevelInfo, "audit", 0)
	r.AddAttrs(slog.String("who", by.Who))
	r.AddAttrs(by.Attrs...)
	r.AddAttrs(slog.String("action", action))
	r.AddAttrs(attrs...)
	_ = log.Handler().Handle(context.Background(), r) // an error of the log has nowhere to go
}

// summarize lists changes for an audit line, at most maxAudited of them.
func summarize(changes []api.Change) string {
	var parts []string
	for i, c := range changes {
		if i == maxAudited {
			parts = append(parts, fmt.Sprintf("%d more", len(changes)-i))
			break
		}
		parts = append(parts, c.Name+" "+c.Action)
	}
	return strings.Join(parts, ", ")
}

// audit writes the audit line of a change that an operator has made, and tells those who follow the
// events.
func (m *manager) audit(by origin, action string, attrs ...slog.Attr) {
	audit(m.log.Logger, by, action, attrs...)
	m.events.Publish(api.Event{Kind: eventOperator, Subject: action, Text: "by " + by.Who + attrText(attrs)})
}

// attrText writes attributes for an event, as they are in a log line, after a colon. Those without a
// value are left out.
func attrText(attrs []slog.Attr) string {
	var text strings.Builder
	for _, a := range attrs {
		value := a.Value.String()
		if f := a.Value; f.Kind() == slog.KindFloat64 {
			value = strconv.FormatFloat(math.Round(f.Float64()*100)/100, 'f', -1, 64)
		}
		if strings.ContainsAny(value, " ,=\"") {
			value = strconv.Quote(value)
		}
		if value != "" {
			text.WriteString(" " + a.Key + "=" + value)
		}
	}
	if text.Len() == 0 {
		return ""
	}
	return ":" + text.String()
}
