package admin

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
)

const (
	// minToken is the least length of a token. 16 random letters and digits have 95 bits.
	minToken = 16
	// maxSecret limits the first line of a file with a secret, in bytes.
	maxSecret = 8 << 10
)

// ReadToken returns the token in the first line of a file. The warning is not empty if the file needs
// attention.
func ReadToken(path string) (token, warning string, err error) {
	line, warning, err := ReadSecret(path, "the token")
	if err != nil {
		return "", "", err
	}
	token = strings.TrimSpace(line)
	switch {
	case token == "":
		return "", "", fmt.Errorf("%s: the first line is empty; write a token there, as openssl rand -hex 32 makes one", path)
	case len(token) < minToken:
		return "", "", fmt.Errorf("%s: the token in the first line has %d characters; it needs %d or more, as openssl rand -hex 32 makes them", path, len(token), minToken)
	case strings.ContainsFunc(token, func(c rune) bool { return c <= ' ' || c > '~' }):
		return "", "", fmt.Errorf("%s: the token in the first line may have letters, digits and marks of ASCII, and no spaces", path)
	}
	return token, warning, nil
}

// ReadSecret returns the first line of a file, without the end of the line. The warning is not empty if the file
// needs attention; what names the secret in it.
func ReadSecret(path, what string) (line, warning string, err error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", "", fmt.Errorf("%s: cannot be read: %w", path, withoutPath(err))
	}
	if !info.Mode().IsRegular() {
		return "", "", fmt.Errorf("%s: is not a regular file", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return "", "", fmt.Errorf("%s: cannot be read: %w", path, withoutPath(err))
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxSecret+1))
	if err != nil {
		return "", "", fmt.Errorf("%s: cannot be read: %w", path, withoutPath(err))
	}
	if bytes.HasPrefix(text, []byte("\xff\xfe")) || bytes.HasPrefix(text, []byte("\xfe\xff")) {
		return "", "", fmt.Errorf("%s: is UTF-16, as some editors of Windows write it: save it as ANSI or UTF-8", path)
	}
	line, _, _ = strings.Cut(strings.TrimPrefix(string(text), "\ufeff"), "\n") // a byte order mark is none of the secret
	if len(line) > maxSecret {
		return "", "", fmt.Errorf("%s: the first line has more than %d bytes", path, maxSecret)
	}
	if mode := info.Mode().Perm(); mode&0o004 != 0 {
		warning = fmt.Sprintf("%s holds %s and everybody on this machine may read it (mode %#o)", path, what, mode)
	}
	return strings.TrimSuffix(line, "\r"), warning, nil
}

// withoutPath returns the cause of an error that names the path.
func withoutPath(err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return pe.Err
	}
	return err
}
