// Package terminal draws text on the terminal of an operator: full screens, and text of
// others that must neither move the cursor nor break the columns.
package terminal

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"
)

const (
	// enterScreen switches to the alternate screen, hides the cursor and stops the
	// wrapping of long lines; leaveScreen undoes that.
	enterScreen = "\x1b[?1049h\x1b[?25l\x1b[?7l"
	leaveScreen = "\x1b[?7h\x1b[?25h\x1b[?1049l"
)

// Is reports whether w, or a reader, is a terminal.
func Is(w any) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// CanRedraw reports whether w is a terminal that understands escape sequences.
func CanRedraw(w io.Writer) bool { return Is(w) && os.Getenv("TERM") != "dumb" }

// HasColor reports whether w is a terminal that may show colors.
func HasColor(w io.Writer) bool { return CanRedraw(w) && os.Getenv("NO_COLOR") == "" }

// Columns is the width of w if it is a terminal, and otherwise 0.
func Columns(w io.Writer) int {
	f, ok := w.(*os.File)
	if !ok {
		return 0
	}
	width, _, err := term.GetSize(int(f.Fd()))
	if err != nil {
		return 0
	}
	return width
}

// Terminal is the screen and the keyboard of the process.
type Terminal struct {
	*os.File
	drawn string // the frame on the screen
}

// Open opens the controlling terminal. Unlike standard input, a file of our own can be
// closed to end a read.
func Open() (*Terminal, error) {
	f, err := os.OpenFile("/dev/tty", os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	return &Terminal{File: f}, nil
}

// Take prepares the terminal for Draw and ReadKeys. give restores it.
func (t *Terminal) Take() (give func() error, err error) {
	fd := int(t.Fd())
	before, err := term.MakeRaw(fd)
	if err != nil {
		return nil, fmt.Errorf("prepare the terminal: %w", err)
	}
	fmt.Fprint(t, enterScreen)
	return func() error {
		fmt.Fprint(t, leaveScreen)
		return term.Restore(fd, before)
	}, nil
}

// Size returns the size of the terminal, in characters.
func (t *Terminal) Size() (width, height int) {
	width, height = 80, 24 // for a terminal that does not tell its size, such as a serial line
	conn, err := t.SyscallConn()
	if err != nil {
		return width, height
	}
	_ = conn.Control(func(fd uintptr) { // fails only when closed; nobody needs the size then
		if w, h, err := term.GetSize(int(fd)); err == nil && w > 0 && h > 0 {
			width, height = w, h
		}
	})
	return width, height
}

// Draw replaces the content of the screen in one write. The lines must fill the screen.
func (t *Terminal) Draw(lines []string) error {
	frame := "\x1b[H" + strings.Join(lines, "\r\n")
	if frame == t.drawn {
		return nil
	}
	t.drawn = frame
	_, err := t.WriteString(frame)
	return err
}

// ReadKeys sends each key to keys until the terminal is closed or ctx is done. Then it
// closes keys.
func (t *Terminal) ReadKeys(ctx context.Context, keys chan<- byte) {
	defer close(keys)
	var b [1]byte
	for {
		if _, err := t.Read(b[:]); err != nil {
			return
		}
		select {
		case keys <- b[0]:
		case <-ctx.Done():
			return
		}
	}
}

// Quits reports whether a key means the end. A raw terminal sends no signals for
// control-C.
func Quits(key byte) bool {
	const ctrlC, ctrlD = 3, 4
	return key == 'q' || key == 'Q' || key == ctrlC || key == ctrlD
}
