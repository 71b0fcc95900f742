package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// script is a list of steps that kill and start brokers in place of the keyboard.
type script []step

type step struct {
	after  time.Duration // since the start of the demo
	kill   bool          // false: start
	broker int           // index
}

// parseScript parses steps such as "5s kill 1, 10s start 1". brokers is the number of
// brokers.
func parseScript(s string, brokers int) (script, error) {
	if strings.TrimSpace(s) == "" {
		return nil, nil
	}
	var steps script
	for text := range strings.SplitSeq(s, ",") {
		words := strings.Fields(text)
		if len(words) != 3 || words[1] != "kill" && words[1] != "start" {
			return nil, fmt.Errorf("%q: must be a time, kill or start, and the number of a broker, as 5s kill 1", strings.TrimSpace(text))
		}
		after, err := time.ParseDuration(words[0])
		if err != nil || after < 0 {
			return nil, fmt.Errorf("%q: %q is no time since the start, as 5s", strings.TrimSpace(text), words[0])
		}
		n, err := strconv.Atoi(words[2])
		if err != nil || n < 1 || n > brokers {
			return nil, fmt.Errorf("%q: the brokers are 1 to %d", strings.TrimSpace(text), brokers)
		}
		steps = append(steps, step{after, words[1] == "kill", n - 1})
	}
	slices.SortStableFunc(steps, func(a, b step) int { return cmp.Compare(a.after, b.after) })
	return steps, nil
}

// play runs each step at its time, until ctx is done.
func (s script) play(ctx context.Context, t *trial) {
	start := time.Now()
	for _, step := range s {
		sleep(ctx, time.Until(start.Add(step.after)))
		if ctx.Err() != nil {
			return
		}
		if step.kill {
			t.brokers[step.broker].kill()
		} else {
			t.restart(step.broker)
		}
	}
}
