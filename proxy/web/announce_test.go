package web

import (
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"github.com/pires/go-proxyproto"
)

func announceV(version int, source, destination netip.AddrPort) ([]byte, error) {
	return proxyproto.HeaderProxyFromAddrs(byte(version), net.TCPAddrFromAddrPort(source), net.TCPAddrFromAddrPort(destination)).Format()
}

// proxied starts a node that refuses connections without a PROXY header and answers with
// the header's content. inside, which may be nil, wraps the listener behind the header.
func proxied(t *testing.T, inside func(net.Listener) net.Listener) *node {
	t.Helper()
	n := &node{t: t, name: "a", handler: http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		w.Write([]byte(req.RemoteAddr + " to " + req.Context().Value(http.LocalAddrContextKey).(net.Addr).String()))
	})}
	n.wrap = func(ln net.Listener) net.Listener {
		ln = &proxyproto.Listener{Listener: ln, ConnPolicy: func(proxyproto.ConnPolicyOptions) (proxyproto.Policy, error) {
			return proxyproto.REQUIRE, nil
		}}
		if inside != nil {
			ln = inside(ln)
		}
		return ln
	}
	n.start("127.0.0.1:0")
	t.Cleanup(n.kill)
	return n
}

func TestEachConnectionNamesItsClient(t *testing.T) {
	for _, version := range []int{1, 2} {
		r := start(t, []*node{proxied(t, nil)}, func(r *rig, o *setup) {
			r.pool.SendProxy = version
			o.Announce = announceV
		})
		front := r.front.Listener.Addr().String()
		sources := []string{"192.0.2.1:1000", "192.0.2.2:2000"}
		clients := []*client{r.client(), r.client()}
		for range 5 {
			for i, c := range clients {
				c.source = sources[i]
				if _, text, err := c.do(http.MethodGet, "/", nil); text != sources[i]+" to "+front {
					t.Errorf("v%d: the node takes %s for %q, %v", version, sources[i], text, err)
				}
			}
		}
		var wg sync.WaitGroup
		for i, c := range clients {
			wg.Go(func() {
				for range 50 {
					if _, text, _ := c.do(http.MethodGet, "/", nil); text != sources[i]+" to "+front {
						t.Errorf("v%d: at once, the node takes %s for %q", version, sources[i], text)
					}
				}
			})
		}
		wg.Wait()
	}
}

func TestClientWithoutAddressIsAnnouncedAsOurselves(t *testing.T) {
	a := proxied(t, nil)
	r := start(t, []*node{a}, func(r *rig, o *setup) {
		r.pool.SendProxy = 2
		o.Announce = announceV
	})
	c := r.client()
	c.source = "@" // a Unix socket
	_, text, _ := c.do(http.MethodGet, "/", nil)
	source, destination, _ := strings.Cut(text, " to ")
	if from, err := netip.ParseAddrPort(source); err != nil || !from.Addr().IsLoopback() || destination != a.address {
		t.Errorf("the node sees %q", text)
	}
}

func TestHeaderThatCannotBeFormattedIsNotTheNodesFault(t *testing.T) {
	a := proxied(t, nil)
	r := start(t, []*node{a}, func(r *rig, o *setup) {
		r.pool.SendProxy = 2
		o.Announce = func(int, netip.AddrPort, netip.AddrPort) ([]byte, error) { return nil, net.ErrClosed }
	})
	if res, _, _ := r.client().do(http.MethodGet, "/", nil); res.StatusCode != http.StatusBadGateway || len(r.failed) != 0 {
		t.Errorf("%s, DialFailed was told %v", res.Status, r.failed)
	}
}
