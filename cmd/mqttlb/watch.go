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
	// watchInterval is how often --watch looks at the files. Looking at their content
	// works for everything that changes it: links that are swapped, network file
	// systems, editors that rename.
	watchInterval = time.Second
	// stableLooks is how many looks in a row have to see the same new content: a file
	// may be written in parts.
	stableLooks = 2
	// goneLooks is the same where a file cannot be read: between its removal and the
	// next one's arrival there is none.
	goneLooks = 5
	// maxWatched is how much of a file is looked at. None that can be read is larger.
	maxWatched = 2 << 20
)

// fingerprint is what one look at the files has seen.
type fingerprint struct {
	digest string // the same for the same files with the same content
	gone   bool   // one of them cannot be read
}

// watchedFiles are the files that a configuration is made of.
type watchedFiles struct {
	files    []string // the first is the one that includes the others
	patterns []string // of includes, from its folder on: a file that comes to fit one is news
}

// newWatchedFiles are the files of a configuration that was read from file, and those that
// have the faults of a later one.
func newWatchedFiles(file string, cfg *config.Config, broken faults) *watchedFiles {
	w := &watchedFiles{files: []string{file}, patterns: cfg.Include}
	if file == "" || len(cfg.Files) == 0 || cfg.Files[0] != file { // it came from flags, or is the one that was kept
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

// list has the files that are there to look at.
func (w *watchedFiles) list() []string {
	files := slices.Clone(w.files)
	for _, pattern := range w.patterns {
		if !filepath.IsAbs(pattern) {
			pattern = filepath.Join(filepath.Dir(w.files[0]), pattern)
		}
		fit, _ := filepath.Glob(pattern) // one that is none was refused when it was read
		for _, file := range fit {
			// As in an include, * takes no hidden file.
			hidden := filepath.Base(file)[0] == '.' && filepath.Base(pattern)[0] != '.'
			if !hidden && !slices.Contains(files, file) {
				files = append(files, file)
			}
		}
	}
	return files
}

// fingerprint reads the files. What cannot be read counts with its error.
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
	if !rereadable(file) { // it could hold the watch up for ever
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

// watcher finds out when files have changed and rest again.
type watcher struct {
	last  string // the digest of the look before
	looks int    // that have seen last, in a row
}

// changed takes a look and reports whether it is news to who has tried the files with
// this digest last.
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

// watch looks at the manager's files at every watchInterval until ctx is done, and
// sends the sights that are news to it.
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
