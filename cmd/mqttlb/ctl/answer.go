package ctl

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"mqttlb/cmd/cli"
	"mqttlb/cmd/terminal"
	"mqttlb/proxy/admin/api"
)

// show sends a request and prints the answer: with --json as it is, or else with display.
func show[T any](cmd *cobra.Command, c *connection, r request, display func(T) error) error {
	client, err := c.client()
	if err != nil {
		return err
	}
	a, err := client.ask(cmd.Context(), r)
	switch {
	case err != nil:
		return err
	case c.json:
		return printJSON(cmd.OutOrStdout(), a)
	}
	var t T
	if err := a.into(client, &t); err != nil {
		return err
	}
	return display(t)
}

// printWarnings prints the warnings of a change that was made.
func printWarnings(cmd *cobra.Command, warnings []string) {
	for _, warning := range warnings {
		fmt.Fprintln(cmd.ErrOrStderr(), "warning:", terminal.PrintableLines(warning))
	}
}

// get asks for the answer at a path.
func get[T any](cmd *cobra.Command, client *client, path string) (T, error) {
	var t T
	a, err := client.ask(cmd.Context(), request{method: http.MethodGet, path: path})
	if err == nil {
		err = a.into(client, &t)
	}
	return t, err
}

// into decodes the answer, unless it is a refusal.
func (a *answer) into(client *client, t any) error {
	if !a.ok() {
		return a.refusal(client)
	}
	if err := json.Unmarshal(a.body, t); err != nil {
		return fmt.Errorf("%s: the answer has another form than expected: %w", client.target, err)
	}
	return nil
}

// refusal is the error of an answer that is a refusal.
func (a *answer) refusal(client *client) error {
	var e api.Error
	if json.Unmarshal(a.body, &e) != nil || len(e.Errors) == 0 {
		e.Errors = []string{fmt.Sprintf("%s answers with the status %d", client.target, a.status)}
	}
	switch {
	case a.status != http.StatusUnauthorized:
		return errors.New(terminal.PrintableLines(strings.Join(e.Errors, "\n")))
	case client.token == "":
		return fmt.Errorf("%s asks for its token: name the file of admin.token_file with --token-file", client.target)
	default:
		return fmt.Errorf("%s has another token than that of --token-file", client.target)
	}
}

// printJSON prints an answer as one JSON document in one line.
func printJSON(w io.Writer, a *answer) error {
	if _, err := w.Write(escapeJSON(a.body)); err != nil {
		return err
	}
	if !a.ok() {
		return cli.ErrFailed
	}
	return nil
}

// escapeJSON returns a JSON document in one line, in which each character that a
// terminal would obey is escaped. The document means the same.
func escapeJSON(text []byte) []byte {
	out := make([]byte, 0, len(text)+1)
	for s := strings.TrimSpace(string(text)); s != ""; {
		r, size := utf8.DecodeRuneInString(s)
		s = s[size:]
		switch {
		case r == '\n', r == '\r', r == '\t': // between values; within a string they are escaped
			out = append(out, ' ')
		case strconv.IsPrint(r):
			out = utf8.AppendRune(out, r)
		case r > 0xffff:
			high, low := (r-0x10000)>>10+0xd800, (r-0x10000)&0x3ff+0xdc00
			out = fmt.Appendf(out, `\u%04x\u%04x`, high, low)
		default:
			out = fmt.Appendf(out, `\u%04x`, r)
		}
	}
	return append(out, '\n')
}
