package admin

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"mqttlb/proxy"
)

// flood opens connections from many addresses of loopback until the end of the test, and returns when all
// of them have been opened once: those that are closed stay closed. Every fourth sends its request a byte
// at a time, or never reads its answer.
func flood(t *testing.T, address string, connections, addresses int) {
	t.Helper()
	conns := make([]net.Conn, connections)
	var dialing sync.WaitGroup
	for w := range 16 {
		dialing.Go(func() { // ends when its share is dialled
			for i := w; i < connections; i += 16 {
				d := net.Dialer{Timeout: patience, LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 1, byte(1+i%addresses))}}
				c, err := d.Dial("tcp", address)
				if err != nil {
					t.Error(err)
					return
				}
				conns[i] = c
				switch i % 4 {
				case 1:
					fmt.Fprint(c, "GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\nX: ")
				case 2:
					fmt.Fprint(c, "POST /api/v1/diff HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100\r\n\r\n{")
				case 3:
					fmt.Fprint(c, strings.Repeat("GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", 10))
				}
			}
		})
	}
	dialing.Wait()
	t.Cleanup(func() {
		for _, c := range conns {
			if c != nil {
				c.Close()
			}
		}
	})
}

func TestAFloodOfConnectionsKeepsNoScraperOut(t *testing.T) {
	for _, addresses := range []int{1, 5, 200} {
		t.Run(fmt.Sprintf("from %d addresses", addresses), func(t *testing.T) {
			ln := loopback(t)
			r := newRigOn(t, nil, ln, ByAddress)
			scrape := func() {
				t.Helper()
				for try := 0; ; try++ {
					response, err := http.Get(r.url + "/metrics")
					if err == nil {
						response.Body.Close()
						if response.StatusCode == http.StatusOK {
							return
						}
						err = fmt.Errorf("%s", response.Status)
					}
					if try == 3 { // with 200 addresses an unlucky connection may be the oldest
						t.Fatalf("a scrape: %v", err)
					}
				}
			}
			scrape()
			flood(t, ln.Addr().String(), 2000, addresses)
			for range 3 {
				http.DefaultClient.CloseIdleConnections()
				scrape()
			}
		})
	}
}

func TestTheOldestConnectionOfTheGreediestAddressMakesRoom(t *testing.T) {
	l := newConnections(loopback(t), 4, slog.New(slog.DiscardHandler))
	defer l.Close()
	now := time.Now()
	add := func(peer string, state connectionState, age int) *connection {
		t.Helper()
		c := &connection{in: l, peer: peer, state: state, since: now.Add(-time.Duration(age) * time.Second)}
		if victim := l.add(c); victim != nil {
			t.Fatalf("%s: there is room", peer)
		}
		return c
	}
	add("a", silent, 9)
	add("b", working, 8)
	young, old := add("b", receiving, 1), add("b", receiving, 2)
	newcomer := &connection{in: l, peer: "c", since: now}
	if victim := l.add(newcomer); victim != old {
		t.Errorf("%+v makes room, want the oldest of b that no request is being answered on", victim)
	}
	if victim := l.add(&connection{in: l, peer: "b", since: now}); victim != young {
		t.Errorf("%+v makes room for another one of b, want the next of b", victim)
	}
	for c := range l.open {
		c.state = working
	}
	last := &connection{in: l, peer: "d", since: now}
	if victim := l.add(last); victim != last {
		t.Errorf("%+v makes room, and its request is being answered", victim)
	}
}

// Of peers with as many connections, the ones that have sent least make room.
func TestAConnectionThatHasSentARequestIsClosedLast(t *testing.T) {
	l := newConnections(loopback(t), 4, slog.New(slog.DiscardHandler))
	defer l.Close()
	now := time.Now()
	var conns []*connection
	for i, state := range []connectionState{working, asked, receiving, silent} {
		c := &connection{in: l, peer: fmt.Sprint("peer ", i), state: state, since: now.Add(time.Duration(i-5) * time.Second)}
		conns = append(conns, c)
		l.add(c)
	}
	young := &connection{in: l, peer: "a young one", since: now.Add(time.Hour)}
	if victim := l.add(young); victim != conns[3] {
		t.Errorf("%s makes room, want %s", victim.peer, conns[3].peer)
	}
	for _, want := range []*connection{conns[2], young, conns[1]} {
		c := &connection{in: l, peer: fmt.Sprintf("newcomer instead of %s", want.peer), state: working}
		if victim := l.add(c); victim != want {
			t.Errorf("%s makes room, want %s", victim.peer, want.peer)
		}
	}
}

// What the server may hold open is within the descriptors that the balancer keeps free for it.
func TestThereIsAlwaysAConnectionToClose(t *testing.T) {
	for all := 24; all <= proxy.AdminDescriptors; all++ {
		socket, address := overSocketAndAddress(all)
		for _, limit := range []int{socket, address} {
			reads, changes, streams := inProgress(limit)
			if busy := reads + changes + streams + 3; busy >= limit { // a scrape, a profile, a kick
				t.Errorf("%d requests may be in progress on %d connections", busy, limit)
			}
		}
	}
	if socket, address := overSocketAndAddress(proxy.AdminDescriptors); socket != maxOverSocket || address != maxOverAddress {
		t.Errorf("%d and %d connections", socket, address)
	}
}

// A flood from more addresses than there are places does not end while these requests are made.
func TestAFloodThatGoesOnKeepsNoHealthCheckOut(t *testing.T) {
	ln := loopback(t)
	r := newRigOn(t, nil, ln, ByAddress)
	var flooding sync.WaitGroup
	ctx, stop := context.WithCancel(t.Context())
	defer flooding.Wait()
	defer stop()
	var came atomic.Int64
	flooded := make(chan struct{})
	for w := range 16 {
		flooding.Go(func() { // ends when ctx does
			var last [64]net.Conn
			for i := w; ctx.Err() == nil; i += 16 {
				d := net.Dialer{Timeout: patience, LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 3, byte(i/250%48), byte(1+i%250))}}
				c, err := d.DialContext(ctx, "tcp", ln.Addr().String())
				if err != nil {
					continue
				}
				fmt.Fprint(c, []string{"", "GET /metrics HTTP/1.1\r\nX", "POST /api/v1/diff HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n{"}[i/16%3])
				if old := last[i/16%len(last)]; old != nil {
					_ = old.(*net.TCPConn).SetLinger(0) // no ports in TIME_WAIT
					old.Close()
				}
				last[i/16%len(last)] = c
				if came.Add(1) == 3*maxOverAddress {
					close(flooded)
				}
			}
			for _, c := range last {
				if c != nil {
					c.Close()
				}
			}
		})
	}
	<-flooded
	client := &http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true}}
	for range 5 {
		for try := 0; ; try++ {
			response, err := client.Get(r.url + "/healthz")
			if err == nil {
				response.Body.Close()
				break
			}
			if try == 9 { // a busy machine may not come to read the request in time
				t.Fatal(err)
			}
		}
	}
}
