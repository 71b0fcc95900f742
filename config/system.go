package config

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// A system is the environment of a configuration: variables and files.
type system struct {
	lookupEnv func(name string) (value string, set bool)

	// glob lists the files that match the pattern of an include, sorted. A relative
	// pattern begins at dir.
	glob func(dir, pattern string) ([]string, error)

	// readFile reads a regular file, up to one byte more than most.
	readFile func(path string, most int) ([]byte, error)
}

var thisSystem = system{lookupEnv: os.LookupEnv, glob: glob, readFile: readFile}

// isGlob reports whether an include is a pattern and not the name of one file.
func isGlob(pattern string) bool { return strings.ContainsAny(pattern, "*?[") }

func glob(dir, pattern string) ([]string, error) {
	if strings.Contains(pattern, "**") {
		return nil, fmt.Errorf("%s has **; write a pattern for each level of folders, as a/*.yaml and a/*/*.yaml", quote(pattern))
	}
	pattern = filepath.Clean(pattern)
	relative := !filepath.IsAbs(pattern)
	switch {
	case !isGlob(pattern) && relative:
		return []string{filepath.Join(dir, pattern)}, nil
	case !isGlob(pattern):
		return []string{pattern}, nil
	case relative:
		pattern = filepath.Join(escape(dir), pattern)
	}
	paths, err := filepath.Glob(pattern)
	if err != nil {
		return nil, fmt.Errorf("%s is not a pattern; a [ has a ] that ends it", quote(pattern))
	}
	// A missing folder has no files; an unreadable folder hides its files.
	if err := readable(pattern); err != nil {
		return nil, err
	}
	paths = slices.DeleteFunc(paths, func(path string) bool { return hidden(pattern, path) })
	slices.Sort(paths)
	return paths, nil
}

// escape returns a pattern that only matches path.
func escape(path string) string {
	return strings.NewReplacer(`\`, `\\`, "*", `\*`, "?", `\?`, "[", `\[`).Replace(path)
}

// readable returns an error if the folder before the first wildcard of a pattern exists
// and cannot be listed.
func readable(pattern string) error {
	dir := pattern
	for unescaped := strings.NewReplacer(`\\`, "", `\*`, "", `\?`, "", `\[`, ""); isGlob(unescaped.Replace(dir)); {
		dir = filepath.Dir(dir)
	}
	dir = strings.NewReplacer(`\\`, `\`, `\*`, "*", `\?`, "?", `\[`, "[").Replace(dir)
	if _, err := os.ReadDir(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("cannot list %s: %w", dir, reason(err))
	}
	return nil
}

// hidden reports whether a part of path begins with a dot and the matching part of the
// pattern does not. As in a shell, * does not match such names: editors and Kubernetes
// use them for files of their own.
func hidden(pattern, path string) bool {
	patterns, parts := strings.Split(pattern, "/"), strings.Split(filepath.ToSlash(path), "/")
	for i := range min(len(patterns), len(parts)) {
		if strings.HasPrefix(parts[i], ".") && !strings.HasPrefix(patterns[i], ".") {
			return true
		}
	}
	return false
}

func readFile(path string, most int) ([]byte, error) {
	info, err := os.Stat(path) // first, because opening a FIFO waits for its writer
	switch {
	case err != nil:
		return nil, fmt.Errorf("cannot open %s: %w", path, reason(err))
	case info.IsDir():
		return nil, fmt.Errorf("%s is a directory; include the files in it, as %s", path, filepath.Join(path, "*.yaml"))
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s is not a regular file", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("cannot open %s: %w", path, reason(err))
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, int64(most)+1))
	if err != nil {
		return nil, fmt.Errorf("cannot read %s: %w", path, reason(err))
	}
	return data, nil
}

// reason returns the cause in the error of a system call.
func reason(err error) error {
	var pe *os.PathError
	if errors.As(err, &pe) {
		return pe.Err
	}
	return err
}
