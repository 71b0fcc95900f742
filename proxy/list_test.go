package proxy

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"mqttlb/mqttparse"
	"mqttlb/proxy/reactor"
	"mqttlb/proxy/tlsterm"
)

// connectOf returns a CONNECT with an identifier and a user name; empty: none.
func connectOf(v mqttparse.Version, id, username string) []byte {
	field := func(b []byte, s string) []byte { return append(append(b, byte(len(s)>>8), byte(len(s))), s...) }
	flags := byte(2)
	if username != "" {
		flags |= 0x80
	}
	body := append(field(nil, pick(v == mqttparse.V31, "MQIsdp", "MQTT")), byte(v), flags, 0, 60)
	if v == mqttparse.V5 {
		body = append(body, 0)
	}
	if body = field(body, id); username != "" {
		body = field(body, username)
	}
	if n := len(body); n >= 128 {
		return append([]byte{0x10, byte(n&0x7f | 0x80), byte(n >> 7)}, body...)
	}
	return append([]byte{0x10, byte(len(body))}, body...)
}

// openAs opens a session.
func (r *rig) openAs(c *client, v mqttparse.Version, id, username string) *client {
	r.t.Helper()
	c.send(connectOf(v, id, username))
	c.expect(pick(v == mqttparse.V5, connack5, connack311))
	return c
}

// list returns the sessions that fulfil a filter, by age.
func (r *rig) list(spec FilterSpec) []SessionInfo {
	r.t.Helper()
	f, err := ParseFilter(spec)
	if err != nil {
		r.t.Fatal(err)
	}
	list, err := r.srv.Sessions(r.t.Context(), f, ByAge, MaxListed)
	if err != nil || list.Total != len(list.Sessions) {
		r.t.Fatalf("%d sessions of %d: %v", len(list.Sessions), list.Total, err)
	}
	return list.Sessions
}

func TestListDescribesASessionInEachMode(t *testing.T) {
	inEachMode(t, func(t *testing.T, m mode) {
		node := m.startNode(t, nil)
		r := m.start(t, []string{node.address()})
		before := time.Now()
		c := r.openAs(r.dial(), mqttparse.V5, "device", "alice")
		c.send([]byte("\xc0\x00"))
		c.expect([]byte("\xc0\x00")) // the node echoes it
		list := r.list(FilterSpec{})
		if len(list) != 1 {
			t.Fatalf("%+v", list)
		}
		s := list[0]
		if again := r.list(FilterSpec{ID: s.ID.String()}); len(again) != 1 || again[0].ID != s.ID {
			t.Errorf("the session with the identifier %v: %+v", s.ID, again)
		}
		if age := time.Since(before); s.Age <= 0 || s.Age > age || s.Began.Before(before.Add(-time.Second)) || s.Began.After(time.Now()) || s.Silent < 0 || s.Silent > age+time.Second {
			t.Errorf("after %v it is %v old, since %v, and silent for %v", age, s.Age, s.Began, s.Silent)
		}
		if s.Received < uint64(len(connectOf(mqttparse.V5, "device", "alice")))+2 || s.Sent < uint64(len(connack5))+2 {
			t.Errorf("%d bytes received, %d sent", s.Received, s.Sent)
		}
		want := SessionInfo{
			Listener: "mqtt", Client: addrOf(tcp(c.Conn)), ClientID: "device", Username: "alice", Version: mqttparse.V5, CleanStart: true,
			TLS: m.tls, WebSocket: m.clientWS(), Pool: "pool", Node: "node-a", State: SessionConnected,
		}
		if m.tls {
			want.Handshake = tlsterm.Summary{Agreed: tlsterm.Agreed{Version: "TLSv1.3", Cipher: "TLS_AES_128_GCM_SHA256"}, ServerName: "broker.example"}
		}
		if s.Packets != [2]uint32{2, 2} {
			t.Errorf("packets %v", s.Packets)
		}
		s.Packets = [2]uint32{}
		s.ID, s.Began, s.Age, s.Silent, s.Received, s.Sent = 0, want.Began, 0, 0, 0, 0
		if s != want {
			t.Errorf("%+v, want %+v", s, want)
		}
	})
}

