package tlsterm

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"reflect" //nolint:depguard // finds fields of tls.Conn once, at the start; decides nothing about values
	"unsafe"
)

// A tls.Conn keeps what its handshake needed until it is closed: a buffer as large as the largest record, another as large
// as the largest handshake message, and the client's certificates in full. These are more than half of its 7 KiB, and
// crypto/tls cannot release them. So this file clears the fields inside tls.Conn, if a field has the expected name and
// type. If a release of Go changes them, this file does nothing, and a test reports it.
var slim = struct{ rawInput, hand, peerCertificates, verifiedChains fieldAt }{
	field[bytes.Buffer]("rawInput"),
	field[bytes.Buffer]("hand"),
	field[[]*x509.Certificate]("peerCertificates"),
	field[[][]*x509.Certificate]("verifiedChains"),
}

// fieldAt is the offset of a field in tls.Conn, in bytes; 0: unknown. No wanted field is the first.
type fieldAt uintptr

// field returns the offset of a field of type T.
func field[T any](name string) fieldAt {
	f, ok := reflect.TypeFor[tls.Conn]().FieldByName(name)
	if !ok || f.Type != reflect.TypeFor[T]() {
		return 0
	}
	return fieldAt(f.Offset)
}

// fieldOf returns a pointer to the field of c, or nil if the field is unknown.
func fieldOf[T any](c *tls.Conn, at fieldAt) *T {
	if at == 0 {
		return nil
	}
	return (*T)(unsafe.Add(unsafe.Pointer(c), at)) //nolint:gosec // name and type were checked by field
}

// forget drops what only the handshake needed. The handshake of c must be over and no other goroutine may use c. It
// keeps the certificates of a node, because crypto/tls stores them with the tickets that the node sends later.
func forget(c *tls.Conn, node bool) {
	if hand := fieldOf[bytes.Buffer](c, slim.hand); hand != nil && hand.Len() == 0 {
		*hand = bytes.Buffer{}
	}
	if certs := fieldOf[[]*x509.Certificate](c, slim.peerCertificates); certs != nil && !node {
		*certs = nil
	}
	if chains := fieldOf[[][]*x509.Certificate](c, slim.verifiedChains); chains != nil && !node {
		*chains = nil
	}
	shrink(c)
}

// shrink releases a read buffer that is empty and large. The buffer holds no plaintext: shrink is called
// when Read has just found nothing, or before the first Read.
func shrink(c *tls.Conn) {
	if raw := fieldOf[bytes.Buffer](c, slim.rawInput); raw != nil && raw.Len() == 0 && raw.Cap() > keptBuffer {
		*raw = bytes.Buffer{}
	}
}
