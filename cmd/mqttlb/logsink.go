package main

import (
	"fmt"
	"io"
	"log/slog"
	"strings"

	"github.com/coreos/go-systemd/v22/journal"

	"mqttlb/config"
)

// logName is the name of the process in the journal and in syslog.
const logName = "mqttlb"

// openSink opens the output of a log, other than stderr. trouble gets lines about an
// output that works in part.
func openSink(c *config.Log, trouble logNotice) (logSink, error) {
	var sink logSink
	var err error
	switch socket, isSyslog := c.SyslogSocket(); {
	case isSyslog:
		sink, err = openSyslog(socket)
	case c.Output == config.LogJournald:
		sink, err = openJournal()
	default:
		sink, err = openFile(c.File(), c.Rotate, trouble)
	}
	if err != nil {
		return nil, fmt.Errorf("log.output: %s: %w", c.Output, err)
	}
	return sink, nil
}

// streamSink writes to a stream, usually stderr. It never fails: it would have nowhere to
// say so.
type streamSink struct {
	to         io.Writer
	priorities bool // each line begins with its priority, for the journal
}

func (s *streamSink) write(l *logLine) error {
	text := l.text
	if s.priorities {
		text = append(fmt.Appendf(nil, "<%d>", priorityOf(l.level)), text...)
	}
	_, _ = s.to.Write(text)
	return nil
}

func (s *streamSink) style() lineStyle {
	if s.priorities {
		return untimed
	}
	return timed
}

func (s *streamSink) reopen() error { return nil }
func (s *streamSink) close()        {}

// priorityOf returns the priority of syslog and the journal for a level.
func priorityOf(level slog.Level) journal.Priority {
	switch {
	case level >= slog.LevelError:
		return journal.PriErr
	case level >= slog.LevelWarn:
		return journal.PriWarning
	case level >= slog.LevelInfo:
		return journal.PriInfo
	}
	return journal.PriDebug
}

// journalSink sends entries to journald, with their fields.
type journalSink struct{}

func openJournal() (logSink, error) {
	if !journal.Enabled() {
		return nil, fmt.Errorf("there is no journald on this machine; write stderr, syslog or the path of a file")
	}
	return journalSink{}, nil
}

func (journalSink) write(l *logLine) error {
	fields := l.fields
	if fields == nil { // the line was made for another output
		fields = map[string]string{}
	}
	fields["SYSLOG_IDENTIFIER"] = logName
	return journal.Send(strings.TrimSuffix(string(l.text), "\n"), priorityOf(l.level), fields)
}

func (journalSink) style() lineStyle { return entries }
func (journalSink) reopen() error    { return nil }
func (journalSink) close()           {}
