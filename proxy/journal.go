package proxy

import (
	"context"
	"log/slog"
	"net/netip"
	"time"

	"mqttlb/balancer"
	"mqttlb/mqttparse"
	"mqttlb/proxy/outcome"
	"mqttlb/proxy/tlsterm"
	"mqttlb/proxy/tlv"
)

// The messages of the lines that clients cause at level info, and SessionLine also at debug. By them a log tells these lines from
// those of the process, which must not wait behind them.
const (
	SessionLine = "session" // of an ended connection
	RequestLine = "request" // of an HTTP request that is over
)

// journal writes a log line for each ended session and each HTTP request, in a goroutine of its own. A
// slow log, or a pipe that nobody reads, never stops a loop.
type journal struct {
	log     *slog.Logger
	records chan record
	dropped lineCounts
	sampler sampler
	every   time.Duration // between two lines about lines that were left out
	done    chan struct{}
}

// record describes an ended session, an HTTP request, or a failed dial.
type record struct {
	session              SessionID
	listener, pool, node string
	source               netip.AddrPort
	id, username         string
	version              mqttparse.Version
	certificate          string          // a fault of the client's certificate that the listener tolerates; empty: none
	protocol             string          // of the client
	tls                  tlsterm.Summary // of the client
	connack              uint8
	disconnect           mqttparse.ReasonCode // of the node's DISCONNECT, valid only if disconnected
	disconnected         bool
	received, sent       uint64
	packets              [2]uint32 // to the node and to the client
	duration             time.Duration
	outcome              outcome.Outcome
	rule                 string // of the listener that has refused the client; empty: none has
	tolerated            mqttparse.Rules
	fault                string // what was wrong with the client's first bytes, frames or TLS, or with the node; empty: nothing

	dialError error          // set: the record is of a failed dial
	leftOut   tlv.Kinds      // not 0: the record is of a PROXY header without these TLVs
	breach    mqttparse.Rule // set: the record is of the first client that breaks this rule
	retry     string         // not empty: the record is of a node that has turned a client away, for this reason
	request   *request       // set: the record is of an HTTP request

	lastRequest *request // of a session that carried HTTP; nil: none
}

func newJournal(log *slog.Logger) *journal {
	j := &journal{log: log, records: make(chan record, journalSize), every: leftOutInterval, done: make(chan struct{})}
	j.sampler.init()
	return j
}

// enabled reports whether lines of this level are logged now. The level can change at any time.
func (j *journal) enabled(level slog.Level) bool { return j.log.Enabled(context.Background(), level) }

// add queues the record of a session or a request, unless log.sample leaves it out. It never waits.
func (j *journal) add(r record) {
	if j.enabled(r.level()) && j.sampler.take(&r) {
		j.queue(r)
	}
}

func (j *journal) queue(r record) {
	select {
	case j.records <- r:
	default:
		j.dropped[r.kind()].Add(1)
	}
}

// dialFailed queues a failed dial, at debug. The session's own line has the error if no other node was
// left.
func (j *journal) dialFailed(ln *listener, pool string, n *balancer.Node, err error) {
	if j.enabled(slog.LevelDebug) {
		j.queue(record{listener: ln.Name, pool: pool, node: n.Name, dialError: err})
	}
}

// retried queues the line of a client that goes on to the next candidate, at debug.
func (j *journal) retried(ln *listener, pool string, n *balancer.Node, why string) {
	if j.enabled(slog.LevelDebug) {
		j.queue(record{listener: ln.Name, pool: pool, node: n.Name, retry: why})
	}
}

// tlvsLeftOut queues the line of a PROXY header that had no room for TLVs of a proxy, at debug.
func (j *journal) tlvsLeftOut(ln *listener, pool string, n *balancer.Node, leftOut tlv.Kinds) {
	if j.enabled(slog.LevelDebug) {
		j.queue(record{listener: ln.Name, pool: pool, node: n.Name, leftOut: leftOut})
	}
}

