package ctl

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"mqttlb/cmd/terminal"
)

// footLines is how many lines of a screen are below those of render.
const footLines = 2

// render makes the lines of a screen, of which this many are shown; 0: all.
type render func(client *client, p page, height int) ([]string, error)

// live shows what render makes, again and again, until q or control-C. Without a
// terminal it prints the lines, one screen after the other.
func (c *connection) live(cmd *cobra.Command, every time.Duration, render render) error {
	client, err := c.client()
	if err != nil {
		return err
	}
	if !terminal.CanRedraw(cmd.OutOrStdout()) {
		return c.follow(cmd, every, client, render)
	}
	tty, err := terminal.Open()
	if err != nil {
		return err
	}
	defer tty.Close()
	give, err := tty.Take()
	if err != nil {
		return err
	}
	ctx, quit := context.WithCancel(cmd.Context())
	cmd.SetContext(ctx) // a key ends a request in progress, too
	var running sync.WaitGroup
	running.Go(func() { drawScreens(cmd, c.pageOf(cmd), every, tty, client, render) }) // ends with ctx
	keys := make(chan byte)
	go tty.ReadKeys(ctx, keys) // ends when the terminal is closed
	for quitting := false; !quitting; {
		select {
		case key, ok := <-keys:
			quitting = !ok || terminal.Quits(key)
		case <-ctx.Done():
			quitting = true
		}
	}
	quit()
	running.Wait()
	return give()
}

// drawScreens draws a screen after the other until the context of cmd is done. While
// there is no answer, it keeps the last screen and says why.
func drawScreens(cmd *cobra.Command, p page, every time.Duration, tty *terminal.Terminal, client *client, render render) {
	var lines []string
	for cmd.Context().Err() == nil {
		var height int
		p.width, height = tty.Size()
		next, err := render(client, p, max(height-footLines, 1))
		if cmd.Context().Err() != nil {
			return
		}
		now := time.Now().Format(time.TimeOnly)
		foot := p.paint(faint, now+"  q quits")
		if err != nil {
			text, _, _ := strings.Cut(terminal.PrintableLines(err.Error()), "\n")
			foot = p.paint(bad, now+"  "+text)
		} else {
			lines = next
		}
		if tty.Draw(screenful(lines, foot, height)) != nil {
			return
		}
		select {
		case <-time.After(every):
		case <-cmd.Context().Done():
		}
	}
}

// screenful fills a screen with lines, and ends it with foot. The lines that do not fit
// are left out, and counted.
func screenful(lines []string, foot string, height int) []string {
	const eraseLine = "\x1b[2K"
	room := max(height-footLines, 0)
	out := make([]string, 0, height)
	for i, line := range lines {
		if len(lines) > room && i == room-1 {
			out = append(out, fmt.Sprintf("... %d more lines", len(lines)-i))
			break
		}
		out = append(out, line)
	}
	for len(out) < height-1 {
		out = append(out, "")
	}
	out = append(out, foot)
	out = out[max(len(out)-height, 0):]
	for i := range out {
		out[i] = eraseLine + out[i]
	}
	return out
}

// follow prints the lines of render, again and again, until the context of cmd is done.
func (c *connection) follow(cmd *cobra.Command, every time.Duration, client *client, render render) error {
	for {
		lines, err := render(client, c.pageOf(cmd), 0)
		if err == nil {
			err = printLines(cmd.OutOrStdout(), append(lines, ""))
		}
		if err != nil {
			return err
		}
		select {
		case <-time.After(every):
		case <-cmd.Context().Done():
			return nil
		}
	}
}
