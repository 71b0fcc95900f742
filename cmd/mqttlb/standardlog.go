package main

import (
	stdlog "log" //nolint:depguard // what others write there is taken over
	"log/slog"
	"strings"
)

// standardLog takes the lines that libraries write to the standard log, such as those of net/http's transport, so that none
// bypasses the log of the process with its format, its level and its output.
type standardLog struct{ log *slog.Logger }

// takeStandardLog redirects the standard log and slog's default until restore is called.
func takeStandardLog(log *slog.Logger) (restore func()) {
	out, flags, prefix, def := stdlog.Writer(), stdlog.Flags(), stdlog.Prefix(), slog.Default() //nolint:forbidigo // as above
	slog.SetDefault(log)                                                                        //nolint:forbidigo // as above. This also redirects the standard log, but at level info
	stdlog.SetOutput(standardLog{log})
	stdlog.SetFlags(0)
	stdlog.SetPrefix("")
	return func() {
		slog.SetDefault(def) //nolint:forbidigo // as above
		stdlog.SetOutput(out)
		stdlog.SetFlags(flags)
		stdlog.SetPrefix(prefix)
	}
}

// Write logs one line.
func (s standardLog) Write(b []byte) (int, error) {
	s.log.Warn("a library has logged", "text", strings.TrimSuffix(string(b), "\n"))
	return len(b), nil
}
