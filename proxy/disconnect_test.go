package proxy

import (
	"fmt"
	"maps"
	"net"
	"slices"
	"strings"
	"testing"

	"mqttlb/mqttparse"
	"mqttlb/proxy/outcome"
)

// resetNode resets the connection of a node.
func resetNode(c net.Conn) {
	_ = tcp(c).SetLinger(0)
	_ = tcp(c).Close()
}

func TestSessionThatItsClientHasEndedIsClientDisconnected(t *testing.T) {
	clientCloses := func(c, _ *client) { _ = c.Close() }
	nodeCloses := func(_, node *client) { _ = node.Close() }
	nodeResets := func(_, node *client) { resetNode(node.Conn) }
	rows := []struct {
		name, last string // the client's last bytes
		ends       func(c, node *client)
		want       outcome.Outcome
	}{
		{"the client closes", "\xe0\x00", clientCloses, outcome.ClientDisconnected},
		{"the node closes", "\xe0\x00", nodeCloses, outcome.ClientDisconnected},
		{"the node resets", "\xe0\x00", nodeResets, outcome.ClientDisconnected},
		{"with a packet before", "\xc0\x00\xe0\x00", nodeCloses, outcome.ClientDisconnected},
		{"without a DISCONNECT, the client closes", "\xc0\x00", clientCloses, outcome.ClientClosed},
		{"without a DISCONNECT, the node closes", "\xc0\x00", nodeCloses, outcome.ServerClosed},
		{"without a DISCONNECT, the node resets", "\xc0\x00", nodeResets, outcome.ServerReset},
		{"with flags that are forbidden", "\xe5\x00", nodeCloses, outcome.ServerClosed},
		{"half a DISCONNECT", "\xe0\x01", clientCloses, outcome.ClientClosed},
		{"with a packet behind", "\xe0\x00\xc0\x00", clientCloses, outcome.ClientClosed},
		{"with half a packet behind", "\xe0\x00\xc0", nodeCloses, outcome.ServerClosed},
	}
	inEachMode(t, func(t *testing.T, m mode) {
		r := startLeaving(t, m)
		var ended [outcome.Count]uint64
		for _, row := range rows {
			for _, v := range []mqttparse.Version{mqttparse.V311, mqttparse.V5} {
				c, node := r.dialled(connects[v])
				pass(node, c, string(pick(v == mqttparse.V5, connack5, connack311)), 100)
				pass(c, node, row.last, 1)
				row.ends(c, node)
				eventually(t, "the end of the client or of the node", func() bool {
					over := true
					r.each(func(s *session) { over = s.outcome != outcome.None })
					return over
				})
				_, _ = c.Close(), node.Close()
				ended[row.want]++
				r.waitOutcome(row.want, ended[row.want])
				if t.Failed() {
					t.Fatal(row.name, v)
				}
			}
		}
	})
}

// Only MQTT 5 has a reason code, such as that of a client whose will is to be sent.
func TestReasonCodeBeforeMQTT5IsNoGoodbye(t *testing.T) {
	for v, want := range map[mqttparse.Version]bool{mqttparse.V31: false, mqttparse.V311: false, mqttparse.V5: true} {
		s := &session{version: v}
		s.follow(ToNode, []byte("\xe0\x01\x04"), new(PacketStats))
		if got := s.clientDisconnected(); got != want {
			t.Errorf("version %v: disconnected %v", v, got)
		}
	}
}

// A node that has closed its stream has ended the session, though the client says goodbye after it.
func TestDisconnectAfterTheEndOfTheNodeComesTooLate(t *testing.T) {
	r := startLeaving(t, mqttToMQTT)
	c, node := r.dialled(connect5)
	pass(node, c, string(connack5), 100)
	_ = node.Conn.(*net.TCPConn).CloseWrite()
	if rest := c.rest(); len(rest) > 0 {
		t.Errorf("the client got % x", rest)
	}
	pass(c, node, "\xe0\x00", 100)
	_, _ = c.Close(), node.Close()
	r.waitOutcome(outcome.ServerClosed, 1)
}

// A DISCONNECT that is kept for a node which reads nothing has not ended the node's session.
func TestDisconnectThatTheNodeDoesNotGetIsNoGoodbye(t *testing.T) {
	s := &session{version: mqttparse.V5}
	s.follow(ToNode, []byte("\xe0\x00"), &PacketStats{})
	if o := s.endedBy(&s.server, outcome.ClientReset, outcome.ServerReset); o != outcome.ClientDisconnected {
		t.Errorf("%v", o)
	}
	s.server.kept = &backlog{}
	if o := s.endedBy(&s.server, outcome.ClientReset, outcome.ServerReset); o != outcome.ServerReset {
		t.Errorf("the node has reset: %v", o)
	}
	if o := s.endedBy(&s.client, outcome.ClientClosed, outcome.ServerClosed); o != outcome.ClientDisconnected {
		t.Errorf("the client has closed: %v", o)
	}
	s.outcome = outcome.IdleTimeout
	if o := s.endedBy(&s.client, outcome.ClientClosed, outcome.ServerClosed); o != outcome.IdleTimeout {
		t.Errorf("after a decision: %v", o)
	}
}

