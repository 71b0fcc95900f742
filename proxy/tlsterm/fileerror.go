package tlsterm

import (
	"errors"
	"fmt"
	"io/fs"
)

// FileError is an error of a file, or a warning about one. Err never quotes the content of the file.
type FileError struct {
	Kind Kind // what the file is for
	File string
	Line int // 0: the whole file
	Err  error
}

func (e *FileError) Error() string {
	if e.Line > 0 {
		return fmt.Sprintf("%s:%d: %v", e.File, e.Line, e.Err)
	}
	return fmt.Sprintf("%s: %v", e.File, e.Err)
}

func (e *FileError) Unwrap() error { return e.Err }

// aboutFile makes err, which is not nil, a FileError.
func aboutFile(kind Kind, file string, err error) error {
	if err == nil {
		return nil
	}
	e := &FileError{Kind: kind, File: file, Err: err}
	if path, ok := errors.AsType[*fs.PathError](err); ok { // it names the file, too
		e.Err = path.Err
	}
	if at, ok := errors.AsType[*lineError](err); ok {
		e.Line, e.Err = at.line, at.err
	}
	return e
}

// lineError is an error at a line of a file.
type lineError struct {
	line int
	err  error
}

func (e *lineError) Error() string { return fmt.Sprintf("line %d: %v", e.line, e.err) }
