package ctl

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"mqttlb/cmd/terminal"
	"mqttlb/proxy/admin/api"
)

const (
	// waitInterval is how often --wait looks.
	waitInterval = time.Second
	// waitLines is how often --wait prints a line where it cannot replace the last one.
	waitLines = 10 * time.Second
)

// changeAndWait changes a node and waits until its last session has left. The progress
// goes to stderr, since with --json the answer is for a program.
func changeAndWait(cmd *cobra.Command, c *connection, name, verb string, change api.NodeChange) error {
	client, err := c.client()
	if err != nil {
		return err
	}
	a, err := client.ask(cmd.Context(), nodeRequest(name, verb, change))
	if err != nil {
		return err
	}
	if !a.ok() && c.json {
		return printJSON(cmd.OutOrStdout(), a)
	}
	var node api.Node
	if err := a.into(client, &node); err != nil {
		return err
	}
	printWarnings(cmd, node.Warnings)
	shown := &progressLine{cmd: cmd, redraw: terminal.CanRedraw(cmd.ErrOrStderr())}
	for left(&node) > 0 {
		shown.show(progress(&node))
		select {
		case <-time.After(waitInterval):
		case <-cmd.Context().Done():
			shown.end()
			return fmt.Errorf("stopped waiting; the sessions of %s go on leaving", terminal.Printable(name))
		}
		nodes, err := get[api.Nodes](cmd, client, "/api/v1/nodes")
		if err != nil {
			shown.end()
			return err
		}
		if err := findNode(&nodes, &node); err != nil {
			shown.end()
			return err
		}
	}
	shown.end()
	if c.json {
		text, err := json.Marshal(node)
		if err != nil {
			return err
		}
		return printJSON(cmd.OutOrStdout(), &answer{status: a.status, body: text})
	}
	_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s: the last session has left\n", terminal.Printable(node.Name))
	return err
}

// findNode replaces node by its new state. It is an error if its sessions no longer
// leave.
func findNode(nodes *api.Nodes, node *api.Node) error {
	name := terminal.Printable(node.Name)
	for _, n := range nodes.Nodes {
		if n.Name != node.Name {
			continue
		}
		*node = n
		if n.Operator.State != api.Draining && n.Operator.State != api.Disabled {
			return fmt.Errorf("%s has been enabled again, with %s left", name, count(left(node), "session"))
		}
		return nil
	}
	return fmt.Errorf("%s is gone: no pool has it, and the operator's word about it has been taken back", name)
}

// progressLine is a line on stderr that is replaced by the next one.
type progressLine struct {
	cmd    *cobra.Command
	redraw bool // stderr is a terminal
	last   time.Time
	shown  bool
}

func (l *progressLine) show(text string) {
	out := l.cmd.ErrOrStderr()
	switch {
	case l.redraw:
		if width := terminal.Columns(out); width > 0 {
			text = terminal.Cut(text, width-1)
		}
		fmt.Fprint(out, "\r\x1b[K"+text)
		l.shown = true
	case time.Since(l.last) >= waitLines:
		l.last = time.Now()
		fmt.Fprintln(out, text)
	}
}

// end leaves the line to those that follow.
func (l *progressLine) end() {
	if l.shown {
		fmt.Fprint(l.cmd.ErrOrStderr(), "\r\x1b[K")
	}
	l.shown = false
}