func TestNodesDisconnectIsLoggedAndCountedWithItsCode(t *testing.T) {
	rows := []struct {
		last string // the node's last bytes
		v    mqttparse.Version
		code int // -1: none
	}{
		{"\xe0\x00", mqttparse.V5, 0},
		{"\xe0\x01\x8e", mqttparse.V5, 0x8E},
		{"\xe0\x02\x9c\x00", mqttparse.V5, 0x9C},
		{"\xe0\x81\x00\x8b", mqttparse.V5, 0x8B}, // its length is longer than it needs to be
		{"\xe0\x01", mqttparse.V5, -1},
		{"\xe0\x01\x8e\xd0\x00", mqttparse.V5, -1},
		{"\xe0\x00", mqttparse.V311, -1}, // which has no DISCONNECT of a server
	}
	inEachMode(t, func(t *testing.T, m mode) {
		r := startLeaving(t, m)
		want := map[uint8]uint64{}
		n := uint64(0)
		for _, row := range rows {
			for _, size := range []int{1, 100} {
				c, node := r.dialled(connects[row.v])
				pass(node, c, string(pick(row.v == mqttparse.V5, connack5, connack311)), 100)
				pass(node, c, row.last, size)
				_, _ = node.Close(), c.rest()
				_ = c.Close()
				n++
				r.waitOutcome(outcome.ServerClosed, n)
				eventually(t, "the line", func() bool { return uint64(strings.Count(r.log.String(), "msg=session")) == n })
				lines := strings.Split(strings.TrimSpace(r.log.String()), "\n")
				said := " disconnect="
				if row.code >= 0 {
					want[uint8(row.code)]++
					said = fmt.Sprint("outcome=server_closed disconnect=", row.code)
				}
				if line := lines[len(lines)-1]; strings.Contains(line, said) != (row.code >= 0) {
					t.Errorf("% x: %s", row.last, line)
				}
			}
		}
		if got := r.oneFlow().Disconnects; !maps.Equal(got, want) {
			t.Errorf("counted %v, want %v", got, want)
		}
	})
}

func TestConnacksAreCountedByCode(t *testing.T) {
	rows := []struct {
		v       mqttparse.Version
		connack string
		code    uint8
	}{
		{mqttparse.V31, "\x20\x02\x00\x00", 0}, {mqttparse.V311, "\x20\x02\x00\x05", 5}, {mqttparse.V311, "\x20\x02\x00\x05", 5},
		{mqttparse.V5, "\x20\x03\x00\x87\x00", 0x87}, {mqttparse.V5, "\xf0\x00\x20\x03\x00\x00\x00", 0}, // behind an AUTH
	}
	inEachMode(t, func(t *testing.T, m mode) {
		r := startLeaving(t, m)
		for _, row := range slices.Concat(rows, rows) {
			c, node := r.dialled(connects[row.v])
			node.send([]byte(row.connack))
			c.expect([]byte(row.connack))
			_, _ = node.Close(), c.Close()
		}
		f := r.oneFlow()
		if want := map[uint8]uint64{0: 4, 5: 4, 0x87: 2}; !maps.Equal(f.Connacks, want) || f.TimeToConnack.Count() != 10 {
			t.Errorf("counted %v, want %v; %d times", f.Connacks, want, f.TimeToConnack.Count())
		}
	})
}

func TestSessionKnowsWhetherTheBrokerKeepsItsState(t *testing.T) {
	const v5 = "\x00\x04MQTT\x05"
	for name, row := range map[string]struct {
		connect, connack string
		want             bool
	}{
		"3.1.1, Clean Session":           {string(connect311), string(connack311), false},
		"3.1.1":                          {"\x10\x0e\x00\x04MQTT\x04\x00\x00\x3c\x00\x02c1", string(connack311), true},
		"5, Clean Start":                 {string(connect5), string(connack5), false},
		"5, it expires later":            {"\x10\x14" + v5 + "\x02\x00\x3c\x05\x11\x00\x00\x00\x0a\x00\x02c1", string(connack5), true},
		"5, no Clean Start":              {"\x10\x0f" + v5 + "\x00\x00\x3c\x00\x00\x02c1", string(connack5), true},
		"5, the node does not keep it":   {"\x10\x0f" + v5 + "\x00\x00\x3c\x00\x00\x02c1", "\x20\x08\x00\x00\x05\x11\x00\x00\x00\x00", false},
		"5, the node keeps it by itself": {string(connect5), "\x20\x08\x00\x00\x05\x11\x00\x00\x00\x09", true},
	} {
		t.Run(name, func(t *testing.T) {
			r := startLeaving(t, mqttToMQTT)
			c, node := r.dialled([]byte(row.connect))
			pass(node, c, row.connack, 100)
			r.each(func(s *session) {
				if s.persistent != row.want {
					t.Errorf("persistent %v", s.persistent)
				}
			})
		})
	}
}
