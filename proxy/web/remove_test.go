package web

import (
	"net/http"
	"testing"

	"mqttlb/proxy/snapshot"
)

// What claims a client, a host or a path does not reach a node, also in the spelling that CGI and WSGI take for it.
func TestHeadersThatClaimAClientOrATargetAreRemoved(t *testing.T) {
	claims := []string{"Proxy", "X-Original-URL", "X-Rewrite-URL", "True-Client-IP", "CF-Connecting-IP", "X-Client-IP"}
	always := []string{"X-Forwarded-User", "Forwarded", "X-Real-IP", "X_Forwarded_For", "x_real-ip", "Content_Length", "Transfer_Encoding"}
	send := func(c *client) http.Header {
		var header []string
		for _, name := range append(append([]string{"X-Kept", "X_Kept"}, claims...), always...) {
			header = append(header, name, "forged")
		}
		return c.get("/", append(header, "X_Client_IP", "forged")...).Header
	}
	for _, c := range []struct {
		remove []string
		claims int // that arrive
	}{{claims, 0}, {nil, len(claims)}, {claims[:2], len(claims) - 2}} {
		r := start(t, []*node{newNode(t, "a", nil)}, func(r *rig, _ *setup) { r.pool.RemoveHeaders = snapshot.HeaderNames(c.remove) })
		got, arrived := send(r.client()), 0
		for _, name := range claims {
			if got.Get(name) != "" {
				arrived++
			}
		}
		if arrived != c.claims || got.Get("X-Kept") == "" || len(got[http.CanonicalHeaderKey("X_Kept")]) == 0 {
			t.Errorf("with %v removed the node sees %v", c.remove, got)
		}
		if twin := len(got[http.CanonicalHeaderKey("X_Client_IP")]); (twin == 0) != (len(c.remove) == len(claims)) {
			t.Errorf("with %v removed X_Client_IP arrives %d times", c.remove, twin)
		}
		for _, name := range always {
			if got[name] != nil || got[http.CanonicalHeaderKey(name)] != nil {
				t.Errorf("%s arrives", name)
			}
		}
	}
}
