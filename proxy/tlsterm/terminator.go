package tlsterm

import (
	"context"
	"crypto/tls"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Terminator holds the certificates of a listener and reloads them when they change. Its methods may be called from
// any goroutine.
type Terminator struct {
	options  Options
	sources  sources
	settings settings
	now      func() time.Time

	current atomic.Pointer[generation]

	changed atomic.Pointer[func()] // see OnReload

	// changing is held while the next generation is made, including reading the files, so that the later of two
	// reloads wins. No code on a connection's path locks it.
	changing sync.Mutex
}

// generation is the result of reading all files once. It is immutable except for the ticket keys in config.
type generation struct {
	config   *tls.Config
	crls     *revocations // that config checks; nil: none
	files    string       // fingerprint of the files, taken before they were read
	material material
	tickets  ticketRing // the keys in config, if they are our own
	err      error      // why config is not the current content of the files
}

// New reads the files of o. Every file must be valid; the error names every fault.
//
// A certificate that has expired or is not valid yet is no error, because a listener that does not start helps
// nobody. Status reports it.
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
	if useless := t.useless(); len(useless) == len(o.Certificates) && t.settings.max < tls.VersionTLS13 {
		return nil, useless[0] // no handshake could succeed
	}
	return t, nil
}

// Run polls the files every few seconds, reloads them when they have changed, and rotates the ticket keys. It
// returns when ctx is done.
func (t *Terminator) Run(ctx context.Context) {
	w := watcher{sources: &t.sources, log: t.options.Logger, warnings: t.Warnings}
	poll(ctx, func() {
		t.rotate()
		w.look(t.current.Load().files, t.Reload)
	})
}

// Config returns the configuration for the next connection, for Accept. The caller must not change it.
func (t *Terminator) Config() *tls.Config { return t.current.Load().config }

// Reload reads all files again. The next connection uses the content of every valid file. For an invalid file the last
// good content stays in force, and the error names the file. Established sessions do not change. A resumed session
// must pass the new CAs and CRLs.
func (t *Terminator) Reload() error {
	t.changing.Lock()
	defer t.changing.Unlock()
	return t.change(t.current.Load())
}

// change makes the next generation from the last one. Only New and holders of t.changing call
// it.
func (t *Terminator) change(last *generation) error {
	now := t.now()
	next := &generation{files: t.sources.fingerprint(), material: last.material.read(&t.sources, now), tickets: last.tickets}
	next.err = next.material.err()
	if next.err != nil && last.config == nil {
		return next.err
	}
	config, crls, err := t.options.config(t.settings, &next.material, t.now)
	if err != nil { // the CAs do not match the CRLs: neither is in force
		if last.config == nil {
			return err
		}
		next.material.authorities, next.material.crls = last.material.authorities, last.material.crls
		next.refuse(err)
		if config, crls, err = t.options.config(t.settings, &next.material, t.now); err != nil {
			return err
		}
	}
	next.config, next.crls = config, crls
	if crls != nil && last.crls != nil {
		crls.prepare(last.crls)
	}
	t.setTickets(next, now)
	t.current.Store(next)
	if last.config != nil {
		next.material.logReloaded(t.options.Logger, &last.material, &t.sources)
	}
	if changed := t.changed.Load(); changed != nil {
		(*changed)()
	}
	return next.err
}

// OnReload sets the function that is called after each reload, in place of the one before. It must not wait.
func (t *Terminator) OnReload(f func()) { t.changed.Store(&f) }

// Revision identifies the CRLs of one reload. Compare it with ==. The zero value means that there are no CRLs.
type Revision struct{ crls *revocations }

// Revision returns the revision in force.
func (t *Terminator) Revision() Revision { return Revision{t.current.Load().crls} }

// Revokes reports whether the CRLs in force revoke the certificate of a client's session, which another Terminator may
// have accepted, or a CA of its chain. It is fast, so that one look may ask for many sessions.
func (t *Terminator) Revokes(s *Session) bool {
	crls := t.current.Load().crls
	return crls != nil && s.client != nil && crls.revoke(s.client)
}

// refuse records err as the reason why the CRL files are not in force.
func (g *generation) refuse(err error) {
	crls := make([]kept[[]*crl], len(g.material.crls))
	for i, k := range g.material.crls {
		k.err = err
		crls[i] = k
	}
	g.material.crls = crls
	g.err = g.material.err()
}

// setTickets sets the ticket keys of g's config.
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

// rotate makes a new ticket key when one is due.
func (t *Terminator) rotate() {
	t.changing.Lock()
	defer t.changing.Unlock()
	next, now := *t.current.Load(), t.now()
	if len(next.tickets) == 0 || now.Sub(next.tickets[0].made) < ticketRotation {
		return // no keys of our own, or none due
	}
	t.setTickets(&next, now)
	t.current.Store(&next)
}

// Inherit takes over the ticket keys that old has made, so that its clients can resume their sessions here after the
// listener's settings change. Keys from a file need no Inherit. The new settings are enforced for resumed sessions, too.
// Call it before using t: t no longer opens tickets of its own first key. Both may be used afterwards; old opens the
// tickets of t until one of them makes its next key.
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

// Warnings describes problems of files that still work: a validity that is over or nearly over, a certificate that
// many clients refuse or that no suite in ciphers can use, a key that everybody on the machine may read, and a CRL whose
// signature could not be checked yet.
func (t *Terminator) Warnings() []*FileError {
	g := t.current.Load()
	list := append(g.material.warnings(&t.sources, t.now()), t.useless()...)
	if g.crls == nil {
		return list
	}
	for _, ca := range g.crls.without(g.material.authorities.value.certs) {
		list = append(list, &FileError{Kind: KindCRL, File: t.sources.crls[0], Err: fmt.Errorf(
			"there is no CRL of the CA %q in client_ca: clients whose certificates it has signed are refused", ca.Subject)})
	}
	for _, l := range g.crls.strangers() {
		list = append(list, &FileError{Kind: KindCRL, File: l.file, Err: fmt.Errorf(
			"the issuer %q of a CRL is not in client_ca, so its signature is checked only when a client sends the issuer's certificate", l.list.Issuer)})
	}
	return list
}

// useless describes the certificates that cannot be used in TLS 1.2 and below, because no suite in ciphers is for their
// kind of key.
func (t *Terminator) useless() (list []*FileError) {
	newest := min(t.settings.max, tls.VersionTLS12)
	if t.settings.min > newest {
		return nil
	}
	for i, kept := range t.current.Load().material.certificates {
		key := kept.value.Leaf.PublicKey
		fits := func(id uint16) bool { return signedBy(id, key) && isOf(id, newest) }
		if !slices.ContainsFunc(t.settings.ciphers, fits) {
			list = append(list, &FileError{Kind: KindCertificate, File: t.sources.certificates[i].Cert, Err: fmt.Errorf(
				"it has a key of %s, and no suite in ciphers is for such a key%s", keyName(key),
				pick(t.settings.max >= tls.VersionTLS13, ", so that clients of TLS 1.2 and below do not get it", ""))})
		}
	}
	return list
}
