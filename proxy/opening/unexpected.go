package opening

import (
	"fmt"

	"mqttlb/proxy/outcome"
	"mqttlb/proxy/snapshot"
)

// RefuseForeign returns the verdict for a client whose first bytes, in the layer that o reads now, are of another
// protocol than its listener's. fault describes unknown bytes; empty: nothing is known of them.
func (o *Opening) RefuseForeign(f Foreign, fault string, sc *Scratch) Verdict {
	why := outcome.WrongProtocol
	if f == ForeignProxy {
		why = outcome.UntrustedProxy
	}
	if f != ForeignUnknown || fault == "" {
		fault = o.unexpected(f)
	}
	v := o.refuse(Refusal{Outcome: why}, fault, sc)
	v.Foreign = f
	v.Reply = append(v.Reply, o.answer(f)...)
	sc.reply = v.Reply
	return v
}

// answer returns what a client of another protocol is told: a person may see it, if the client speaks HTTP. It is empty
// for all others.
func (o *Opening) answer(f Foreign) string {
	switch at := o.expects(); {
	case o.frames != nil: // the close frame says it
		return ""
	case at == expectsHTTP:
		return AnswerNotHTTP(f)
	case f == ForeignHTTP && at == expectsTLS:
		return "HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n" // net/http's words
	case f == ForeignHTTP:
		return "HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an MQTT server.\n"
	}
	return ""
}

// AnswerNotHTTP returns what a client is told that does not speak HTTP/1 where it should; empty: nothing. Behind the
// proxy of a PROXY header there may be a browser, and some other clients show what they do not understand.
func AnswerNotHTTP(f Foreign) string {
	const format = "HTTP/1.1 %s\r\nContent-Type: text/plain\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s"
	status, text := "400 Bad Request", "HTTP/1.1 is spoken here.\n"
	if f == ForeignTLS || f == ForeignMQTT {
		return ""
	}
	if f == ForeignHTTP2 {
		status = "505 HTTP Version Not Supported"
	}
	if f == ForeignProxy {
		text = "A PROXY header is not expected here.\n"
	}
	return fmt.Sprintf(format, status, len(text), text)
}

// The protocols that an opening expects, in words.
const (
	expectsTLS  = "TLS"
	expectsHTTP = "HTTP"
	expectsMQTT = "MQTT"
)

// expects returns the protocol that o reads next.
func (o *Opening) expects() string {
	ln := o.listener
	switch {
	case ln.Protocol == snapshot.Passthrough, ln.TLS != nil && o.TLS == nil:
		return expectsTLS
	case ln.ServesHTTP() && o.frames == nil:
		return expectsHTTP
	default:
		return expectsMQTT
	}
}

// unexpected says what a client has sent, in place of what, and which setting would accept it.
func (o *Opening) unexpected(f Foreign) string {
	if f == ForeignProxy {
		return o.unexpectedProxy()
	}
	within := ""
	switch {
	case o.frames != nil:
		within = " inside WebSocket"
	case o.TLS != nil:
		within = " inside TLS"
	}
	fault := fmt.Sprintf("%s in place of %s%s", foreignNames[f].words, o.expects(), within)
	if advice := o.advice(f); advice != "" {
		fault += ": " + advice
	}
	return fault
}

func (o *Opening) unexpectedProxy() string {
	switch {
	case o.frames != nil:
		return "a PROXY header inside WebSocket: the proxy must send it before anything else"
	case o.TLS != nil:
		return "a PROXY header inside TLS: the proxy must send it before the TLS handshake"
	case o.announced:
		return "a second PROXY header: only the proxy next to mqttlb may send one"
	case o.listener.AcceptProxy:
		return "a PROXY header from a peer outside trusted_proxies: add its address there to accept it"
	default:
		return "a PROXY header where none is expected: proxy_protocol: accept, with the peer in trusted_proxies, accepts it"
	}
}

// advice names the setting that would accept the protocol.
func (o *Opening) advice(f Foreign) string {
	nested, expected := o.TLS != nil || o.frames != nil, o.expects()
	switch {
	case f == ForeignUnknown:
		return ""
	case f == ForeignTLS && nested:
		return "the client, or a proxy in front, encrypts twice"
	case f == ForeignTLS:
		return "a listener with tls accepts it, or protocol: tls, which passes it on"
	case f == ForeignMQTT && expected == expectsTLS:
		return "a listener of protocol: mqtt without tls accepts it"
	case f == ForeignMQTT:
		return "it is served on listeners of protocol: mqtt"
	case f == ForeignHTTP && o.frames != nil:
		return ""
	case f == ForeignHTTP && expected == expectsTLS:
		return "a listener of protocol: ws or http without tls accepts it"
	case f == ForeignHTTP:
		return "protocol: ws accepts an upgrade to WebSocket, and protocol: http also requests"
	case f == ForeignHTTP2 && expected == expectsHTTP:
		return "HTTP/1.1 is served here"
	default:
		return "only protocol: tcp passes it on"
	}
}
