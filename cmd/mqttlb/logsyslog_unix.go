//go:build unix

package main

import (
	"log/syslog"

	"github.com/coreos/go-systemd/v22/journal"
)

// syslogSink sends lines to syslog. The standard library connects again after an error.
type syslogSink struct{ *syslog.Writer }

func openSyslog(socket string) (logSink, error) {
	w, err := syslog.Dial("unixgram", socket, syslog.LOG_DAEMON|syslog.LOG_INFO, logName)
	if err != nil { // some servers have a stream socket
		var streamErr error
		if w, streamErr = syslog.Dial("unix", socket, syslog.LOG_DAEMON|syslog.LOG_INFO, logName); streamErr != nil {
			return nil, err
		}
	}
	return syslogSink{w}, nil
}

func (s syslogSink) write(l *logLine) error {
	text := string(l.text)
	switch priorityOf(l.level) {
	case journal.PriErr:
		return s.Err(text)
	case journal.PriWarning:
		return s.Warning(text)
	case journal.PriInfo:
		return s.Info(text)
	default:
		return s.Debug(text)
	}
}

func (s syslogSink) style() lineStyle { return untimed }
func (s syslogSink) reopen() error    { return nil }
func (s syslogSink) close()           { _ = s.Close() }
