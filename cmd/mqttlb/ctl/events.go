package ctl

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"mqttlb/cmd/cli"
	"mqttlb/cmd/terminal"
	"mqttlb/proxy/admin/api"
)

const (
	// maxEvent limits an event in bytes.
	maxEvent = 1 << 20
	// eventSilence is how long the stream may be silent. The process sends a comment
	// every 15 s.
	eventSilence = time.Minute
)

func eventsCommand(c *connection) *cobra.Command {
	return &cobra.Command{
		Use:   "events",
		Short: "follow what happens to nodes, drains and the configuration",
		Long: `Follow what happens to nodes, drains, the configuration and the process, a line
each, until control-C. With --json each line is a JSON document.`,
		Args: cli.Args(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			client, err := c.client()
			if err != nil {
				return err
			}
			return client.follow(cmd.Context(), func(data []byte) error {
				if c.json {
					return printJSON(cmd.OutOrStdout(), &answer{status: http.StatusOK, body: data})
				}
				var e api.Event
				if err := json.Unmarshal(data, &e); err != nil {
					return fmt.Errorf("%s: an event has another form than expected: %w", client.target, err)
				}
				return printEvent(cmd.OutOrStdout(), &e)
			})
		},
	}
}

func printEvent(w io.Writer, e *api.Event) error {
	subject := ""
	if e.Subject != "" {
		subject = terminal.Printable(e.Subject) + ": "
	}
	_, err := fmt.Fprintf(w, "%s  %-8s  %s%s\n", e.Time.Local().Format("2006-01-02 15:04:05"), terminal.Printable(e.Kind), subject, terminal.Printable(e.Text))
	return err
}

// follow calls do with the data of each event until ctx is done, which is no error.
func (c *client) follow(ctx context.Context, do func(data []byte) error) error {
	following, cancel := context.WithCancel(ctx)
	defer cancel()
	silent := time.AfterFunc(eventSilence, cancel)
	defer silent.Stop()
	response, err := c.send(following, request{method: http.MethodGet, path: "/api/v1/events"})
	if err == nil {
		defer response.Body.Close()
		if response.StatusCode != http.StatusOK || !strings.HasPrefix(response.Header.Get("Content-Type"), "text/event-stream") {
			return c.noStream(response)
		}
		err = readEvents(response.Body, func() { silent.Reset(eventSilence) }, do)
	}
	var refused *outputError
	switch {
	case ctx.Err() != nil:
		return nil
	case errors.As(err, &refused):
		return refused.error
	case following.Err() != nil:
		return fmt.Errorf("%s has been silent for %s", c.target, eventSilence)
	case err != nil:
		return c.explain(err)
	default:
		return fmt.Errorf("%s has ended the events: mqttlb has stopped, or this command was too slow", c.target)
	}
}

// noStream is the error of an answer that is no stream of events.
func (c *client) noStream(response *http.Response) error {
	body, err := io.ReadAll(io.LimitReader(response.Body, maxEvent))
	if err != nil {
		return c.explain(err)
	}
	if a := (&answer{response.StatusCode, body}); json.Valid(body) && !a.ok() {
		return a.refusal(c)
	}
	return c.notOurs(response.Status, body)
}

// outputError is an error of the function that got an event.
type outputError struct{ error }

// readEvents reads server-sent events. It calls alive after each line, and do with the
// data of each event.
func readEvents(stream io.Reader, alive func(), do func(data []byte) error) error {
	lines := bufio.NewScanner(stream)
	lines.Buffer(nil, maxEvent)
	var data []byte
	for lines.Scan() {
		alive()
		line := lines.Text()
		if text, ok := strings.CutPrefix(line, "data:"); ok {
			if len(data) > 0 {
				data = append(data, '\n')
			}
			data = append(data, strings.TrimPrefix(text, " ")...)
		}
		if len(data) > maxEvent {
			return bufio.ErrTooLong
		}
		if line == "" && len(data) > 0 {
			if !json.Valid(data) {
				return errors.New("an event is no JSON")
			}
			if err := do(data); err != nil {
				return &outputError{err}
			}
			data = data[:0]
		}
	}
	return lines.Err()
}
