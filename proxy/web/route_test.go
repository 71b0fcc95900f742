package web

import (
	"net/http"
	"testing"
)

func TestRequestThatNoRouteTakesIsNotFound(t *testing.T) {
	a := newNode(t, "a", nil)
	r := start(t, []*node{a})
	pool := r.pool
	r.pool = nil
	t.Cleanup(func() { r.pool = pool })
	conn := r.raw()
	for _, request := range []string{"GET /v4/", "POST http://api.example.com/"} {
		conn.send(request + " HTTP/1.1\r\nHost: api.example.com\r\nContent-Length: 1\r\n\r\nx")
		res, text := conn.receive(http.MethodGet)
		wantRefusal(t, res, text, http.StatusNotFound, "nothing is served")
	}
	conn.send("CONNECT api.example.com:443 HTTP/1.1\r\nHost: api.example.com:443\r\n\r\n")
	if res, _ := conn.receive(http.MethodGet); res.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("CONNECT: %s", res.Status)
	}
	if got := r.handler.answers.ByStatus(); got[404] != 2 || got[405] != 1 || a.dialled.Load() != 0 {
		t.Errorf("counted %v, the node got %d connections", got, a.dialled.Load())
	}
}
