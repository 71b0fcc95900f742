package proxy

import (
	"context"
	"log/slog"
	"net/netip"
	"sync/atomic"
	"time"

	"mqttlb/balancer"
	"mqttlb/mqttparse"
	"mqttlb/proxy/outcome"
)

// journal writes a log line for each ended session, in a goroutine of its own. A slow log, or a pipe
// that nobody reads, never stops a loop.
type journal struct {
	log     *slog.Logger
	records chan record
	dropped atomic.Uint64
	done    chan struct{}
}

// record describes an ended session, or a failed dial.
type record struct {
	listener, node string
	source         netip.AddrPort
	id, username   string
	version        mqttparse.Version
	connack        uint8
	disconnect     mqttparse.ReasonCode // of the node's DISCONNECT, valid only if disconnected
	disconnected   bool
	received, sent uint64
	duration       time.Duration
	outcome        outcome.Outcome
	fault          string // what was wrong with the client's first bytes, frames or TLS, or with the node; empty: nothing
	dialError      error  // set: the record is of a failed dial
}

func newJournal(log *slog.Logger) *journal {
	return &journal{log: log, records: make(chan record, journalSize), done: make(chan struct{})}
}

// enabled reports whether lines of this level are logged now. The level can change at any time.
func (j *journal) enabled(level slog.Level) bool { return j.log.Enabled(context.Background(), level) }

// add queues a record. It never waits.
func (j *journal) add(r record) {
	if !j.enabled(slog.LevelInfo) {
		return
	}
	select {
	case j.records <- r:
	default:
		j.dropped.Add(1)
	}
}

// dialFailed queues a failed dial, at debug. The session's own line has the error if no other node was
// left.
func (j *journal) dialFailed(ln *listener, n *balancer.Node, err error) {
	if j.enabled(slog.LevelDebug) {
		j.add(record{listener: ln.Name, node: n.Name, dialError: err})
	}
}

// run writes lines until close, and then the queued ones.
func (j *journal) run() {
	defer close(j.done)
	for r := range j.records {
		if r.dialError != nil {
			j.log.Debug("dial", "listener", r.listener, "node", r.node, "error", r.dialError)
			continue
		}
		j.log.LogAttrs(context.Background(), slog.LevelInfo, "session", r.attrs()...)
	}
}

// close ends run and waits for it. No session may end after it.
func (j *journal) close() {
	close(j.records)
	<-j.done
}

func (r *record) attrs() []slog.Attr {
	client := "unix"
	if r.source.IsValid() {
		client = r.source.String()
	}
	attrs := []slog.Attr{
		slog.String("listener", r.listener),
		slog.String("client", client),
		slog.String("client_id", r.id),
		slog.String("version", r.version.String()),
		slog.String("node", r.node),
		slog.Uint64("received", r.received),
		slog.Uint64("sent", r.sent),
		slog.Duration("duration", r.duration.Round(time.Microsecond)),
		slog.String("outcome", r.outcome.String()),
	}
	if r.connack != 0 {
		attrs = append(attrs, slog.Int("connack", int(r.connack)))
	}
	if r.disconnected {
		attrs = append(attrs, slog.Int("disconnect", int(r.disconnect)))
	}
	if r.fault != "" {
		attrs = append(attrs, slog.String("error", r.fault))
	}
	return attrs
}
