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

// frameInterval is how often the size of the terminal is read and the screen drawn, if
// it has changed.
const frameInterval = 100 * time.Millisecond

// canRedraw reports whether w is a terminal that understands escape sequences.
func canRedraw(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && os.Getenv("TERM") != "dumb" && term.IsTerminal(int(f.Fd()))
}

// terminal is the screen and the keyboard. superviseDemo prepares and restores its
// modes.
type terminal struct {
	*os.File
	drawn string // the frame on the screen
}

// openTerminal opens the controlling terminal. Unlike standard input, a file of our own
// can be closed to end a read.
func openTerminal() (*terminal, error) {
	f, err := os.OpenFile("/dev/tty", os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	return &terminal{File: f}, nil
}

// size returns the size of the terminal, in characters.
func (t *terminal) size() (width, height int) {
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

// draw replaces the content of the screen in one write. The lines must fill the screen.
func (t *terminal) draw(lines []string) error {
	frame := "\x1b[H" + strings.Join(lines, "\r\n")
	if frame == t.drawn {
		return nil
	}
	t.drawn = frame
	_, err := t.WriteString(frame)
	return err
}

// readKeys sends each key to keys until the terminal is closed or ctx is done. Then it
// closes keys.
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

// showLive draws the board and handles keys until ctx is done. It calls quit when a key
// asks for it, and when the terminal or the parent process is gone.
func showLive(ctx context.Context, quit func(), tty *terminal, t *trial, color bool) {
	keys := make(chan byte)
	go tty.readKeys(ctx, keys) // ends when demo closes the terminal
	parent := os.Getppid()     // the process that runs superviseDemo
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
			const ctrlC, ctrlD = 3, 4 // a raw terminal sends no signals for them
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

// liveHints returns the hints that need a screen and a keyboard.
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
