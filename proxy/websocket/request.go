package websocket

import (
	"bytes"
	"crypto/rand"
	"crypto/sha1"
	"encoding/base64"
	"net/http"
	"strings"
)

// A Request is the upgrade request that the balancer sends to a node (§4.1).
type Request struct {
	// Path is the request-target in origin-form (RFC 9112, 3.2.1): path and query, as
	// url.URL's RequestURI returns them; "" means "/". Bytes that are not allowed in a
	// request line, such as a line break, are percent-encoded.
	Path string
	// Host is the name of the node as its clients know it, with a port unless it is 80.
	Host string
	// Protocols are the subprotocols to offer, in this order; empty: none.
	Protocols []string
	// Plain offers mqtt alone, because the node has refused Protocols. See Request.MayOfferPlain.
	Plain bool
	// Key is the nonce of this request, from NewKey.
	Key string
	// Header holds further headers. Append drops those that would change the upgrade or
	// turn the bytes after it into a body: Host, Connection, Upgrade, Sec-WebSocket-*,
	// Content-Length, Transfer-Encoding, Trailer, TE, Expect. The others are sent in the
	// order of their names. Line breaks in values become spaces, and invalid names are
	// dropped.
	Header http.Header
}

// NewKey returns a nonce for one request: 16 random bytes in base64 (§4.1, 7).
func NewKey() string {
	var nonce [16]byte
	rand.Read(nonce[:]) // never fails
	return base64.StdEncoding.EncodeToString(nonce[:])
}

// Append appends the request to dst. It never offers an extension, so that frames pass
// between client and node unchanged.
func (r *Request) Append(dst []byte) []byte {
	dst = append(dst, "GET "...)
	dst = appendTarget(dst, r.Path)
	dst = append(dst, " HTTP/1.1\r\n"...)

	h := make(http.Header, len(r.Header)+5)
	for name, values := range r.Header {
		if !isReserved(name) {
			h[name] = values
		}
	}
	// The spelling of RFC 6455. Names have no case, but some servers expect this one.
	h["Upgrade"] = []string{"websocket"}
	h["Connection"] = []string{"Upgrade"}
	h["Sec-WebSocket-Version"] = []string{"13"}
	h["Sec-WebSocket-Key"] = []string{r.Key}
	if offer := r.Offer(); len(offer) > 0 {
		h["Sec-WebSocket-Protocol"] = []string{strings.Join(offer, ", ")}
	}
	buffer := bytes.NewBuffer(dst)
	// Header.Write keeps each value on its line. A Buffer accepts every write.
	_ = http.Header{"Host": {r.Host}}.Write(buffer) // RFC 9112, 3.2 wants it first
	_ = h.Write(buffer)
	return append(buffer.Bytes(), "\r\n"...)
}

// isReserved reports whether the package writes a header itself, so that Request.Header must
// not set it, in any spelling.
func isReserved(name string) bool {
	name = http.CanonicalHeaderKey(name)
	switch name {
	case "Host", "Connection", "Upgrade", "Content-Length", "Transfer-Encoding", "Trailer", "Te", "Expect":
		return true
	}
	return strings.HasPrefix(name, "Sec-Websocket-")
}

// appendTarget appends a request-target that has no line break and no space, whatever path
// contains.
func appendTarget(dst []byte, path string) []byte {
	if !strings.HasPrefix(path, "/") {
		dst = append(dst, '/')
	}
	const digits = "0123456789ABCDEF"
	for _, b := range []byte(path) {
		if b > ' ' && b < 0x7F {
			dst = append(dst, b)
		} else {
			dst = append(dst, '%', digits[b>>4], digits[b&0xF])
		}
	}
	return dst
}

// acceptOf returns the Sec-WebSocket-Accept for a key (§4.2.2, 5.4).
func acceptOf(key string) string {
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11")) //nolint:gosec // §1.3 says SHA-1; it keeps no secret
	return base64.StdEncoding.EncodeToString(sum[:])
}
