package tlsterm

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"reflect" //nolint:depguard // finds fields of tls.Conn once, at the start; decides nothing about values
	"unsafe"
)

// A tls.Conn keeps for life what its handshake needed: a buffer as large as the largest record, another as large as
// the largest handshake message, the client's certificates in full. Of some 7 KiB these are more than half, and crypto/tls
// has no way to let go of them. So this file reaches into it, where a field has the name and the type that it knows;
// with a release of Go that has changed them it does nothing, and a test says so.
var slim = struct{ rawInput, hand, peerCertificates, verifiedChains fieldAt }{
	field[bytes.Buffer]("rawInput"),
	field[bytes.Buffer]("hand"),
	field[[]*x509.Certificate]("peerCertificates"),
	field[[][]*x509.Certificate]("verifiedChains"),
}

// fieldAt is where a field of tls.Conn is, in bytes from its beginning; 0: not known. The first field is none of ours.
type fieldAt uintptr

// field finds a field of the type T.
func field[T any](name string) fieldAt {
	f, ok := reflect.TypeFor[tls.Conn]().FieldByName(name)
	if !ok || f.Type != reflect.TypeFor[T]() {
		return 0
	}
	return fieldAt(f.Offset)
}

// get is the field of c, nil when it is not known.
func get[T any](c *tls.Conn, at fieldAt) *T {
	if at == 0 {
		return nil
	}
	return (*T)(unsafe.Add(unsafe.Pointer(c), at)) //nolint:gosec // name and type were checked by field
}

// forget drops what only the handshake needed. c is in one goroutine's hands and its handshake is over. A node's tickets
// are still to come, and crypto/tls keeps its certificates with them.
func forget(c *tls.Conn, node bool) {
	if hand := get[bytes.Buffer](c, slim.hand); hand != nil && hand.Len() == 0 {
		*hand = bytes.Buffer{}
	}
	if certs := get[[]*x509.Certificate](c, slim.peerCertificates); certs != nil && !node {
		*certs = nil
	}
	if chains := get[[][]*x509.Certificate](c, slim.verifiedChains); chains != nil && !node {
		*chains = nil
	}
	shrink(c)
}

// shrink lets go of a read buffer that is empty and large. No plaintext is in it: it is called when Read has
// just found nothing, or before the first.
func shrink(c *tls.Conn) {
	if raw := get[bytes.Buffer](c, slim.rawInput); raw != nil && raw.Len() == 0 && raw.Cap() > keptBuffer {
		*raw = bytes.Buffer{}
	}
}
