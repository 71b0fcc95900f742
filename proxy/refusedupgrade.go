package proxy

import (
	"fmt"
	"net/http"
	"strings"

	"mqttlb/mqttparse"
	"mqttlb/proxy/opening"
	"mqttlb/proxy/outcome"
	"mqttlb/proxy/websocket"
)

// largeRequest is the size of an upgrade from which on a node may refuse it for its size, in any way: EMQX takes
// no header of more than 4 KiB.
const largeRequest = 4 << 10

// asksMuch reports whether the session's upgrade is so large that a node may close in place of an answer. That is
// the client's doing, and says nothing of the node.
func (a *attempt) asksMuch() bool { return a.request != nil && a.requestSize() >= largeRequest }

func (a *attempt) requestSize() int { return len(a.request.Append(nil)) }

// explainRefusal adds to the error of a refused upgrade what the node was asked for, and the setting that it may
// be about. The query is left out, because it may hold a secret.
func (a *attempt) explainRefusal(status int, err error) error {
	path, _, _ := strings.Cut(a.request.Path, "?")
	size := a.requestSize()
	hint := ""
	switch {
	case status == http.StatusNotFound:
		hint = "; is pools[].path right?"
	case size >= largeRequest && (status == 0 || status >= 400 && status < 500):
		hint = "; it may be too large for the node: see pools[].forward_headers"
	}
	return fmt.Errorf("%w; asked for path %.100q with subprotocol %.60q in %d bytes of header%s", err, path, strings.Join(a.request.Offer(), ", "), size, hint)
}

// refusalOf returns the refusal of a client for which no node is left. status is that of a node that has refused
// the upgrade, or 0.
func refusalOf(reason outcome.Outcome, status int) opening.Refusal {
	r := noCandidate(reason)
	switch status {
	case http.StatusUnauthorized, http.StatusForbidden:
		r.Code, r.Close = mqttparse.NotAuthorized, websocket.PolicyViolation
	case http.StatusRequestEntityTooLarge, http.StatusRequestURITooLong, http.StatusRequestHeaderFieldsTooLarge:
		r.Close = websocket.MessageTooBig
	}
	return r
}
