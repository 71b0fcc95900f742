package websocket

import (
	"bytes"
	"crypto/rand"
	"crypto/sha1"
	"encoding/base64"
	"net/http"
	"strings"
)

// A Request asks a node for the upgrade, as its client (§4.1).
type Request struct {
	// Path is the request-target in origin-form (RFC 9112, 3.2.1): path and query,
	// as url.URL's RequestURI gives them; "" is "/". Bytes that cannot stand in a
	// request line, a line break for one, are sent percent-encoded.
	Path string
	// Host is the node's name as its clients know it, with a port unless it is 80.
	Host string
	// Protocol is the one subprotocol that is asked for; "" asks for none.
	Protocol string
	// Key is the nonce of this request, from NewKey.
	Key string
	// Header holds what else to send. What would change the upgrade or make a body
	// of what follows is left out: Host, Connection, Upgrade, Sec-WebSocket-*,
	// Content-Length, Transfer-Encoding, Trailer, TE, Expect. The rest goes out in
	// the order of its names, line breaks in values as spaces, invalid names not at all.
	Header http.Header
}

// NewKey returns a nonce for one request: 16 random bytes in base64 (§4.1, 7).
func NewKey() string {
	var nonce [16]byte
	rand.Read(nonce[:]) // never fails
	return base64.StdEncoding.EncodeToString(nonce[:])
}

// Append appends the request to dst. It never offers an extension, so that frames
// pass between client and node as they are.
func (r *Request) Append(dst []byte) []byte {
	dst = append(dst, "GET "...)
	dst = appendTarget(dst, r.Path)
	dst = append(dst, " HTTP/1.1\r\n"...)

	h := make(http.Header, len(r.Header)+5)
	for name, values := range r.Header {
		if !ours(name) {
			h[name] = values
		}
	}
	// The spelling of RFC 6455: names have no case, and there are servers that mind.
	h["Upgrade"] = []string{"websocket"}
	h["Connection"] = []string{"Upgrade"}
	h["Sec-WebSocket-Version"] = []string{"13"}
	h["Sec-WebSocket-Key"] = []string{r.Key}
	if r.Protocol != "" {
		h["Sec-WebSocket-Protocol"] = []string{r.Protocol}
	}
	buffer := bytes.NewBuffer(dst)
	// Header.Write is what keeps each value on its line. A Buffer takes every write.
	_ = http.Header{"Host": {r.Host}}.Write(buffer) // first, as RFC 9112, 3.2 asks
	_ = h.Write(buffer)
	return append(buffer.Bytes(), "\r\n"...)
}

// ours reports whether a header is not for Request.Header to set, however it is spelled.
func ours(name string) bool {
	name = http.CanonicalHeaderKey(name)
	switch name {
	case "Host", "Connection", "Upgrade", "Content-Length", "Transfer-Encoding", "Trailer", "Te", "Expect":
		return true
	}
	return strings.HasPrefix(name, "Sec-Websocket-")
}

// appendTarget appends a request-target, on one line and without a space whatever path holds.
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

// acceptOf returns the Sec-WebSocket-Accept that answers key (§4.2.2, 5.4).
func acceptOf(key string) string {
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11")) //nolint:gosec // §1.3 says SHA-1; it keeps no secret
	return base64.StdEncoding.EncodeToString(sum[:])
}
