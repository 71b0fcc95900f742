package proxy

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"strings"
	"testing"

	"mqttlb/balancer"
	"mqttlb/proxy/snapshot"
)

// What is routed is what the node gets; the query is not touched.
func TestNodesGetThePathThatWasRouted(t *testing.T) {
	api, rest := new(recorder), new(recorder)
	pool, err := balancer.NewPool(balancer.PoolSpec{Name: "api", Nodes: []balancer.NodeSpec{{Name: "api", Address: startNode(t, api.serve).address()}}})
	if err != nil {
		t.Fatal(err)
	}
	r := start(t, []string{startNode(t, rest.serve).address()}, func(s *snapshot.Snapshot) {
		ln := s.Listeners[0]
		ln.Protocol, s.MaxHeaderSize, s.Timeouts.KeepAlive = snapshot.HTTP, 16<<10, patience
		ln.Routes = []snapshot.Route{
			{Path: "/api/", Pool: &snapshot.Pool{Pool: pool}},
			{Path: "/mqtt", Pool: &snapshot.Pool{Pool: ln.Pool.Pool, WebSocket: true}, WebSocket: true},
			{Pool: ln.Pool},
		}
	})
	for _, row := range []struct {
		sent, got string // got is "" for 400
		api       bool
	}{
		{"/api/x?a=//%61/../b", "/api/x?a=//%61/../b", true},
		{"//api/./%78", "/api/x", true},
		{"/x/../%61pi/t/a%2fb%2f", "/api/t/a%2Fb%2F", true},
		{`/api/a"%2Fb`, "/api/a%22%2Fb", true},
		{"/api/../x", "/x", false},
		{"/api/%2e%2e/x?", "/x?", false},
		{"/apix", "/apix", false},
		{"http://h/api/../x", "/x", false},
		{"http://h", "/", false},
		{"http:?x", "/?x", false},
		{"http:http://h/api/x", "", false}, // otherwise a node gets all behind the first colon
		{"http:api/x", "", false},
		{"http://h%C3%A9/x", "", false},
		{"http://[fe80::1%25%20]/x", "", false},
		{"/../api/x", "", false},
		{"/api/..%2fx", "", false},
		{"/api/..;/x", "", false},
		{"/api%2fx", "", false},
		{"/mqtt;x", "", false},
		{"/x%00", "", false},
		{"/x%zz", "", false},
		{`/api\..\x`, "", false},
	} {
		c := r.dialBare(r.srv.Addr("mqtt"))
		in := bufio.NewReader(c.Conn)
		c.send([]byte("GET " + row.sent + " HTTP/1.1\r\nHost: h\r\n\r\n"))
		if row.got == "" {
			wantAnswer(t, in, 400, "")
			_ = c.Close()
			continue
		}
		wantAnswer(t, in, 200, row.got+` ""`)
		_ = c.Close()
		node, other := rest, api
		if row.api {
			node, other = api, rest
		}
		line := fmt.Sprintf("GET %s HTTP/1.1\r\n", row.got)
		if !strings.Contains(node.seen(t), line) || strings.Contains(other.seen(t), line) {
			t.Errorf("%s: the other node got it, or none", row.sent)
		}
	}
}

func TestUpgradesAreRoutedByTheirNormalPath(t *testing.T) {
	got := make(chan *asked, 1)
	backend := startUpgradeNode(t, func(a *asked) { got <- a })
	for _, m := range []mode{wsToWS, wssToWS, httpToWS} {
		r := m.start(t, []string{backend.address()})
		for sent, want := range map[string]string{"/mqtt?a=%2F": "/mqtt?a=%2F", "//x/../%6dqtt": "/mqtt"} {
			c := r.dialBare(r.srv.Addr("mqtt"))
			if m.tls {
				c.Conn = tls.Client(c.Conn, clientTLS(nil))
			}
			c.send([]byte(upgradeRequest("GET " + sent + " HTTP/1.1")))
			if resp, body := c.response(); resp.StatusCode != 101 { //nolint:bodyclose // response has read and closed it
				t.Fatalf("%s %s: answered %s %q", m.name, sent, resp.Status, body)
			}
			c.send(clientFrame(finBinary, connect311))
			if a := <-got; a.request.RequestURI != want {
				t.Errorf("%s %s: the node got %q, want %q", m.name, sent, a.request.RequestURI, want)
			}
			_ = c.Close()
		}
		r.stop()
	}
}
