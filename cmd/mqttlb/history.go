package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"

	"mqttlb/config"
)

// history is the state directory. It holds the last good configuration, for a start
// with a broken file.
type history struct{ dir string }

// file is the path of the last good configuration.
func (h history) file() string { return filepath.Join(h.dir, config.LastGood) }

// save replaces the file in one step, so that it is whole at every moment.
func (h history) save(text []byte) error {
	if old, err := os.ReadFile(h.file()); err == nil && bytes.Equal(old, text) {
		return nil
	}
	return replaceFile(h.file(), text)
}

// hint tells an operator whose file is broken how to start with the last good
// configuration. It is empty if there is none.
func (h history) hint(file string) string {
	if h.dir == "" {
		return ""
	}
	info, err := os.Stat(h.file())
	if err != nil || !info.Mode().IsRegular() {
		return ""
	}
	return fmt.Sprintf("the last good configuration, of %s, is kept in %s: mqttlb serve -c %s --fallback --state-dir %s starts with it",
		info.ModTime().Format("2006-01-02 15:04:05 MST"), h.file(), file, h.dir)
}

// read reads the last good configuration, for --fallback.
func (h history) read(log *slog.Logger) (*revision, error) {
	if h.dir == "" {
		return nil, errors.New("--fallback: no folder is known where the last good configuration is kept; name it with --state-dir")
	}
	switch _, err := os.Stat(h.file()); {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("--fallback: %s does not exist: no start or reload has succeeded with this folder as admin.state_dir", h.file())
	case err != nil:
		return nil, fmt.Errorf("--fallback: %w", err)
	case !rereadable(h.file()):
		return nil, fmt.Errorf("--fallback: %s is not a regular file", h.file())
	}
	cfg, err := config.Load(h.file())
	if err == nil {
		var r *revision
		if r, err = newRevision(cfg, h.file(), nil, loadOperators(cfg, log), log); err == nil {
			return r, nil
		}
	}
	return nil, append(faults{{line: "--fallback: the last good configuration in " + h.dir + " is broken, too"}}, faultsOf(h.file(), err)...)
}
