package opening

import "fmt"

// Silent reports whether the client has sent nothing, apart from the PROXY header of a proxy in front.
func (o *Opening) Silent() bool { return !o.heard }

// Hear notes that the client has sent something while the caller read its connection.
func (o *Opening) Hear() { o.heard = true }

// SentNothing is what the log says of a client that has been silent for too long.
const SentNothing = ": the client has sent nothing; it may wait for a greeting, as clients of SMTP, FTP and MySQL do"

// silence returns SentNothing if it is true.
func (o *Opening) silence() string {
	if o.heard {
		return ""
	}
	return SentNothing
}

// Late names what the client has not sent completely when its time is over. It is empty if
// net/http has the connection, because net/http reports that itself.
func (o *Opening) Late() string {
	setting, limit := "timeouts.connect_packet", o.snapshot.Timeouts.ConnectPacket
	if t := o.listener.TLS; t != nil && o.TLS == nil {
		setting, limit = "tls.handshake_timeout", t.Timeout
	}
	var missing string
	switch o.stage {
	case atProxyHeader:
		missing = "PROXY header"
	case atHello, atHandshake:
		missing = "ClientHello"
	case atRequest:
		return fmt.Sprintf("request header: not whole within timeouts.connect_packet %v%s", limit, o.silence())
	case atHTTP:
		return ""
	default:
		missing = "CONNECT"
	}
	return fmt.Sprintf("no whole %s within %s %v%s", missing, setting, limit, o.silence())
}
