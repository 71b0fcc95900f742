package admin

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"mqttlb/proxy/admin/api"
)

// follower reads a stream of events.
type follower struct {
	*bufio.Scanner
	close func() error
}

// follow opens a stream and waits until it has begun.
func follow(t *testing.T, client *http.Client, url string) *follower {
	t.Helper()
	response, err := client.Get(url + "/api/v1/events")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { response.Body.Close() })
	if response.StatusCode != http.StatusOK || response.Header.Get("Content-Type") != "text/event-stream" {
		t.Fatal(response.Status, response.Header)
	}
	f := &follower{bufio.NewScanner(response.Body), response.Body.Close}
	if !f.Scan() || !strings.HasPrefix(f.Text(), ":") {
		t.Fatalf("the stream begins with %q", f.Text())
	}
	return f
}

// next returns the next event.
func (f *follower) next(t *testing.T) (kind string, event api.Event) {
	t.Helper()
	for f.Scan() {
		switch name, value, _ := strings.Cut(f.Text(), ": "); name {
		case "event":
			kind = value
		case "data":
			if err := json.Unmarshal([]byte(value), &event); err != nil {
				t.Fatalf("%q: %v", value, err)
			}
			return kind, event
		}
	}
	t.Fatalf("the stream has ended: %v", f.Err())
	return "", api.Event{}
}

func TestEventsComeAsTheyHappen(t *testing.T) {
	r := newRig(t, nil)
	f := follow(t, r.client, r.url)
	for i := range 3 {
		r.events.Publish(api.Event{Kind: "node", Subject: "p/n1", Text: fmt.Sprintf("down\nagain %d", i)})
		kind, event := f.next(t)
		if kind != "node" || event.Kind != "node" || event.Subject != "p/n1" || event.Text != fmt.Sprintf("down\nagain %d", i) || event.Time.IsZero() {
			t.Errorf("%s %+v", kind, event)
		}
	}
}

func TestEventsOfAServerWithoutFollowersAreLost(t *testing.T) {
	var none *Events
	none.Publish(api.Event{Kind: "node"})
	new(Events).Publish(api.Event{Kind: "node"})
}

func TestAFollowerThatReadsTooSlowlyIsCutOff(t *testing.T) {
	var e Events
	slow, fast := e.follow(), e.follow()
	for range eventsKept + 1 {
		e.Publish(api.Event{Kind: "node"})
		<-fast
	}
	n := 0
	for range slow { // ends since it is closed
		n++
	}
	if n != eventsKept {
		t.Errorf("the slow one gets %d events", n)
	}
	e.leave(slow)
	e.Publish(api.Event{Kind: "node"})
	<-fast
}

func TestStreamsAreLimitedInNumber(t *testing.T) {
	r := newRig(t, nil)
	var all []*follower
	for range maxStreams {
		all = append(all, follow(t, r.client, r.url))
	}
	response, text := r.do(t, "GET", "/api/v1/events", "")
	if response.StatusCode != http.StatusTooManyRequests || !strings.Contains(text, "16") {
		t.Errorf("one more: %d %s", response.StatusCode, text)
	}
	if response, _ := r.do(t, "GET", "/api/v1/status", ""); response.StatusCode != http.StatusOK {
		t.Errorf("beside the streams: %d", response.StatusCode)
	}
	all[0].close()
	for deadline := time.Now().Add(patience); ; {
		if response, err := r.client.Get(r.url + "/api/v1/events"); err == nil {
			response.Body.Close()
			if response.StatusCode == http.StatusOK {
				break
			}
		}
		if time.Now().After(deadline) {
			t.Fatal("a stream that has ended still counts")
		}
	}
}

func TestTheEndOfTheServerEndsStreamsAtOnce(t *testing.T) {
	events := new(Events)
	idle, pools := idleServer(t)
	server := New(Sources{Server: idle, Pools: pools, Control: new(fakeControl), Events: events}, slog.New(slog.DiscardHandler))
	ctx, stop := context.WithCancel(t.Context())
	ln := loopback(t)
	served := make(chan error, 1)
	go func() { served <- server.Serve(ctx, ln, ByAddress) }() // ends at stop
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	f := follow(t, client, "http://"+ln.Addr().String())
	events.Publish(api.Event{Kind: "process", Text: "stopping"})
	stop()
	if _, event := f.next(t); event.Text != "stopping" {
		t.Errorf("the last event is %+v", event)
	}
	for f.Scan() {
		if f.Text() != "" { // after the data of an event
			t.Errorf("the stream goes on: %q", f.Text())
		}
	}
	if f.Err() != nil {
		t.Errorf("the stream breaks: %v", f.Err())
	}
	select {
	case err := <-served:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(patience):
		t.Fatal("the server waits for its streams")
	}
}
