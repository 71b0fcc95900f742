package web

import (
	"crypto/rand"
	"encoding/hex"
	"net/http"
	"net/textproto"
	"strings"

	"mqttlb/balancer"
)

// affinity returns the key for the order of candidates, from the client's cookie or its
// address. No replica has to store it. A client without a valid cookie gets a new one
// with its response.
func (x *exchange) affinity(r *http.Request) (key uint64, keyed bool) {
	switch {
	case x.pool.HashKey == balancer.NoKey:
		return 0, false
	case x.pool.Cookie == "":
		if !x.client.source.IsValid() { // a Unix socket
			return 0, false
		}
		return balancer.HashAddr(x.client.source.Addr()), true
	}
	for _, c := range r.CookiesNamed(x.pool.Cookie) {
		if k, err := hex.DecodeString(c.Value); err == nil && len(k) == keyLength {
			return balancer.Hash(k), true
		}
	}
	k := make([]byte, keyLength)
	_, _ = rand.Read(k) // never fails
	x.newCookie = hex.EncodeToString(k)
	return balancer.Hash(k), true
}

// setCookie sends a new key to the client. The response is then for this client alone,
// and a shared cache must not give the cookie to others (HAProxy: nocache).
func (x *exchange) setCookie(h http.Header) {
	if x.newCookie == "" {
		return
	}
	c := http.Cookie{
		Name:     x.pool.Cookie,
		Value:    x.newCookie,
		Path:     "/",
		HttpOnly: true,
		SameSite: http.SameSiteLaxMode,
		Secure:   x.in.TLS != nil,
	}
	h.Add("Set-Cookie", c.String())
	h.Add("Cache-Control", "private")
}

// dropCookie removes the cookie of a name from a request's header and keeps the others
// unchanged.
func dropCookie(h http.Header, name string) {
	lines := h["Cookie"]
	if name == "" || len(lines) == 0 {
		return
	}
	var kept []string
	for _, line := range lines {
		var pairs []string
		for pair := range strings.SplitSeq(line, ";") {
			pair = textproto.TrimString(pair)
			if n, _, _ := strings.Cut(pair, "="); pair != "" && textproto.TrimString(n) != name {
				pairs = append(pairs, pair)
			}
		}
		if len(pairs) > 0 {
			kept = append(kept, strings.Join(pairs, "; "))
		}
	}
	if len(kept) == 0 {
		delete(h, "Cookie")
		return
	}
	h["Cookie"] = kept
}