func TestListHasEachState(t *testing.T) {
	m := httpToWS
	r := startLeaving(t, m)
	want := func(state SessionState, node string) {
		t.Helper()
		var list []SessionInfo
		eventually(t, string(state), func() bool {
			list = r.list(FilterSpec{})
			return len(list) == 1 && list[0].State == state && list[0].Node == node
		})
	}
	c := r.dialBare(r.srv.Addr("mqtt"))
	c.send([]byte("GET / HTTP/1.1\r\nHost: x\r\n"))
	want(SessionOpening, "")
	c.send([]byte("\r\n")) // no route: it is answered 404, and the connection stays
	want(SessionHTTP, "")
	if list := r.list(FilterSpec{}); list[0].Received == 0 || list[0].Sent == 0 {
		t.Errorf("%+v", list[0])
	}
	_ = c.Close()
	eventually(t, "the end", func() bool { return r.srv.open() == 0 })

	client, node := r.connect(mqttparse.V5)
	want(SessionConnecting, "node-a")
	node.say(connack5)
	client.expect(connack5)
	want(SessionConnected, "node-a")
	if n, err := r.srv.Kick(t.Context(), nil, KickSpec{All: true}); n != 1 || err != nil {
		t.Errorf("%d kicked, error %v", n, err)
	}
	want(SessionLeaving, "node-a") // it lingers
	if n, err := r.srv.Kick(t.Context(), nil, KickSpec{All: true}); n != 0 || err != nil {
		t.Errorf("%d kicked again, error %v", n, err)
	}
	_, _ = client.Close(), node.Close()
}

func TestFiltersSelectSessions(t *testing.T) {
	a, b := startNode(t, nil), startNode(t, nil)
	r := start(t, []string{a.address(), b.address()}, another("second", "tcp", "127.0.0.1:0"))
	second := r.srv.Addr("second")
	r.openAs(r.dialFrom("127.0.0.1"), mqttparse.V31, "dev/1", "alice")
	r.openAs(r.dialFrom("127.0.0.2"), mqttparse.V311, "dev/2", "bob")
	r.openAs(r.dialTo(second), mqttparse.V5, "other", "")
	half := r.dialFrom("127.0.1.1")
	half.send(connect5[:3])
	eventually(t, "the opening", func() bool { return r.srv.open() == 4 })
	for _, row := range []struct {
		spec FilterSpec
		want string
	}{
		{FilterSpec{}, "dev/1 dev/2 other "},
		{FilterSpec{ClientID: "dev/1"}, "dev/1"},
		{FilterSpec{ClientID: "dev/*"}, "dev/1 dev/2"},
		{FilterSpec{ClientID: "*"}, "dev/1 dev/2 other"},
		{FilterSpec{ClientID: "dev"}, ""},
		{FilterSpec{Username: "alice"}, "dev/1"},
		{FilterSpec{Username: "b*"}, "dev/2"},
		{FilterSpec{Username: "*"}, "dev/1 dev/2"},
		{FilterSpec{Listener: "second"}, "other"},
		{FilterSpec{Listener: "third"}, ""},
		{FilterSpec{Pool: "pool"}, "dev/1 dev/2 other"},
		{FilterSpec{Node: "none"}, ""},
		{FilterSpec{Version: "3.1"}, "dev/1"},
		{FilterSpec{Version: "3.1.1"}, "dev/2"},
		{FilterSpec{Version: "5"}, "other"},
		{FilterSpec{Address: "127.0.0.2"}, "dev/2"},
		{FilterSpec{Address: "127.0.1.0/24"}, ""},
		{FilterSpec{Address: "127.0.0.0/24", ClientID: "dev/*", Version: "3.1"}, "dev/1"},
		{FilterSpec{Older: "1h"}, ""},
		{FilterSpec{Silent: "1h"}, ""},
		{FilterSpec{Older: "1ns", Silent: "1ns", Address: "127.0.0.2"}, "dev/2"},
	} {
		eventually(t, fmt.Sprintf("%q for %+v", row.want, row.spec), func() bool { // a tick must pass before a session is silent
			var ids []string
			for _, s := range r.list(row.spec) {
				ids = append(ids, s.ClientID)
			}
			slices.Sort(ids)
			return strings.TrimSpace(strings.Join(ids, " ")) == strings.TrimSpace(row.want)
		})
	}
	if list := r.list(FilterSpec{Address: "127.0.1.0/24"}); len(list) != 1 || list[0].State != SessionOpening {
		t.Errorf("the opening: %+v", list)
	}
	byNode := 0
	for _, node := range []string{"node-a", "node-b"} {
		for _, s := range r.list(FilterSpec{Node: node}) {
			if byNode++; s.Node != node {
				t.Errorf("on %s: %+v", node, s)
			}
		}
	}
	if byNode != 3 {
		t.Errorf("%d sessions on both nodes", byNode)
	}
}

