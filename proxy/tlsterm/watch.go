package tlsterm

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// poll calls look every few seconds until ctx is done.
//
// Polling has advantages over inotify, which misses a swap of a directory's symbolic link, as Kubernetes does it,
// and changes on a network file system. A stat every 3 s costs nothing.
func poll(ctx context.Context, look func()) {
	ticker := time.NewTicker(pollInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			look()
		}
	}
}

// watcher detects changed files.
type watcher struct {
	sources  *sources
	log      *slog.Logger // nil discards
	warnings func() []*FileError
	seen     string // fingerprint at the last look
}

// look calls reload if the files differ from the content in force, whose fingerprint is current, and have not changed
// since the last look. It logs what a start would say: the files that cannot be used, and those that need attention.
func (w *watcher) look(current string, reload func() error) {
	before := w.seen
	if w.seen = w.sources.fingerprint(); w.seen == current || w.seen != before {
		return // no change, or one that may still go on
	}
	err := reload()
	if w.log == nil {
		return
	}
	for _, e := range splitErrors(err) {
		w.log.Error("a file cannot be used: the content read before stays in force", "error", e)
	}
	for _, warning := range w.warnings() {
		w.log.Warn("a file needs attention", "warning", warning.Error())
	}
}

// splitErrors returns the errors that are joined in err.
func splitErrors(err error) []error {
	joined, ok := err.(interface{ Unwrap() []error })
	switch {
	case err == nil:
		return nil
	case !ok:
		return []error{err}
	}
	var errs []error
	for _, e := range joined.Unwrap() {
		errs = append(errs, splitErrors(e)...)
	}
	return errs
}

// logReloaded logs the files whose content is in force since last.
func (m *material) logReloaded(log *slog.Logger, last *material, from *sources) {
	if log == nil {
		return
	}
	before := last.status(from)
	for i, s := range m.status(from) {
		if s.Err != nil || s.fingerprint == before[i].fingerprint && before[i].Err == nil {
			continue
		}
		attrs := []any{"kind", s.Kind, "file", s.File}
		if len(s.Names) > 0 {
			attrs = append(attrs, "names", listed(s.Names))
		}
		if !s.NotAfter.IsZero() {
			attrs = append(attrs, "not_after", s.NotAfter.UTC().Format(time.RFC3339))
		}
		log.Info("TLS file reloaded", attrs...)
	}
}

// fingerprint is that of all files of s.
func (s *sources) fingerprint() string { return fingerprintOf(s.files()) }

// fingerprintOf changes with every change of a file: its content, judged by size and modification time, or the target
// of a symbolic link.
func fingerprintOf(files []string) string {
	var b strings.Builder
	for _, f := range files {
		target, err := filepath.EvalSymlinks(f)
		if err != nil {
			fmt.Fprintf(&b, "%v\n", err)
			continue
		}
		info, err := os.Stat(target)
		if err != nil {
			fmt.Fprintf(&b, "%v\n", err)
			continue
		}
		fmt.Fprintf(&b, "%s %d %d\n", target, info.Size(), info.ModTime().UnixNano())
	}
	return b.String()
}

// files returns all files of s.
func (s *sources) files() []string {
	var list []string
	for _, c := range s.certificates {
		list = append(list, c.files()...)
	}
	if s.ca != "" {
		list = append(list, s.ca)
	}
	list = append(list, s.crls...)
	if s.ticketKeys != "" {
		list = append(list, s.ticketKeys)
	}
	return list
}
