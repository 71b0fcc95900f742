package tlsterm

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"strings"
	"time"
)

// ticketKey seals or opens session tickets.
type ticketKey struct {
	secret [32]byte
	made   time.Time // zero for keys from a file
}

// ticketRing holds the keys of a listener; the first one seals.
type ticketRing []ticketKey

// rotate returns the ring with a new key if the first is due, and without expired keys.
func (r ticketRing) rotate(now time.Time) ticketRing {
	if len(r) > 0 && now.Sub(r[0].made) < ticketRotation {
		return r
	}
	fresh := ticketKey{made: now}
	rand.Read(fresh.secret[:]) // never fails: it ends the process instead
	next := ticketRing{fresh}
	for _, k := range r {
		if now.Sub(k.made) < ticketLifetime {
			next = append(next, k)
		}
	}
	return next
}

// secrets returns the keys for tls.Config.SetSessionTicketKeys.
func (r ticketRing) secrets() [][32]byte {
	list := make([][32]byte, len(r))
	for i, k := range r {
		list[i] = k.secret
	}
	return list
}

// loadTicketKeys reads a file in the format of HAProxy's tls-ticket-keys: one key a line, the newest last, in base64
// (48 or 80 bytes there; 32 to 80 here) or hex. The last three keys open tickets and the last but one seals them:
// every replica knows a new key before any replica uses it.
//
// With the same file, replicas of mqttlb resume each other's sessions. They cannot resume HAProxy's, whose tickets
// hold a session in OpenSSL's format.
func loadTicketKeys(file string) (ticketRing, error) {
	text, err := readFile(file, maxTicketKeyFile)
	if err != nil {
		return nil, aboutFile(KindTicketKeys, file, err)
	}
	lines, err := plainLines(text)
	if err != nil {
		return nil, aboutFile(KindTicketKeys, file, err)
	}
	var keys ticketRing
	for i, line := range lines {
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		raw, ok := decodeKey(line)
		if !ok {
			return nil, aboutFile(KindTicketKeys, file, &lineError{i + 1, errors.New("not a key: want 32 to 80 random bytes in base64 or hex (openssl rand -base64 48)")})
		}
		keys = append(keys, ticketKey{secret: sha256.Sum256(raw)})
	}
	if len(keys) == 0 {
		return nil, aboutFile(KindTicketKeys, file, errors.New("no ticket key"))
	}
	return sealFirst(keys), nil
}

// decodeKey tries hex first: 64 hex digits are also base64 of 48 bytes, but no random key looks like
// that.
func decodeKey(line string) ([]byte, bool) {
	raw, err := hex.DecodeString(line)
	if err != nil {
		raw, err = base64.StdEncoding.DecodeString(line)
	}
	return raw, err == nil && len(raw) >= 32 && len(raw) <= 80
}

// sealFirst returns the keys of a file, newest last, with the key that seals moved to the
// front.
func sealFirst(keys ticketRing) ticketRing {
	if len(keys) > sharedTicketKeys {
		keys = keys[len(keys)-sharedTicketKeys:]
	}
	if len(keys) == 1 {
		return keys
	}
	seals := len(keys) - 2
	ring := ticketRing{keys[seals]}
	for i, k := range keys {
		if i != seals {
			ring = append(ring, k)
		}
	}
	return ring
}