// run writes lines until close, and then the queued ones.
func (j *journal) run() {
	defer close(j.done)
	var left leftOut
	ticker := time.NewTicker(j.every)
	defer ticker.Stop()
	for {
		select {
		case r, ok := <-j.records:
			if !ok {
				j.report(&left)
				return
			}
			j.write(&r)
		case <-ticker.C:
			j.report(&left)
		}
	}
}

func (j *journal) write(r *record) {
	switch kind := r.kind(); {
	case r.breach != 0:
		j.writeBreach(r)
	case r.retry != "":
		j.log.Debug("confirm", "listener", r.listener, "node", r.node, "reason", r.retry, "pool", r.pool)
	case r.leftOut != 0:
		j.log.Debug("the PROXY header has no room for TLVs", "listener", r.listener, "node", r.node, "left_out", r.leftOut.String(), "pool", r.pool)
	case kind == lineDebug:
		j.log.Debug("dial", "listener", r.listener, "node", r.node, "error", r.dialError, "pool", r.pool)
	case kind == lineRequest:
		j.log.LogAttrs(context.Background(), slog.LevelInfo, RequestLine, r.requestAttrs()...)
	default:
		j.log.LogAttrs(context.Background(), r.level(), SessionLine, r.attrs()...)
	}
}

// level returns the level of the line of a session or a request. The checks of load balancers connect and close all day
// long, so their lines are for a search alone. A ban has lines of its own.
func (r *record) level() slog.Level {
	if r.request == nil && (r.outcome == outcome.NoData || r.outcome == outcome.Banned) {
		return slog.LevelDebug
	}
	return slog.LevelInfo
}

// close ends run and waits for it. No session may end after it.
func (j *journal) close() {
	close(j.records)
	<-j.done
}

// client returns the client's address for the log.
func (r *record) client() string {
	if r.source.IsValid() {
		return r.source.String()
	}
	return "unix"
}

// attrs returns all fields of a session's line. The log selects those that it writes (log.fields).
func (r *record) attrs() []slog.Attr {
	attrs := []slog.Attr{
		slog.String("listener", r.listener),
		slog.String("client", r.client()),
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
	if r.rule != "" {
		attrs = append(attrs, slog.String("rule", r.rule))
	}
	if r.tolerated != 0 {
		attrs = append(attrs, slog.String("tolerated", ruleNames(r.tolerated)))
	}
	if r.certificate != "" {
		attrs = append(attrs, slog.String("certificate", r.certificate))
	}
	if r.lastRequest != nil {
		attrs = append(attrs, slog.String("path", r.lastRequest.path), slog.Int("status", r.lastRequest.status))
	}
	if r.fault != "" {
		attrs = append(attrs, slog.String("error", r.fault))
	}
	attrs = r.tlsAttrs(append(attrs, slog.String("pool", r.pool), slog.String("protocol", r.protocol)))
	if r.username != "" {
		attrs = append(attrs, slog.String("username", r.username))
	}
	return append(attrs, slog.String("session", r.session.String()),
		slog.Uint64("packets_received", uint64(r.packets[ToNode])), slog.Uint64("packets_sent", uint64(r.packets[ToClient])))
}

// tlsAttrs appends the fields about the client's TLS that there are.
func (r *record) tlsAttrs(attrs []slog.Attr) []slog.Attr {
	if r.tls.Version != "" {
		attrs = append(attrs, slog.String("tls", r.tls.Version), slog.String("tls_cipher", r.tls.Cipher), slog.Bool("tls_resumed", r.tls.Resumed))
	}
	if r.tls.ServerName != "" {
		attrs = append(attrs, slog.String("sni", r.tls.ServerName))
	}
	if r.tls.CommonName != "" {
		attrs = append(attrs, slog.String("tls_cn", r.tls.CommonName))
	}
	return attrs
}
