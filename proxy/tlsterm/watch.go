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

// Run looks at the files every few seconds and reloads them when they have changed, and gives tickets a new key in
// time. It returns when ctx ends.
//
// It looks instead of being told (inotify): a watch on a file does not see the directory's symbolic link swapped, as
// Kubernetes does it, nor anything on a network file system, and a stat every 3 s costs nothing.
func (t *Terminator) Run(ctx context.Context) {
	logger := t.options.Logger
	if logger == nil {
		logger = slog.New(slog.DiscardHandler)
	}
	look := time.NewTicker(pollInterval)
	defer look.Stop()
	for seen := ""; ; {
		select {
		case <-ctx.Done():
			return
		case <-look.C:
		}
		t.rotate()
		before := seen
		if seen = t.options.fingerprint(); seen == t.current.Load().files || seen != before {
			continue // no change, or one that may still go on
		}
		if err := t.Reload(); err != nil {
			logger.Error("reloading certificates failed, the last good ones stay", "error", err)
			continue
		}
		logger.Info("certificates reloaded")
	}
}

// fingerprint changes when a file does: its content, by size and time of modification, or the file that a path with
// symbolic links leads to.
func (o *Options) fingerprint() string {
	var b strings.Builder
	for _, f := range o.files() {
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

// secrets are the files of o that have keys.
func (o *Options) secrets() []string {
	var list []string
	for _, c := range o.Certificates {
		list = append(list, c.keyFile())
	}
	if o.TicketKeys != "" {
		list = append(list, o.TicketKeys)
	}
	return list
}

// files are all files of o.
func (o *Options) files() []string {
	var list []string
	for _, c := range o.Certificates {
		list = append(list, c.files()...)
	}
	if o.ClientCA != "" {
		list = append(list, o.ClientCA)
	}
	list = append(list, o.CRLs...)
	if o.TicketKeys != "" {
		list = append(list, o.TicketKeys)
	}
	return list
}
