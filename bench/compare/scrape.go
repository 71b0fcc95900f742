//go:build linux

package compare

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	load "mqttlb/bench"
)

const (
	scrapePairs    = 5                      // as memoryPairs
	scrapeInterval = 100 * time.Millisecond // between two scrapes beside messages
	scrapeTimeout  = 30 * time.Second

	// scrapedRate is the number of messages a second beside scrapes: few, so that a wait for the
	// candidate is a wait for its scrape.
	scrapedRate = 1000
)

// scrapes measures what the metrics for Prometheus cost with many open connections. It starts each
// candidate anew for every turn, because two times 9,000 connections are more than the load has
// descriptors for.
func scrapes(ctx context.Context, b *bench, m measure) ([]Measure, error) {
	var all []*running
	for _, c := range b.candidatesFor(m.work) {
		all = append(all, &running{candidate: c})
	}
	return b.inTurns(m, min(b.opt.Pairs, scrapePairs), all, func(r *running) ([]sample, error) {
		fresh, err := b.launch(ctx, r.candidate, m.work)
		if err != nil {
			return nil, err
		}
		defer fresh.stop()
		f, err := load.NewFleet(clients(fresh, m.work.clients))
		if err != nil {
			return nil, err
		}
		defer f.Close()
		if err := connectAll(ctx, f, m.work.clients); err != nil {
			return nil, err
		}
		if err := burst(ctx, f, m.work.clients); err != nil {
			return nil, err
		}
		return b.scrape(ctx, fresh, f, m.work)
	})
}

// scrape makes one turn: scrapes alone, for their cost, and then scrapes beside messages.
func (b *bench) scrape(ctx context.Context, r *running, f *load.Fleet, w work) ([]sample, error) {
	page, err := r.scrape(ctx) // the first one allocates what later ones use again
	if err != nil {
		return nil, err
	}
	window, err := b.openWindow(r)
	if err != nil {
		return nil, err
	}
	n := uint64(0)
	for end := time.Now().Add(b.opt.Turn); n == 0 || time.Now().Before(end); n++ {
		if page, err = r.scrape(ctx); err != nil {
			return nil, err
		}
	}
	cost, err := window.close(b, n)
	if err != nil {
		return nil, err
	}
	latency, err := b.besideScrapes(ctx, r, f, w)
	if err != nil {
		return nil, err
	}
	return []sample{cost, {value: float64(len(page))}, {value: latency}}, nil
}

// besideScrapes returns the 99th percentile of the round trips of messages while the candidate is
// scraped again and again, in µs.
func (b *bench) besideScrapes(ctx context.Context, r *running, f *load.Fleet, w work) (float64, error) {
	before, err := r.scrape(ctx)
	if err != nil {
		return 0, err
	}
	err = f.Publish(load.Publishing{
		Topic: "bench/%i", QoS: 1, Size: w.payload, Inflight: 16,
		Interval: time.Duration(w.clients) * time.Second / scrapedRate,
	})
	if err != nil {
		return 0, err
	}
	if err := f.RunFor(ctx, b.opt.Turn/10); err != nil {
		return 0, err
	}
	f.ResetLatencies()
	scraping, stop := context.WithCancel(ctx)
	failed := make(chan error, 1)
	go func() { failed <- r.scrapeEach(scraping, scrapeInterval) }() // ends with stop
	err = untilSome(ctx, f, b.opt.Turn, func() bool { return f.Stats().Ack.TotalCount() > 0 })
	stop()
	if failure := <-failed; err == nil {
		err = failure
	}
	if err != nil {
		return 0, err
	}
	p99 := load.QuantilesOf(f.Stats().Ack).P99
	f.Pause()
	if err := drain(ctx, f); err != nil {
		return 0, err
	}
	after, err := r.scrape(ctx)
	if err != nil {
		return 0, err
	}
	b.showTurns(r, before, after)
	return p99, nil
}

// scrapeEach scrapes at an interval until ctx is done.
func (r *running) scrapeEach(ctx context.Context, interval time.Duration) error {
	next := time.NewTicker(interval)
	defer next.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-next.C:
			if _, err := r.scrape(ctx); err != nil && ctx.Err() == nil {
				return err
			}
		}
	}
}

// scrape returns the metrics of the candidate.
func (r *running) scrape(ctx context.Context) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, scrapeTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+r.metrics+"/metrics", nil)
	if err != nil {
		return nil, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	page, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", req.URL, resp.Status)
	}
	return page, err
}

// showTurns shows how many turns of the candidate's loops were long between two scrapes, for candidates
// that measure that: mqttlb.
func (b *bench) showTurns(r *running, before, after []byte) {
	const name = "mqttlb_loop_turn_seconds"
	turns := sumOf(after, name+"_count", "") - sumOf(before, name+"_count", "")
	short := sumOf(after, name+"_bucket", `le="0.001"`) - sumOf(before, name+"_bucket", `le="0.001"`)
	if turns > 0 {
		b.status("%s: %.0f turns beside scrapes, %.0f of them longer than 1 ms", r.name, turns, turns-short)
	}
}

// sumOf adds up the series of a name that have a label, in the text of metrics.
func sumOf(page []byte, name, label string) (sum float64) {
	lines := bufio.NewScanner(bytes.NewReader(page))
	for lines.Scan() {
		series, value, _ := strings.Cut(lines.Text(), " ")
		if rest, ok := strings.CutPrefix(series, name); !ok || rest != "" && rest[0] != '{' || !strings.Contains(rest, label) {
			continue
		}
		if v, err := strconv.ParseFloat(value, 64); err == nil {
			sum += v
		}
	}
	return sum
}
