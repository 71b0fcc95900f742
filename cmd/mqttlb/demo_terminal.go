package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"mqttlb/cmd/terminal"
)

// frameInterval is how often the size of the terminal is read and the screen drawn, if
// it has changed.
const frameInterval = 100 * time.Millisecond

// maxKeyHints is how many brokers have hints of their own: more take several lines.
const maxKeyHints = 3

// showLive draws the board and handles keys until ctx is done. It calls quit when a key
// asks for it, and when the terminal or the parent process is gone.
func showLive(ctx context.Context, quit func(), tty *terminal.Terminal, t *trial, color bool) {
	keys := make(chan byte)
	go tty.ReadKeys(ctx, keys) // ends when demo closes the terminal
	parent := os.Getppid()     // the process that runs superviseDemo
	tick := time.NewTicker(frameInterval)
	defer tick.Stop()
	for {
		s := screen{now: time.Now(), color: color}
		s.width, s.height = tty.Size()
		v := t.board.view(maxEvents)
		if tty.Draw(s.lines(v, headline(t), append(liveHints(v), hints(t)...))) != nil || os.Getppid() != parent {
			quit()
		}
		select {
		case key, ok := <-keys:
			switch {
			case !ok, terminal.Quits(key):
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
	if len(v.nodes) > maxKeyHints {
		keys = append(keys, fmt.Sprintf("1 to %d kill a broker, or start it again", len(v.nodes)))
	}
	for i, n := range v.nodes {
		if len(v.nodes) > maxKeyHints {
			break
		}
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
