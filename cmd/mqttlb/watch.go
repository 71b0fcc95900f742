package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"mqttlb/config"
)

const (
	// watchInterval is how often --watch reads the files. Comparing contents finds every
	// change: a swapped link, a network file system, an editor that renames.
	watchInterval = time.Second
	// stableLooks is how many reads in a row must find the same new content: a file may
	// be written in parts.
	stableLooks = 2
	// goneLooks is the same for a file that cannot be read: an editor may remove a file
	// for a moment before it writes the next one.
	goneLooks = 5
	// maxWatched is how many bytes of a file are compared. A file may not be larger.
	maxWatched = 2 << 20
)

// fingerprint is the state of the watched files at one moment.
type fingerprint struct {
	digest string // of the names and contents of the files
	gone   bool   // a file cannot be read
}

// watchedFiles are the files that a configuration is read from.
type watchedFiles struct {
	files    []string // the main file, then those that it includes
	patterns []string // of include, relative to the folder of the main file: a new file may match
}

// newWatchedFiles returns the files of cfg, whose main file is file, and the files that
// broken names.
func newWatchedFiles(file string, cfg *config.Config, broken faults) *watchedFiles {
	w := &watchedFiles{files: []string{file}, patterns: cfg.Include}
	if file == "" || len(cfg.Files) == 0 || cfg.Files[0] != file { // cfg came from flags, or is the last good configuration
		w.patterns = nil
	} else {
		w.files = append(w.files, cfg.Files[1:]...)
	}
	for _, fault := range broken {
		if fault.file != "" && !slices.Contains(w.files, fault.file) {
			w.files = append(w.files, fault.file)
		}
	}
	return w
}

// list returns the files, and those that match a pattern now.
func (w *watchedFiles) list() []string {
	files := slices.Clone(w.files)
	for _, pattern := range w.patterns {
		if !filepath.IsAbs(pattern) {
			pattern = filepath.Join(filepath.Dir(w.files[0]), pattern)
		}
		fit, _ := filepath.Glob(pattern) // config has refused a malformed pattern
		for _, file := range fit {
			// As in include, * matches no hidden file.
			hidden := filepath.Base(file)[0] == '.' && filepath.Base(pattern)[0] != '.'
			if !hidden && !slices.Contains(files, file) {
				files = append(files, file)
			}
		}
	}
	return files
}

// fingerprint reads the files. For a file that cannot be read, the text of the error
// takes the place of the content.
func (w *watchedFiles) fingerprint() fingerprint {
	var s fingerprint
	h := sha256.New()
	for _, file := range w.list() {
		content := sha256.New()
		if err := readInto(content, file); err != nil {
			s.gone = true
			content.Reset()
			_, _ = io.WriteString(content, err.Error())
		}
		_, _ = io.WriteString(h, file+"\x00")
		_, _ = h.Write(content.Sum(nil))
	}
	s.digest = hex.EncodeToString(h.Sum(nil))
	return s
}

// readInto copies a regular file to w.
func readInto(w io.Writer, file string) error {
	if !rereadable(file) { // a pipe could block watch for ever
		return nil
	}
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = io.Copy(w, io.LimitReader(f, maxWatched))
	return err
}

// watcher finds out when the files have changed and are stable again.
type watcher struct {
	last  string // the digest of the fingerprint before
	looks int    // how many fingerprints in a row had that digest
}

// changed adds a fingerprint and reports whether the files are stable and differ from
// tried, the digest at the last reload.
func (w *watcher) changed(s fingerprint, tried string) bool {
	if s.digest != w.last {
		w.last, w.looks = s.digest, 0
	}
	w.looks++
	needed := stableLooks
	if s.gone {
		needed = goneLooks
	}
	return s.digest != tried && w.looks >= needed
}

// watch reads the files every watchInterval until ctx is done. When they have changed
// and are stable, it sends their fingerprint to the manager.
func (m *manager) watch(ctx context.Context) {
	var w watcher
	ticker := time.NewTicker(watchInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		s := m.watched.Load().fingerprint()
		if !w.changed(s, *m.lastRead.Load()) {
			continue
		}
		select {
		case m.fileChanges <- s:
		case <-ctx.Done():
			return
		}
	}
}
