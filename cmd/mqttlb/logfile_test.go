package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mqttlb/config"
)

// A disk that fills up within a line takes a part of it. The next line begins a line.
func TestALineAfterATornOneIsWhole(t *testing.T) {
	reader, writer, err := os.Pipe() // takes 64 KiB, and then nothing
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	info, err := writer.Stat()
	if err != nil {
		t.Fatal(err)
	}
	s := &fileSink{path: "a pipe", file: writer, info: info, looked: time.Now().Add(time.Hour)}
	defer s.close()
	begun := make(chan struct{})
	go func() { // ends with the first byte: the write has begun, and the pipe is too small for it
		_, _ = reader.Read(make([]byte, 1))
		_ = writer.SetWriteDeadline(time.Now())
		close(begun)
	}()
	long := textLine(sessionLine, "%s", strings.Repeat("long ", 50_000))
	if err := s.write(&long); err == nil {
		t.Fatal("a pipe took 250 KB")
	}
	<-begun
	_ = writer.SetWriteDeadline(time.Time{})
	read := make(chan string)
	go func() { // ends at the close of the writer
		all, _ := io.ReadAll(reader)
		read <- string(all)
	}()
	for i := range 3 {
		l := textLine(sessionLine, "line %d", i)
		if err := s.write(&l); err != nil {
			t.Error(err)
		}
	}
	s.close()
	if lines := strings.Split(<-read, "\n"); len(lines) != 5 || lines[1] != "line 0" || lines[3] != "line 2" {
		t.Errorf("%d lines, the last of them %q", len(lines), lines[max(0, len(lines)-4):])
	}
}

// A file whose other name would be too long goes on to grow.
func TestALogFileThatCannotBeRotatedGrows(t *testing.T) {
	path := filepath.Join(t.TempDir(), strings.Repeat("n", 250))
	var said noticeList
	s, err := openFile(path, config.LogRotate{Size: 100, Keep: 1}, said.add)
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	const lines = 50
	for i := range lines {
		l := textLine(sessionLine, "line %d", i)
		if err := s.write(&l); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(path)
	if err != nil || strings.Count(string(text), "\n") != lines {
		t.Errorf("%v, %q", err, text)
	}
	if all := said.all(); len(all) != 1 || !strings.Contains(all[0], "the log file is not rotated") || !strings.Contains(all[0], "name too long") {
		t.Errorf("said %q", all)
	}
}

// The file system of a folder that is gone may come back, so nothing else is put in its place.
func TestRotationMakesNoFolder(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "folder")
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	var said noticeList
	s, err := openFile(filepath.Join(folder, "log"), config.LogRotate{Size: 100, Keep: 1}, said.add)
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	l := textLine(sessionLine, "%s", strings.Repeat("x", 80))
	if err := s.write(&l); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(folder); err != nil {
		t.Fatal(err)
	}
	s.looked = time.Now().Add(time.Hour) // less than a second ago
	if err := s.write(&l); err == nil {
		t.Error("a line is written without a folder")
	}
	if _, err := os.Stat(folder); err == nil {
		t.Error("the folder was made")
	}
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := s.write(&l); err != nil {
		t.Errorf("once the folder is back: %v", err)
	}
}

// Two processes write to one file while the second takes over.
func TestTwoProcessesShareALogFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	var said noticeList
	var sinks [2]*fileSink
	for i := range sinks {
		var err error
		if sinks[i], err = openFile(path, config.LogRotate{Size: 1000, Keep: 100}, said.add); err != nil {
			t.Fatal(err)
		}
		defer sinks[i].close()
	}
	const lines = 200
	for i := range lines {
		s := sinks[i%2]
		s.looked = time.Time{} // as after a second
		eventuallyHere(t, "earlier files are in order", func() bool { return !s.tidying.Load() })
		l := textLine(sessionLine, "line %03d", i)
		if err := s.write(&l); err != nil {
			t.Fatal(err)
		}
	}
	files, err := filepath.Glob(path + "*")
	if err != nil || len(files) != 2 {
		t.Fatalf("the files are %q (%v)", files, err)
	}
	var all string
	for _, file := range []string{files[1], files[0]} { // the earlier one first
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		all += string(text)
	}
	for i, line := range strings.Split(strings.TrimSuffix(all, "\n"), "\n") {
		if want := fmt.Sprintf("line %03d", i); line != want {
			t.Fatalf("line %d is %q", i, line)
		}
	}
	if len(said.all()) > 0 {
		t.Errorf("said %q", said.all())
	}
}