// A session is silent when neither side sends, also where its idle limit counts the client's bytes
// alone.
func TestBytesOfTheNodeEndASilence(t *testing.T) {
	r := startLeaving(t, mqttToMQTT)
	client, node := r.open(mqttparse.V311)
	eventually(t, "the silence", func() bool { return len(r.list(FilterSpec{Silent: "300ms"})) == 1 })
	last := func() (at reactor.Tick) {
		r.each(func(s *session) { at = max(s.active, s.answered) })
		return at
	}
	before := last()
	node.say(publish)
	client.expect(publish)
	if after := last(); after < before+3 {
		t.Errorf("the last byte passed at tick %d, and before at tick %d", after, before)
	}
	_, _ = client.Close(), node.Close()
}

func TestLimitKeepsTheFirstInOrder(t *testing.T) {
	for range 200 {
		n, limit := 1+rand.N(300), 1+rand.N(50)
		var all []SessionInfo
		for i := range n {
			all = append(all, SessionInfo{
				ID: SessionID(i + 1), Began: time.Unix(0, rand.N(int64(20))), Silent: time.Duration(rand.N(20)), Received: rand.N(uint64(20)),
				Sent: rand.N(uint64(20)), PacketsPerSecond: float64(rand.N(20)), ClientID: fmt.Sprint(rand.N(20)),
			})
		}
		for o := range SessionOrder(len(orderNames)) {
			r := ranking{order: o, limit: limit}
			for i := range all {
				r.add(&all[i])
			}
			want := slices.Clone(all)
			slices.SortFunc(want, func(a, b SessionInfo) int { return o.compare(&a, &b) })
			if got := r.sorted(); r.total != n || !slices.Equal(got, want[:min(limit, n)]) {
				t.Fatalf("by %v: %d of %d sessions, want the first %d of %d", o, len(got), r.total, limit, n)
			}
		}
	}
}

func TestListIsRefusedOrEnded(t *testing.T) {
	a := startNode(t, nil)
	r := start(t, []string{a.address()})
	for _, limit := range []int{-1, 0, MaxListed + 1} {
		if _, err := r.srv.Sessions(t.Context(), nil, ByAge, limit); err == nil || !strings.Contains(err.Error(), "1 to 10000") {
			t.Errorf("limit %d: error %v", limit, err)
		}
	}
	over, cancel := context.WithCancel(t.Context())
	cancel()
	for _, o := range []SessionOrder{ByAge, ByRate} {
		if _, err := r.srv.Sessions(over, nil, o, 1); !errors.Is(err, context.Canceled) {
			t.Errorf("by %v: error %v", o, err)
		}
	}
	r.stop()
	if list, err := r.srv.Sessions(t.Context(), nil, ByAge, 1); list.Total != 0 || err != nil {
		t.Errorf("after the stop: %+v, error %v", list, err)
	}
}
