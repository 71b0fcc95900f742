package admin

import (
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"time"

	"mqttlb/proxy/admin/api"
)

// Events passes what happens on to those who follow it. The zero value is ready for use; a nil *Events
// passes nothing on.
type Events struct {
	mu        sync.Mutex // guards followers
	followers map[chan api.Event]struct{}
}

// Publish passes an event on. It never waits: whoever has not read the last eventsKept events is cut off.
// A zero Time becomes now.
func (e *Events) Publish(event api.Event) {
	if e == nil {
		return
	}
	if event.Time.IsZero() {
		event.Time = time.Now()
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	for f := range e.followers {
		select {
		case f <- event:
		default:
			delete(e.followers, f)
			close(f)
		}
	}
}

// follow returns the events from now on. The channel is closed when its reader is too slow.
func (e *Events) follow() chan api.Event {
	e.mu.Lock()
	defer e.mu.Unlock()
	f := make(chan api.Event, eventsKept)
	if e.followers == nil {
		e.followers = map[chan api.Event]struct{}{}
	}
	e.followers[f] = struct{}{}
	return f
}

// leave ends what follow has begun.
func (e *Events) leave(f chan api.Event) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.followers, f)
}

// serveEvents writes events as they happen (server-sent events, as the HTML standard describes them). It
// ends when the client has gone or is too slow, after streamTime, and when the server ends.
func (e *entry) serveEvents(w http.ResponseWriter, r *http.Request) {
	if !e.streams.try() {
		fail(w, errorf(http.StatusTooManyRequests, "%d streams of events are open, which is the limit", maxStreams))
		return
	}
	defer e.streams.release()
	connectionOf(r).enter(working)
	stopReading(w)
	events := e.from.Events.follow()
	defer e.from.Events.leave(events)
	w.Header().Set("Content-Type", "text/event-stream")
	s := stream{w}
	if r.Method == http.MethodHead || !s.write(": events of mqttlb from now on\n\n") {
		return
	}
	beat := time.NewTicker(heartbeat)
	defer beat.Stop()
	over, stop := waitTime(streamTime)
	defer stop()
	for {
		select {
		case event, ok := <-events:
			if !ok || !s.event(&event) {
				return
			}
		case <-beat.C:
			if !s.write(":\n\n") {
				return
			}
		case <-e.ending:
			for range len(events) { // the end of the process is among them
				if event, ok := <-events; !ok || !s.event(&event) {
					return
				}
			}
			return
		case <-over:
			return
		case <-r.Context().Done():
			return
		}
	}
}

// stream writes server-sent events.
type stream struct{ w http.ResponseWriter }

// event writes an event and reports whether the client still takes them.
func (s stream) event(event *api.Event) bool {
	data, err := json.Marshal(event)
	return err == nil && s.write(fmt.Sprintf("event: %s\ndata: %s\n\n", event.Kind, data))
}

func (s stream) write(text string) bool {
	limitWriting(s.w, requestTime)
	if _, err := s.w.Write([]byte(text)); err != nil {
		return false
	}
	return http.NewResponseController(s.w).Flush() == nil
}
