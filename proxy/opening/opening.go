package opening

import (
	"fmt"
	"net/netip"

	"mqttlb/mqttparse"
	"mqttlb/proxy/outcome"
	"mqttlb/proxy/snapshot"
	"mqttlb/proxy/tlsterm"
	"mqttlb/proxy/tlv"
)

// stage is what an Opening reads next, or what its caller has to do.
type stage uint8

const (
	atProxyHeader stage = iota
	atAddress           // ask for the limits of the client's address
	atBeginning         // choose the first stage by the listener
	atHello
	atHandshake // the caller makes the TLS handshake
	atRequest
	atHTTP // the caller has net/http serve the connection
	atFrames
	atConnect // the CONNECT, not in frames
	atLimits
	atKey
	atEnd
)

// An Opening is the progress of one client. It keeps the client's bytes until a verdict
// tells the caller to take them.
type Opening struct {
	// Client is the client as far as it is known: the peer, the one in the PROXY header, or the one that
	// the upgrade to WebSocket was forwarded for.
	Client

	// Destination is the address that the client connected to; valid only if the PROXY header has it.
	Destination netip.AddrPort

	// Excess is the outcome with which the client is to be refused, because it exceeds a
	// limit; None: it exceeds no limit. The caller sets Excess.
	Excess outcome.Outcome

	Version mqttparse.Version // of the CONNECT, as soon as it is known
	TLS     *tlsterm.Info     // of the client's handshake; nil: no TLS

	// Front is what a trusted proxy says about its client in TLVs; nil: nothing, or no pool of the
	// listener passes it on.
	Front *tlv.Set

	Tolerated mqttparse.Rules // that the CONNECT breaks; empty unless the listener is tolerant

	snapshot *snapshot.Snapshot
	listener *snapshot.Listener
	stage    stage

	serverName string // of the ClientHello, where TLS is passed on

	// bytes are the client's bytes that nobody has taken. If owned is false they are a
	// view into the argument of the last Feed.
	bytes []byte
	owned bool

	hello  tlsterm.HelloScanner
	header headerScanner // of an HTTP request
	frames *frames       // nil: no upgrade to WebSocket

	announced bool // a PROXY header was read
	forwarded bool // the Client of an upgrade is known
	heard     bool // the client has sent something, apart from that header
}

// New returns the opening of a client that has connected to a listener of the snapshot. peer
// is the address of the other end of the connection; not valid on a Unix socket.
func New(snap *snapshot.Snapshot, ln *snapshot.Listener, peer netip.AddrPort) Opening {
	o := Opening{Client: Client{Source: peer}, snapshot: snap, listener: ln, stage: atAddress}
	if ln.Trusts(peer.Addr()) {
		o.stage = atProxyHeader
	}
	o.Shared = o.stage == atProxyHeader || ln.TrustsForwarded(peer.Addr())
	return o
}

// Feed takes the bytes that the client has sent since the last call, at most Room if that verdict was
// More, and returns what to do next. Feed does not copy sent. The caller must not change sent until
// Keep is called, or the verdict is Refuse, or Take is called and its result is no longer used.
func (o *Opening) Feed(sent []byte, sc *Scratch) Verdict {
	switch {
	case len(sent) == 0:
	case len(o.bytes) == 0:
		o.bytes, o.owned = sent, false
		o.heard = true
	default:
		o.Keep()
		o.bytes = append(o.bytes, sent...)
	}
	for {
		if v := o.step(sc); v.Kind != again {
			return v
		}
	}
}

