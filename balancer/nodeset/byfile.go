package nodeset

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"time"
)

// errUnchanged says that a file is as it was, or not stable yet.
var errUnchanged = errors.New("the file has not changed")

// fileReads are the last reads of a file.
type fileReads struct {
	tried content // that was parsed last
	last  content
	reads int // in a row that found last
}

// content is what a read of a file has found.
type content struct {
	data []byte
	err  string // why it could not be read
}

func (c content) equal(o content) bool { return c.err == o.err && bytes.Equal(c.data, o.data) }

// byFile reads the file. It parses a content that is new and stable; the first one at once.
func (w *watched) byFile() ([]Node, time.Duration, error) {
	data, err := readFile(w.Name)
	now := content{data: data}
	if err != nil {
		now.err = err.Error()
	}
	f := &w.file
	if f.reads == 0 || !now.equal(f.last) {
		f.last, f.reads = now, 0
	}
	f.reads++
	w.sets.mu.Lock()
	parse, known := w.parse, w.set.Known
	again := w.again || !w.empty.IsZero() && len(w.set.Nodes) > 0 // a grace may end
	due := !known || f.reads >= stableReads && (again || !now.equal(f.tried))
	w.again = w.again && !due
	w.sets.mu.Unlock()
	if !due {
		return nil, fileInterval, errUnchanged
	}
	f.tried = now
	if err != nil {
		return nil, fileInterval, err
	}
	nodes, err := parse(data)
	if err != nil {
		return nil, fileInterval, err
	}
	sortNodes(nodes)
	return nodes, fileInterval, nil
}

// readFile reads a regular file: a pipe could block for ever.
func readFile(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a regular file", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxFileSize))
}
