package main

import (
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/DeRuina/timberjack"

	"mqttlb/config"
)

const (
	// logMode is the mode of a log file: lines name clients.
	logMode = 0o640
	// logLook is how often the name of a log file is looked up, to find out whether it was
	// moved.
	logLook = time.Second
)

// fileSink writes lines to a file. It follows the name: when the file was moved or removed,
// it makes a new one. Lines are appended whole, so that two processes can share the file,
// as at an upgrade.
type fileSink struct {
	path    string
	rotate  config.LogRotate
	trouble logNotice // says why the file is not rotated

	file   *os.File    // nil: it must be opened
	info   os.FileInfo // of file
	size   int64
	looked time.Time // when the name was looked up
	torn   bool      // the last write ended within a line

	tidying    atomic.Bool // earlier files are being compressed and removed
	tryRotate  time.Time   // not before, since it has failed
	tidyEnding chan struct{}
}

// openFile opens a log file, and makes it if it does not exist. It makes no folder: the
// folder may be a file system that is not mounted now.
func openFile(path string, rotate config.LogRotate, trouble logNotice) (*fileSink, error) {
	s := &fileSink{path: path, rotate: rotate, trouble: trouble}
	return s, s.open()
}

func (s *fileSink) style() lineStyle { return timed }

// open opens the file that the name leads to now.
func (s *fileSink) open() error {
	if s.file != nil {
		_ = s.file.Close()
		s.file = nil
	}
	// A pipe that nobody reads is an error then, and does not block.
	file, err := os.OpenFile(s.path, os.O_APPEND|os.O_CREATE|os.O_WRONLY|syscall.O_NONBLOCK, logMode)
	if err != nil {
		return errors.Unwrap(err)
	}
	info, err := file.Stat()
	if err != nil {
		_ = file.Close()
		return err
	}
	s.file, s.info, s.size, s.looked = file, info, info.Size(), time.Now()
	return nil
}

// follow opens the file anew if its name leads to another one, or to none.
func (s *fileSink) follow() error {
	if s.file == nil {
		return s.open()
	}
	if time.Since(s.looked) < logLook {
		return nil
	}
	s.looked = time.Now()
	info, err := os.Stat(s.path)
	switch {
	case err == nil && os.SameFile(info, s.info):
		s.size = info.Size() // another process may have written to it, or have emptied it
		return nil
	case err == nil, errors.Is(err, fs.ErrNotExist):
		s.torn = false
		return s.open()
	}
	return nil // the folder cannot be searched: the open file is still good
}

func (s *fileSink) reopen() error {
	s.looked = time.Time{}
	return s.follow()
}

func (s *fileSink) write(l *logLine) error {
	if err := s.follow(); err != nil {
		return err
	}
	if s.isFull(l) {
		// Look at the name first: a folder that is gone would be made, and its file system may be back later.
		if err := s.reopen(); err != nil {
			return err
		}
		if s.isFull(l) {
			if err := s.putAside(); err != nil {
				return err
			}
		}
	}
	text := l.text
	if s.torn {
		text = append([]byte{'\n'}, text...)
	}
	n, err := s.file.Write(text)
	s.size += int64(n)
	if n > 0 {
		s.torn = text[n-1] != '\n'
	}
	if err != nil {
		return errors.Unwrap(err)
	}
	return nil
}

// isFull reports whether a line makes the file too large.
func (s *fileSink) isFull(l *logLine) bool {
	limit := int64(s.rotate.Size)
	return limit > 0 && s.size > 0 && s.size+int64(len(l.text)) > limit && s.info.Mode().IsRegular()
}

// putAside gives the file a name with the time, and opens a new one. If this fails, the
// file goes on to grow, and a line says so; the error is that of opening it.
func (s *fileSink) putAside() error {
	if s.tidying.Load() || time.Now().Before(s.tryRotate) {
		return nil
	}
	_ = s.file.Close()
	s.file = nil
	// One for each time: it keeps the new file open, and cannot notice that it was moved.
	files := &timberjack.Logger{
		Filename: s.path, FileMode: logMode, MaxBackups: s.rotate.Keep, MaxAge: int(s.rotate.Age / (24 * time.Hour)), Compression: "none",
	}
	if s.rotate.Compress {
		files.Compression = "gzip"
	}
	if err := files.RotateWithReason("size"); err != nil {
		s.tryRotate = time.Now().Add(logRepeat)
		s.trouble(slog.LevelError, "the log file is not rotated", slog.String("output", s.path), slog.Any("error", err))
	}
	s.tidying.Store(true)
	s.tidyEnding = make(chan struct{})
	go func() { // ends when the earlier files are compressed and removed
		defer close(s.tidyEnding)
		_ = files.Close()
		s.tidying.Store(false)
	}()
	return s.open()
}

// close closes the file and waits until earlier files are compressed.
func (s *fileSink) close() {
	if s.file != nil {
		_ = s.file.Close()
		s.file = nil
	}
	if s.tidyEnding != nil {
		<-s.tidyEnding
	}
}
