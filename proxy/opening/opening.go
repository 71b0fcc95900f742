package opening

import (
	"fmt"
	"net/netip"

	"mqttlb/mqttparse"
	"mqttlb/proxy/outcome"
	"mqttlb/proxy/snapshot"
	"mqttlb/proxy/tlsterm"
)

// stage is what an Opening reads next, or what it waits for its caller to do.
type stage uint8

const (
	atProxyHeader stage = iota
	atAddress           // ask for the limits of the client's address
	atBeginning         // choose by the listener what comes first
	atHello
	atHandshake // the caller makes the TLS handshake
	atRequest
	atHTTP // the caller has net/http serve the connection
	atFrames
	atConnect // the CONNECT, in the clear
	atLimits
	atKey
	atEnd
)

// An Opening is how far one client has come. It keeps what the client has sent until a
// verdict has the caller take it.
type Opening struct {
	// Source is the client's address, by its PROXY header if a proxy sent one; not valid
	// on a Unix socket. Destination is where it connected to; valid only if the header
	// says it.
	Source, Destination netip.AddrPort

	// Excess is the limit that the connection was accepted past, for which it is to be
	// refused; None: none. The caller sets it.
	Excess outcome.Outcome

	Version mqttparse.Version // of the CONNECT, as soon as it is known
	TLS     *tlsterm.Info     // of the client's handshake; nil: there was none

	snapshot *snapshot.Snapshot
	listener *snapshot.Listener
	pool     *snapshot.Pool
	stage    stage

	// bytes is what the client has sent and nobody has taken. While owned is false it
	// is a view into what Feed was given last.
	bytes []byte
	owned bool

	hello  tlsterm.HelloScanner
	header headerScanner // of an HTTP request
	frames *frames       // nil: the client has not upgraded to WebSocket
}

// New returns the opening of a client that has connected to a listener of the snapshot. peer
// is the other end of the connection, not valid on a Unix socket.
func New(snap *snapshot.Snapshot, ln *snapshot.Listener, peer netip.AddrPort) Opening {
	o := Opening{Source: peer, snapshot: snap, listener: ln, pool: ln.Pool, stage: atAddress}
	if ln.Trusts(peer.Addr()) {
		o.stage = atProxyHeader
	}
	return o
}

// Feed takes what the client has sent since the last call, at most Room bytes where that
// verdict was More, and says what to do next. It reads sent in place: sent must stay as it is
// until Keep is called, or the verdict is Refuse, or Take is called and what it returned is done with.
func (o *Opening) Feed(sent []byte, sc *Scratch) Verdict {
	switch {
	case len(sent) == 0:
	case len(o.bytes) == 0:
		o.bytes, o.owned = sent, false
	default:
		o.Keep()
		o.bytes = append(o.bytes, sent...)
	}
	for {
		if v := o.next(sc); v.Kind != again {
			return v
		}
	}
}

// next goes on by one stage, if there are the bytes for it.
func (o *Opening) next(sc *Scratch) Verdict {
	switch o.stage {
	case atProxyHeader:
		return o.readProxyHeader()
	case atAddress:
		o.stage = atBeginning
		return Verdict{Kind: Address}
	case atBeginning:
		return o.begin()
	case atHello:
		return o.readHello()
	case atRequest:
		return o.readRequest(sc)
	case atFrames:
		return o.readFrames(sc)
	case atConnect:
		return o.readPacket(sc)
	case atLimits:
		return o.askAdmit(sc)
	case atKey:
		return o.chooseKey(sc)
	default:
		panic("opening: Feed where its caller has something else to do")
	}
}

// more asks for the bytes that a PROXY header or a CONNECT lacks.
func (o *Opening) more() Verdict {
	return Verdict{Kind: More, Room: maxProxyHeader + o.snapshot.MaxConnectSize}
}

// end refuses a client without a word.
func (o *Opening) end(why outcome.Outcome, fault string) Verdict {
	o.stage = atEnd
	return Verdict{Kind: Refuse, Outcome: why, Fault: fault}
}

