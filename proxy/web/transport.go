package web

import (
	"net/http"
	"sync"
	"time"

	"mqttlb/proxy/snapshot"
	"mqttlb/proxy/source"
)

// transportKey is a node of a pool, by name, with everything that connections to it depend
// on. Two nodes may have the same address but different names in their certificates.
type transportKey struct {
	pool, node string
	address    string // as configured
	sendProxy  int
	tls        *snapshot.NodeTLS // nil: no TLS
	source     *source.Set       // nil: the kernel's choice
	response   time.Duration     // limit for the header of a response
	write      Pace
}

// transport keeps the connections to a node between requests.
type transport struct {
	*http.Transport
	key   transportKey
	using int // requests that use it; guarded by mu of transports
}

// transports makes transports on first use. It keeps the transports of the current settings.
// A transport of earlier settings is closed after its last request.
type transports struct {
	make func(transportKey) *http.Transport

	mu   sync.Mutex // guards the fields below
	made map[transportKey]*transport
	kept map[transportKey]bool
}

// take returns the transport of a key for one request. Call release when the request is
// over.
func (t *transports) take(key transportKey) *transport {
	t.mu.Lock()
	defer t.mu.Unlock()
	taken := t.made[key]
	if taken == nil {
		taken = &transport{Transport: t.make(key), key: key}
		if t.made == nil {
			t.made = map[transportKey]*transport{}
		}
		t.made[key] = taken
	}
	taken.using++
	return taken
}

// release ends a request's use of a transport, after its response was read.
func (t *transports) release(used *transport) {
	t.mu.Lock()
	used.using--
	closes := !t.kept[used.key]
	if closes && used.using == 0 {
		delete(t.made, used.key)
	}
	t.mu.Unlock()
	if closes {
		used.CloseIdleConnections()
	}
}

// keep sets which transports are kept from now on.
func (t *transports) keep(keys map[transportKey]bool) {
	var closes []*transport
	t.mu.Lock()
	t.kept = keys
	for key, made := range t.made {
		if keys[key] {
			continue
		}
		closes = append(closes, made)
		if made.using == 0 {
			delete(t.made, key)
		}
	}
	t.mu.Unlock()
	for _, made := range closes {
		made.CloseIdleConnections()
	}
}

// newTransport returns an http.Transport that speaks HTTP/1.1, requests no compression,
// and ignores proxies in the environment.
func (h *Handler) newTransport(key transportKey) *http.Transport {
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	return &http.Transport{
		DialContext:            h.dial,
		Protocols:              &protocols,
		DisableCompression:     true,
		DisableKeepAlives:      key.sendProxy > 0 || key.source.IsTransparent(), // such a connection is of one client
		MaxIdleConnsPerHost:    IdlePerNode,
		IdleConnTimeout:        idleTimeout,
		ResponseHeaderTimeout:  key.response,
		ExpectContinueTimeout:  expectContinue,
		MaxResponseHeaderBytes: maxResponseHeader,
	}
}
