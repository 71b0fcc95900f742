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
	sources *sources
	log     *slog.Logger // nil discards
	seen    string       // fingerprint at the last look
}

// look calls reload if the files differ from the content in force, whose fingerprint is current, and have not changed
// since the last look.
func (w *watcher) look(current string, reload func() error) {
	before := w.seen
	if w.seen = w.sources.fingerprint(); w.seen == current || w.seen != before {
		return // no change, or one that may still go on
	}
	log := w.log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	if err := reload(); err != nil {
		log.Error("reloading certificates failed, the last good ones stay", "error", err)
		return
	}
	log.Info("certificates reloaded")
}

// fingerprint changes with every change of a file: its content, judged by size and modification time, or the target
// of a symbolic link.
func (s *sources) fingerprint() string {
	var b strings.Builder
	for _, f := range s.files() {
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

// keyFiles returns the files of s that contain keys.
func (s *sources) keyFiles() []string {
	var list []string
	for _, c := range s.certificates {
		list = append(list, c.keyFile())
	}
	if s.ticketKeys != "" {
		list = append(list, s.ticketKeys)
	}
	return list
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
