package main_test

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"

	"mqttlb/proxy/proxytest"
)

// A tcp listener relays any protocol: here HTTP, which an mqtt listener would refuse at
// the first byte.
func TestATCPListenerRelaysAnythingByItsSource(t *testing.T) {
	t.Parallel()
	const size = 5_000_000
	content := make([]byte, size)
	rand.NewChaCha8([32]byte{2}).Read(content)
	var list string
	for _, name := range []string{"one", "two", "three"} {
		node := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			got := sha256.New()
			io.Copy(got, r.Body)
			w.Header().Set("Node", name)
			w.Header().Set("Sum", fmt.Sprintf("%x", got.Sum(nil)))
			w.Write(content)
		}))
		t.Cleanup(node.Close)
		list += fmt.Sprintf("      - {name: %s, address: %q}\n", name, node.Listener.Addr())
	}
	b := serve(t, `
listeners:
  - {name: dashboard, address: "${web}", protocol: tcp, pool: web}
pools:
  - name: web
    protocol: tcp
    health: {probe: tcp}
    nodes:
`+list)

	sum := fmt.Sprintf("%x", sha256.Sum256(content))
	get := func(from string) (node string) {
		client := http.Client{Transport: &http.Transport{DialContext: dialer(from).DialContext, DisableKeepAlives: true}}
		resp, err := client.Post("http://"+b.addrs["web"], "", bytes.NewReader(content))
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		if err != nil || !bytes.Equal(body, content) {
			t.Errorf("%d bytes came back, %v", len(body), err)
		}
		if got := resp.Header.Get("Sum"); got != sum {
			t.Errorf("the node got other bytes than were sent: %s, want %s", got, sum)
		}
		return resp.Header.Get("Node")
	}
	used := map[string]bool{}
	for i := range 12 {
		from := fmt.Sprintf("127.0.1.%d", i+1)
		node := get(from)
		used[node] = true
		if again := get(from); again != node {
			t.Errorf("%s was on %s, then on %s", from, node, again)
		}
	}
	if len(used) < 2 {
		t.Errorf("12 sources are all on %v", used)
	}
}

// A client that sends a FIN after its request still gets the whole answer.
func TestAHalfClosedConnectionIsHalfClosedBeyond(t *testing.T) {
	t.Parallel()
	node := proxytest.Serve(t, "127.0.0.1:0", func(conn *net.TCPConn) { // answers only after the client's FIN
		said, _ := io.ReadAll(conn)
		fmt.Fprintf(conn, "you said %d bytes", len(said))
	})
	b := serve(t, `
listeners:
  - {name: tcp, address: "${tcp}", protocol: tcp, pool: nodes}
pools:
  - name: nodes
    protocol: tcp
    health: {probe: none}
    nodes:
      - {name: a, address: "`+node+`"}
`)
	w := dialWire(t, b.addrs["tcp"], "")
	w.Write(make([]byte, 300_000))
	w.Conn.(*net.TCPConn).CloseWrite()
	answer, err := io.ReadAll(w)
	if err != nil || string(answer) != "you said 300000 bytes" {
		t.Errorf("got %q, %v", answer, err)
	}
}
