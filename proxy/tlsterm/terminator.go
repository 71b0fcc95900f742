package tlsterm

import (
	"context"
	"crypto/tls"
	"sync"
	"sync/atomic"
	"time"
)

// Terminator has the certificates of a listener and keeps them fresh. Its methods may be called from any goroutine.
type Terminator struct {
	options  Options
	sources  sources
	settings settings
	now      func() time.Time

	current atomic.Pointer[generation]

	// changing is held by the one that makes the next generation, while it reads the files too: of two reloads the
	// one that began later shall win. Nobody on a connection's path takes it.
	changing sync.Mutex
}

// generation is everything that one look at the files has given. It is immutable, but for the ticket keys in config.
type generation struct {
	config   *tls.Config
	files    string // their fingerprint, taken before they were read
	material material
	tickets  ticketRing // the keys in config, when they are ours
	err      error      // why config has not all that the files have
}

// New reads the files of o. Everything must be right the first time; the error has all that is not.
//
// A certificate that has expired or is not valid yet is no error: a listener that does not start helps nobody. Status
// tells.
func New(o Options) (*Terminator, error) {
	t := &Terminator{options: o, sources: o.sources(), now: o.Now}
	if t.now == nil {
		t.now = time.Now
	}
	var err error
	if t.settings, err = o.settings(); err != nil {
		return nil, err
	}
	if err := t.change(&generation{}); err != nil {
		return nil, err
	}
	return t, nil
}

// Run looks at the files every few seconds and reloads them when they have changed, and gives tickets a new key in
// time. It returns when ctx ends.
func (t *Terminator) Run(ctx context.Context) {
	w := watcher{sources: &t.sources, log: t.options.Logger}
	poll(ctx, func() {
		t.rotate()
		w.look(t.current.Load().files, t.Reload)
	})
}

// Config is the configuration for the next connection, with which Accept makes a session. It is the caller's to
// read and not to change.
func (t *Terminator) Config() *tls.Config { return t.current.Load().config }

// Reload reads all files again. What is good is in force for the next connection; of a file that is not, the last good
// content stays so, and the error names the file. Established sessions keep what they have. A session that
// is resumed must pass the new CAs and CRLs.
func (t *Terminator) Reload() error {
	t.changing.Lock()
	defer t.changing.Unlock()
	return t.change(t.current.Load())
}

// change makes the next generation from the last one. The caller holds t.changing, or is New.
func (t *Terminator) change(last *generation) error {
	now := t.now()
	next := &generation{files: t.sources.fingerprint(), material: last.material.read(&t.sources, now), tickets: last.tickets}
	next.err = next.material.err()
	if next.err != nil && last.config == nil {
		return next.err
	}
	config, err := t.options.config(t.settings, &next.material, t.now)
	if err != nil { // the CAs do not fit the CRLs: neither is in force
		if last.config == nil {
			return err
		}
		next.material.authorities, next.material.crls = last.material.authorities, last.material.crls
		next.refuse(err)
		if config, err = t.options.config(t.settings, &next.material, t.now); err != nil {
			return err
		}
	}
	next.config = config
	t.setTickets(next, now)
	t.current.Store(next)
	return next.err
}

// refuse says of the CRLs' files why they are not in force.
func (g *generation) refuse(err error) {
	crls := make([]kept[[]*crl], len(g.material.crls))
	for i, k := range g.material.crls {
		k.err = err
		crls[i] = k
	}
	g.material.crls = crls
	g.err = g.material.err()
}

// setTickets gives g's config its keys.
func (t *Terminator) setTickets(g *generation, now time.Time) {
	switch {
	case t.options.TicketsDisable:
	case t.options.TicketKeys != "":
		g.config.SetSessionTicketKeys(g.material.tickets.value.secrets())
	default:
		g.tickets = g.tickets.rotate(now)
		g.config.SetSessionTicketKeys(g.tickets.secrets())
	}
}

// rotate makes a new ticket key when its time has come.
func (t *Terminator) rotate() {
	t.changing.Lock()
	defer t.changing.Unlock()
	next, now := *t.current.Load(), t.now()
	if len(next.tickets) == 0 || now.Sub(next.tickets[0].made) < ticketRotation {
		return // none of our own, or not yet
	}
	t.setTickets(&next, now)
	t.current.Store(&next)
}

// Inherit takes over the ticket keys that old has made, so that its clients resume their sessions here after a change of
// the listener's settings. Keys from a file need no heir, and what the settings ask of a client is asked again. It is
// called before t is used: tickets of t's own first key are not opened any more. Both may be used from then on; old opens
// the tickets of t until one of the two makes its next key.
func (t *Terminator) Inherit(old *Terminator) {
	if t.options.TicketKeys != "" || old.options.TicketKeys != "" || t.options.TicketsDisable {
		return
	}
	t.changing.Lock()
	defer t.changing.Unlock()
	next := *t.current.Load()
	next.tickets = old.current.Load().tickets
	t.setTickets(&next, t.now())
	t.current.Store(&next)
}

// Status describes every file: the certificates, then the client CA, the CRLs and the ticket keys.
func (t *Terminator) Status() []CertificateStatus {
	return t.current.Load().material.status(&t.sources)
}

// Warnings say what of the files works and should not stay as it is: one whose time is over or nearly so, a key that
// everybody on the machine may read.
func (t *Terminator) Warnings() []string {
	return t.current.Load().material.warnings(&t.sources, t.now())
}
