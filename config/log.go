package config

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"
	"unicode"
)

// Log configures the log.
type Log struct {
	Level  LogLevel
	Format LogFormat

	Fields []LogField // of the line of a session, in their order; each at most once

	// Sample is the most lines of one kind in a second. The sessions that ended well are
	// one kind, and so are those of each other outcome.
	Sample Rate

	// Output is LogStderr, LogJournald, LogSyslog, LogSyslog followed by a colon and the
	// absolute path of a socket, or the absolute path of a file.
	Output string

	Rotate LogRotate // valid only if Output is a file
}

// LogRotate says when a log file is replaced, and which of the earlier ones are kept.
type LogRotate struct {
	Size     int           // bytes that a file may have; 0: it is never replaced
	Keep     int           // earlier files that are kept; 0: any number
	Age      time.Duration // how long an earlier file is kept, in whole days; 0: for ever
	Compress bool          // earlier files are compressed
}

// The values of Log.Output that are no files.
const (
	LogStderr   = "stderr"
	LogJournald = "journald"
	LogSyslog   = "syslog" // the socket /dev/log
)

// File returns the path of the log file, or "" if the log is not in a file.
func (l *Log) File() string {
	if strings.HasPrefix(l.Output, "/") {
		return l.Output
	}
	return ""
}

// SyslogSocket returns the path of syslog's socket; ok is false if the log is not sent to
// syslog.
func (l *Log) SyslogSocket() (path string, ok bool) {
	word, path, _ := strings.Cut(l.Output, ":")
	if path == "" {
		path = defaultSyslogSocket
	}
	return path, word == LogSyslog
}

// parseLogOutput parses a place for the log.
func parseLogOutput(s string) (string, error) {
	word, path, given := strings.Cut(s, ":")
	switch {
	case s == LogStderr, s == LogJournald, s == LogSyslog:
		return s, nil
	case strings.ContainsFunc(s, unicode.IsControl):
		return "", fmt.Errorf("%s has a control character", quote(s))
	case word == LogSyslog && given && strings.HasPrefix(path, "/"):
		return s, checkSocketPath(path)
	case strings.HasPrefix(s, "/") && !strings.HasSuffix(s, "/"):
		return s, nil
	}
	return "", fmt.Errorf("%s is no place for a log; it must be %s, %s, %s, %[4]s:/PATH of a socket, or the absolute path of a file, as /var/log/mqttlb.log",
		quote(s), LogStderr, LogJournald, LogSyslog)
}

// CheckLogFields checks a list for Log.Fields that does not come from a file.
func CheckLogFields(fields []string) error {
	known, seen := map[string]bool{}, map[string]bool{}
	for _, f := range logFields {
		known[string(f)] = true
	}
	var errs []error
	if len(fields) == 0 {
		errs = append(errs, fmt.Errorf("no field is named; the fields are %s", joinWords(logFields)))
	}
	for _, f := range fields {
		switch {
		case !known[f]:
			errs = append(errs, fmt.Errorf("there is no field %s; the fields are %s", quote(f), joinWords(logFields)))
		case seen[f]:
			errs = append(errs, fmt.Errorf("the field %s is named twice", quote(f)))
		}
		seen[f] = true
	}
	return errors.Join(errs...)
}

// LogFields returns all fields that a session's line can have.
func LogFields() []LogField { return append([]LogField(nil), logFields...) }

// checkLog checks the rules between the settings of the log.
func checkLog(l *Log, s *source) {
	checkOnce(l.Fields, func(f LogField) string { return string(f) }, "field", s, "log.fields")
	if l.Rotate.Age%day != 0 {
		s.errorf("log.rotate.age", "%s is not a number of whole days; write it in hours, as 24h or 168h", formatDuration(l.Rotate.Age))
	}
	if !s.valid("log.output") || l.File() != "" {
		return
	}
	for _, key := range []string{"size", "keep", "age", "compress"} {
		if at := "log.rotate." + key; s.written(at) {
			s.errorf(at, "is for a log in a file, and log.output is %s; write the path of a file there", l.Output)
		}
	}
}

// checkLogFile checks that the log does not write into another file of the process.
func checkLogFile(c *Config, s *source) {
	const output = "log.output"
	others := map[string]string{"admin.state_file": c.Admin.StateFile, "admin.socket": c.Admin.Socket}
	if c.Admin.StateDir != "" {
		others["admin.state_dir"] = filepath.Join(c.Admin.StateDir, LastGood)
	}
	for at, path := range others {
		if file := c.Log.File(); file != "" && path != "" && filepath.Clean(file) == filepath.Clean(path) && s.valid(output, at) {
			s.errorf(output, "%s is the file of %s; name another one", quote(file), at)
		}
	}
}

// String describes the log in a few words, without defaults.
func (l Log) String() string {
	s := fmt.Sprintf("%s, %s", l.Level, l.Format)
	if l.Sample > 0 {
		s += fmt.Sprintf(", at most %s of a kind", l.Sample)
	}
	if l.Output != LogStderr {
		s += ", to " + l.Output
	}
	if l.File() == "" {
		return s
	}
	return s + ", " + l.Rotate.String()
}

// String describes the rotation in a few words.
func (r LogRotate) String() string {
	if r.Size == 0 {
		return "not rotated"
	}
	s := fmt.Sprintf("rotated at %s, %d earlier ones", formatSize(r.Size), r.Keep)
	if r.Keep == 0 {
		s = fmt.Sprintf("rotated at %s, all earlier ones", formatSize(r.Size))
	}
	if r.Age > 0 {
		s += " for " + formatDuration(r.Age)
	}
	if r.Compress {
		s += ", compressed"
	}
	return s
}

// ParseLogLevel parses a Log.Level that does not come from a file.
func ParseLogLevel(s string) (LogLevel, error) {
	if level := LogLevel(s); slices.Contains(logLevels, level) {
		return level, nil
	}
	return "", fmt.Errorf("%s is not one of %s", quote(s), joinWords(logLevels))
}