func (o *Opening) readProxyHeader() Verdict {
	h, err := ReadProxyHeader(o.bytes)
	if err == ErrHeaderShort {
		return o.more()
	}
	if err != nil {
		return o.end(outcome.BadProxyHeader, err.Error())
	}
	o.bytes = o.bytes[h.Length:]
	o.stage = atBeginning // the proxy itself, for which no limit is meant
	if h.Source.IsValid() {
		o.Source, o.Destination = h.Source, h.Destination
		o.stage = atAddress
	}
	return Verdict{}
}

// begin ends an opening that is past a limit where its client could not be told: before
// TLS, since the limits are to spare its handshake, and where MQTT is not looked for.
func (o *Opening) begin() Verdict {
	ln := o.listener
	if o.Excess != outcome.None && (ln.TLS != nil || ln.Opaque()) {
		return o.end(o.Excess, "")
	}
	switch {
	case ln.TLS != nil || ln.Protocol == snapshot.Passthrough:
		o.stage = atHello
	default:
		o.stage = o.afterTLS()
	}
	return Verdict{}
}

// afterTLS is the stage for what clients send first inside of TLS, or without it.
func (o *Opening) afterTLS() stage {
	switch o.listener.Protocol {
	case snapshot.WS, snapshot.HTTP:
		return atRequest
	case snapshot.TCP:
		return atLimits
	default:
		return atConnect
	}
}

func (o *Opening) readHello() Verdict {
	if !o.hello.Whole(o.bytes) {
		if len(o.bytes) >= maxClientHello {
			return o.end(outcome.HandshakeFailed, "TLS: the ClientHello is longer than 64 KiB")
		}
		return Verdict{Kind: More, Room: maxClientHello - len(o.bytes)}
	}
	if o.listener.TLS != nil {
		o.stage = atHandshake
		return Verdict{Kind: Handshake}
	}
	if o.hello.Wrong() {
		return o.end(outcome.HandshakeFailed, "TLS: the first bytes are no ClientHello")
	}
	name, err := tlsterm.ServerName(o.bytes)
	if err != nil {
		return o.end(outcome.HandshakeFailed, err.Error())
	}
	o.pool = o.listener.ForServerName(name)
	o.stage = atLimits
	return Verdict{}
}

// Secured says that the TLS handshake is made. What is fed from now on is what TLS carries.
func (o *Opening) Secured(info *tlsterm.Info) {
	o.TLS = info
	o.stage = o.afterTLS()
}

// AwaitsTLS reports whether the client's handshake has to come next.
func (o *Opening) AwaitsTLS() bool {
	return o.stage == atHandshake || o.stage == atHello && o.listener.TLS != nil
}

// Late says what a client has not sent whole when its time is over; empty: net/http has the
// connection, and knows.
func (o *Opening) Late() string {
	limit := o.snapshot.Timeouts.ConnectPacket
	missing := "CONNECT"
	switch o.stage {
	case atProxyHeader:
		missing = "PROXY header"
	case atHello, atHandshake:
		if t := o.listener.TLS; t != nil && t.Timeout < limit {
			return fmt.Sprintf("no whole ClientHello within tls.handshake_timeout %v", t.Timeout)
		}
		missing = "ClientHello"
	case atRequest:
		return fmt.Sprintf("request header: not whole within timeouts.connect_packet %v", limit)
	case atHTTP:
		return ""
	}
	return fmt.Sprintf("no whole %s within timeouts.connect_packet %v", missing, limit)
}

// Keep makes the opening independent of what Feed was given.
func (o *Opening) Keep() {
	if !o.owned && len(o.bytes) > 0 {
		o.bytes = append(make([]byte, 0, len(o.bytes)), o.bytes...)
	}
	o.owned = len(o.bytes) > 0
}

// Take hands over what the client has sent. Where owned is false it is a view into what
// Feed was given last.
func (o *Opening) Take() (b []byte, owned bool) {
	b, owned = o.bytes, o.owned
	o.bytes, o.owned = nil, false
	return b, owned
}

// Size is how many bytes the opening keeps of what the client has sent.
func (o *Opening) Size() int {
	n := 0
	if o.owned {
		n = cap(o.bytes)
	}
	if o.frames != nil {
		n += cap(o.frames.packet)
	}
	return n
}
