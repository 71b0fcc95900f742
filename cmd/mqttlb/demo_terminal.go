package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/term"
)

// frameInterval is how often the screen is drawn again, if it has changed. The
// terminal's size is looked at as often.
const frameInterval = 100 * time.Millisecond

// canRedraw reports whether w is a terminal that knows escape sequences.
func canRedraw(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && os.Getenv("TERM") != "dumb" && term.IsTerminal(int(f.Fd()))
}

// terminal is the screen and the keyboard of the person who watches. What must
// be undone in the end is superviseDemo's.
type terminal struct {
	*os.File
	drawn string
}

// openTerminal opens the controlling terminal: unlike standard input, a file of
// our own can be closed under a read.
func openTerminal() (*terminal, error) {
	f, err := os.OpenFile("/dev/tty", os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	return &terminal{File: f}, nil
}

// size is what there is room for, in characters.
func (t *terminal) size() (width, height int) {
	width, height = 80, 24 // of a terminal that does not say, as a serial line
	conn, err := t.SyscallConn()
	if err != nil {
		return width, height
	}
	_ = conn.Control(func(fd uintptr) { // fails when closed, and then the size is of no use
		if w, h, err := term.GetSize(int(fd)); err == nil && w > 0 && h > 0 {
			width, height = w, h
		}
	})
	return width, height
}

// draw replaces what is shown by lines that fill the screen, in place and in one
// write.
func (t *terminal) draw(lines []string) error {
	frame := "\x1b[H" + strings.Join(lines, "\r\n")
	if frame == t.drawn {
		return nil
	}
	t.drawn = frame
	_, err := t.WriteString(frame)
	return err
}

// readKeys sends each key that is pressed, until the terminal is closed or ctx
// is done, and closes keys.
func (t *terminal) readKeys(ctx context.Context, keys chan<- byte) {
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

// showLive shows the board and obeys the keyboard until ctx is done. It calls
// quit when the person wants to, and when nobody is there any more.
func showLive(ctx context.Context, quit func(), tty *terminal, t *trial, color bool) {
	keys := make(chan byte)
	go tty.readKeys(ctx, keys) // ends when demo closes the terminal
	parent := os.Getppid()     // holds the terminal
	tick := time.NewTicker(frameInterval)
	defer tick.Stop()
	for {
		s := screen{now: time.Now(), color: color}
		s.width, s.height = tty.size()
		v := t.board.view(s.height)
		if tty.draw(s.lines(v, headline(t), append(liveHints(v), hints(t)...))) != nil || os.Getppid() != parent {
			quit()
		}
		select {
		case key, ok := <-keys:
			const ctrlC, ctrlD = 3, 4 // a raw terminal makes no signals of them
			switch {
			case !ok, key == 'q', key == 'Q', key == ctrlC, key == ctrlD:
				quit()
				keys = nil
			case key >= '1' && int(key-'1') < len(t.brokers):
				t.toggle(int(key - '1'))
			}
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// liveHints are the hints that need a screen and a keyboard.
func liveHints(v view) []hint {
	keys := make([]string, 0, len(v.nodes)+1)
	for i, n := range v.nodes {
		does := "kills"
		if !n.alive {
			does = "starts"
		}
		keys = append(keys, fmt.Sprintf("%d %s %s", i+1, does, n.name))
	}
	keys = append(keys, "q quits")
	return []hint{
		{"keys", strings.Join(keys, "   ")},
		{"marks", "> has just moved   ~ is away from home until it next connects"},
	}
}