// step advances by one stage if the bytes for it have arrived.
func (o *Opening) step(sc *Scratch) Verdict {
	switch o.stage {
	case atProxyHeader:
		return o.readProxyHeader()
	case atAddress:
		o.stage = atBeginning
		return Verdict{Kind: Address}
	case atBeginning:
		return o.chooseFirst()
	case atHello:
		return o.readHello(sc)
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

// needMore asks for the missing bytes of a PROXY header or a CONNECT.
func (o *Opening) needMore() Verdict {
	return Verdict{Kind: More, Room: maxProxyHeader + o.snapshot.MaxConnectSize}
}

// refuseSilently refuses a client without an answer.
func (o *Opening) refuseSilently(why outcome.Outcome, fault string) Verdict {
	o.stage = atEnd
	return Verdict{Kind: Refuse, Outcome: why, Fault: fault}
}

func (o *Opening) readProxyHeader() Verdict {
	h, err := ReadProxyHeader(o.bytes)
	if err == ErrHeaderShort {
		return o.needMore()
	}
	if err == errHeaderAbsent {
		return o.refuseWithoutHeader()
	}
	if err != nil {
		return o.refuseSilently(outcome.BadProxyHeader, err.Error())
	}
	if len(h.TLVs) > 0 && o.listener.ForwardsTLVs() {
		front := tlv.Read(h.TLVs)
		o.Front = &front
	}
	o.bytes = o.bytes[h.Length:]
	o.announced, o.heard = true, len(o.bytes) > 0
	o.stage = atBeginning
	if o.unnamed = !h.Source.IsValid(); !o.unnamed {
		o.Source, o.Destination = h.Source, h.Destination
		o.Shared = o.listener.TrustsForwarded(h.Source.Addr())
		o.stage = atAddress
	}
	return Verdict{}
}

// refuseWithoutHeader refuses a trusted peer that does not begin with a PROXY header.
func (o *Opening) refuseWithoutHeader() Verdict {
	const rule = "a peer in trusted_proxies must begin with one; take it out of the list if it sends none"
	f, undecided := Identify(o.bytes, ForeignProxy)
	if undecided {
		return o.needMore()
	}
	v := o.refuseSilently(outcome.BadProxyHeader, fmt.Sprintf("%v, but %s: %s", errHeaderAbsent, foreignNames[f].words, rule))
	v.Foreign = f
	return v
}

// chooseFirst refuses a client beyond a limit if it cannot get an answer: on a TLS listener,
// since the limits save its handshake, and on a listener that does not read MQTT.
func (o *Opening) chooseFirst() Verdict {
	ln := o.listener
	if o.Excess != outcome.None && (ln.TLS != nil || ln.Opaque()) {
		return o.refuseSilently(o.Excess, "")
	}
	switch {
	case ln.TLS != nil || ln.Protocol == snapshot.Passthrough:
		o.stage = atHello
	default:
		o.stage = o.afterTLS()
	}
	return Verdict{}
}

// afterTLS returns the stage for the first bytes inside TLS, or without TLS.
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

func (o *Opening) readHello(sc *Scratch) Verdict {
	foreign, undecided := IdentifyNotTLS(o.bytes)
	if foreign != NotForeign {
		return o.RefuseForeign(foreign, "", sc)
	}
	if undecided || !o.hello.Whole(o.bytes) {
		if len(o.bytes) >= maxClientHello {
			return o.refuseSilently(outcome.HandshakeFailed, "TLS: the ClientHello is longer than 64 KiB")
		}
		return Verdict{Kind: More, Room: maxClientHello - len(o.bytes)}
	}
	if o.listener.TLS != nil {
		o.stage = atHandshake
		return Verdict{Kind: Handshake}
	}
	if o.hello.Wrong() {
		return o.refuseSilently(outcome.HandshakeFailed, "TLS: the first bytes are no ClientHello")
	}
	name, err := tlsterm.ServerName(o.bytes)
	if err != nil {
		return o.refuseSilently(outcome.HandshakeFailed, err.Error())
	}
	o.serverName = name
	o.stage = atLimits
	return Verdict{}
}

// Secured reports to o that the TLS handshake has succeeded. From now on Feed takes
// decrypted bytes.
func (o *Opening) Secured(info *tlsterm.Info) {
	o.TLS = info
	o.stage = o.afterTLS()
}

// Keep copies the bytes of the last Feed, so that its argument may change.
func (o *Opening) Keep() {
	if !o.owned && len(o.bytes) > 0 {
		o.bytes = append(make([]byte, 0, len(o.bytes)), o.bytes...)
	}
	o.owned = len(o.bytes) > 0
}

// Forwarded reports whether the Client is the one that an HTTP proxy has named.
func (o *Opening) Forwarded() bool { return o.forwarded }

// Take returns the client's bytes and removes them from o. If owned is false they are a
// view into the argument of the last Feed.
func (o *Opening) Take() (b []byte, owned bool) {
	b, owned = o.bytes, o.owned
	o.bytes, o.owned = nil, false
	return b, owned
}

// Size returns how many of the client's bytes, and of the proxy's TLVs, the opening keeps.
func (o *Opening) Size() int {
	n := o.Front.Size()
	if o.owned {
		n = cap(o.bytes)
	}
	if o.frames != nil {
		n += cap(o.frames.packet) + o.frames.accepted.size
	}
	return n
}
