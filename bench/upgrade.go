package bench

import (
	"bytes"
	"crypto/sha1"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
)

// maxHead limits the head of an HTTP request or response, in bytes.
const maxHead = 8 << 10

var (
	errHead        = errors.New("HTTP head longer than 8 KiB")
	errAccept      = errors.New("upgrade answered without the Sec-WebSocket-Accept of its key (RFC 6455, 4.1)")
	errSubprotocol = errors.New("upgrade answered without the subprotocol mqtt [MQTT-6.0.0-4]")
	errNoUpgrade   = errors.New("not a WebSocket upgrade with the subprotocol mqtt")
)

// head is the part of an HTTP message before the body.
type head struct {
	start  []byte // request line or status line
	fields []byte // lines that end in CRLF
}

// cutHead cuts the head off b. ok is false if it is incomplete.
func cutHead(b []byte) (h head, rest []byte, ok bool, err error) {
	i := bytes.Index(b[:min(len(b), maxHead)], []byte("\r\n\r\n"))
	switch {
	case i >= 0:
		h.start, h.fields, _ = bytes.Cut(b[:i+2], []byte("\r\n"))
		return h, b[i+4:], true, nil
	case len(b) >= maxHead:
		return h, nil, false, errHead
	}
	return h, nil, false, nil
}

// value returns the value of the first field with that name, or nil.
func (h *head) value(name string) []byte {
	for line := range bytes.SplitSeq(h.fields, []byte("\r\n")) {
		if field, value, ok := bytes.Cut(line, []byte(":")); ok && bytes.EqualFold(field, []byte(name)) {
			return bytes.TrimSpace(value)
		}
	}
	return nil
}

// has reports whether the list in the field with that name contains the token, in any
// case.
func (h *head) has(name, token string) bool {
	for item := range bytes.SplitSeq(h.value(name), []byte(",")) {
		if bytes.EqualFold(bytes.TrimSpace(item), []byte(token)) {
			return true
		}
	}
	return false
}

// newKey returns a Sec-WebSocket-Key.
func newKey() []byte {
	b := binary.LittleEndian.AppendUint64(nil, rand.Uint64())
	b = binary.LittleEndian.AppendUint64(b, rand.Uint64())
	return base64.StdEncoding.AppendEncode(nil, b)
}

// acceptOf returns the Sec-WebSocket-Accept for a key (RFC 6455, 4.2.2).
func acceptOf(key []byte) []byte {
	sum := sha1.Sum(append(bytes.Clone(key), "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"...)) //nolint:gosec // RFC 6455 chose it, and not for secrecy
	return base64.StdEncoding.AppendEncode(nil, sum[:])
}

// appendUpgrade appends a client's request.
func appendUpgrade(b []byte, host, path string, key []byte) []byte {
	return fmt.Appendf(b, "GET %s HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
		"Sec-WebSocket-Key: %s\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n", path, host, key)
}

// checkUpgraded returns an error if the response h is not what RFC 6455 and MQTT require.
func (h *head) checkUpgraded(accept []byte) error {
	fields := bytes.Fields(h.start)
	if len(fields) < 2 || !bytes.Equal(fields[0], []byte("HTTP/1.1")) || !bytes.Equal(fields[1], []byte("101")) {
		return fmt.Errorf("upgrade answered with %.80q", h.start)
	}
	if !h.has("Upgrade", "websocket") || !h.has("Connection", "Upgrade") || !bytes.Equal(h.value("Sec-WebSocket-Accept"), accept) {
		return errAccept
	}
	if !bytes.Equal(h.value("Sec-WebSocket-Protocol"), []byte("mqtt")) {
		return errSubprotocol
	}
	return nil
}

// appendUpgraded appends a server's response to the request h. If it returns an error the
// response is a 400.
func (h *head) appendUpgraded(b []byte) ([]byte, error) {
	key := h.value("Sec-WebSocket-Key")
	if !bytes.HasPrefix(h.start, []byte("GET ")) || !bytes.HasSuffix(h.start, []byte(" HTTP/1.1")) || len(key) == 0 ||
		!h.has("Upgrade", "websocket") || !h.has("Connection", "Upgrade") || !h.has("Sec-WebSocket-Version", "13") ||
		!h.has("Sec-WebSocket-Protocol", "mqtt") {
		return append(b, "HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"...), errNoUpgrade
	}
	return fmt.Appendf(b, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
		"Sec-WebSocket-Accept: %s\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n", acceptOf(key)), nil
}
