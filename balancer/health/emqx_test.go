package health

import (
	"io"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"mqttlb/balancer"
	"mqttlb/proxy/proxytest"
)

func TestEMQXSaysWhetherItRunsAndWantsNewClients(t *testing.T) {
	login := Check{APIKey: testKey, APISecret: testSecret}
	wrong := Check{APIKey: testKey, APISecret: "guess"}
	const v5, v4 = availabilityPathV5, availabilityPathV4
	for _, tt := range []struct {
		name    string
		edition edition
		state   nodeState
		check   Check
		want    balancer.State
		reason  string // in the error
		warning string // in the warning; empty: none
		asked   []string
	}{
		{"5.8", enterprise58, running, Check{}, balancer.Up, "", "", []string{statusPath, v5}},
		{"5.8, evacuating", enterprise58, evacuating, Check{}, balancer.Draining, "availability check 503", "", []string{statusPath, v5}},
		{"5.8, purged", enterprise58, purging, Check{}, balancer.Draining, "availability check 503", "", []string{statusPath, v5}},
		{"5.8, stopped", enterprise58, stopped, Check{}, balancer.Down, "GET /status is 503 Service Unavailable", "", []string{statusPath}},
		{"5.8, starting", enterprise58, notReady, Check{}, balancer.Down, "GET /status is 503 Service Unavailable", "", []string{statusPath}},
		{"5.8, with a key", enterprise58, running, login, balancer.Up, "", "", []string{statusPath, v5 + "+"}},
		{"5.0, with the key", enterprise50, evacuating, login, balancer.Draining, "availability check 503", "", []string{statusPath, v5 + "+"}},
		{"5.0, without a key", enterprise50, evacuating, Check{}, balancer.Up, "", "without an API key, see health.credentials_file", []string{statusPath, v5}},
		{"5.0, with a wrong key", enterprise50, evacuating, wrong, balancer.Up, "", "401 Unauthorized with the API key in health.credentials_file", []string{statusPath, v5 + "-"}},
		{"5.0, open", open50, running, Check{}, balancer.Up, "", "", []string{statusPath, v5, v4}},
		{"4.4", enterprise44, running, login, balancer.Up, "", "", []string{statusPath, v5 + "+", v4 + "+"}},
		{"4.4, evacuating", enterprise44, evacuating, login, balancer.Draining, "availability check 503", "", []string{statusPath, v5 + "+", v4 + "+"}},
		{"4.4, stopped", enterprise44, stopped, login, balancer.Down, "GET /status is 503", "", []string{statusPath}},
		{"4.4, without a key", enterprise44, evacuating, Check{}, balancer.Up, "", "without an API key", []string{statusPath, v5, v4}},
		{"4.4, open", open44, running, login, balancer.Up, "", "", []string{statusPath, v5 + "+", v4 + "+"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := startManagement(t, tt.edition)
			m.set(tt.edition, tt.state)
			p, n := emqxProber(t, m.address, tt.check)
			r := p.probe(t.Context(), n)
			if got := stateOf(r.err); got != tt.want || tt.reason != "" && !strings.Contains(r.err.Error(), tt.reason) {
				t.Errorf("%v: %v, want %v: %s", got, r.err, tt.want, tt.reason)
			}
			if !strings.Contains(r.warning, tt.warning) || (r.warning == "") != (tt.warning == "") {
				t.Errorf("the warning is %q, want %q", r.warning, tt.warning)
			}
			if strings.Contains(r.warning, testKey+":") || strings.Contains(r.warning, testSecret) || strings.Contains(r.warning, "guess") {
				t.Errorf("the warning has the secret: %s", r.warning)
			}
			if got := m.paths(); !slices.Equal(got, tt.asked) {
				t.Errorf("asked is %q, want %q", got, tt.asked)
			}
		})
	}
}

// What a node offers is found once, and again when the node may have become another version.
func TestProbeRemembersWhatANodeOffers(t *testing.T) {
	const v5, v4 = availabilityPathV5 + "+", availabilityPathV4 + "+"
	m := startManagement(t, open44)
	p, n := emqxProber(t, m.address, Check{APIKey: testKey, APISecret: testSecret})
	for _, step := range []struct {
		what    string
		edition edition
		state   nodeState
		want    balancer.State
		asked   []string
	}{
		{"the first probe", open44, running, balancer.Up, []string{statusPath, v5, v4}},
		{"the second", open44, running, balancer.Up, []string{statusPath}},
		{"it stops", open44, stopped, balancer.Down, []string{statusPath}},
		{"it comes back as Enterprise", enterprise44, running, balancer.Up, []string{statusPath, v5, v4}},
		{"it evacuates", enterprise44, evacuating, balancer.Draining, []string{statusPath, v4}},
		{"it is 5.8 between two probes", enterprise58, evacuating, balancer.Draining, []string{statusPath, v4, v5}},
		{"the path of 5.8 is known", enterprise58, running, balancer.Up, []string{statusPath, v5}},
		{"and gone", open50, running, balancer.Up, []string{statusPath, v5, v5, v4}},
		{"which is remembered", open50, running, balancer.Up, []string{statusPath}},
	} {
		m.set(step.edition, step.state)
		r := p.probe(t.Context(), n)
		if asked := m.paths(); stateOf(r.err) != step.want || !slices.Equal(asked, step.asked) {
			t.Errorf("%s: %v, asked is %q; want %v and %q", step.what, r.err, asked, step.want, step.asked)
		}
	}
}

func TestManagementPortThatIsNoneIsNotUp(t *testing.T) {
	status := plainText("200 OK", "Node emqx@127.0.0.1 is started\nemqx is running", "")
	flood := func(conn *net.TCPConn, begin string) {
		_, _ = conn.Write([]byte(begin))
		for {
			if _, err := conn.Write(make([]byte, 64<<10)); err != nil {
				return
			}
		}
	}
	for _, tt := range []struct {
		name    string
		answer  func(conn *net.TCPConn, request int)
		timeout time.Duration
		want    string // in the error; empty: the node is up
		warning string
	}{
		{"silent", func(conn *net.TCPConn, _ int) { io.Copy(io.Discard, conn) }, 500 * time.Millisecond, "no answer to GET /status within timeout 500ms", ""},
		{"slow", func(conn *net.TCPConn, _ int) { // the header, but not the body
			conn.Write([]byte(status[:len(status)-5]))
			io.Copy(io.Discard, conn)
		}, 500 * time.Millisecond, "no answer to GET /status within timeout 500ms", ""},
		{"silent after the status", func(conn *net.TCPConn, request int) {
			if request == 0 {
				conn.Write([]byte(status))
				return
			}
			io.Copy(io.Discard, conn)
		}, 500 * time.Millisecond, "no answer to GET /api/v5/load_rebalance/availability_check within timeout 500ms", ""},
		{"closes", func(*net.TCPConn, int) {}, 0, "closed the connection and sent no answer to GET /status", ""},
		{"closes within the body", func(conn *net.TCPConn, _ int) { conn.Write([]byte(status[:len(status)-5])) }, 0, "closed the connection within its answer", ""},
		{"resets", func(conn *net.TCPConn, _ int) { conn.SetLinger(0) }, 0, "reset by peer", ""},
		{"garbage", func(conn *net.TCPConn, _ int) { conn.Write([]byte("\x16\x03\x01 what?\r\n\r\n")) }, 0, "its answer is no HTTP response", ""},
		{"a huge header", func(conn *net.TCPConn, _ int) { flood(conn, "HTTP/1.1 200 OK\r\nx: ") }, 0, "larger than 65536 bytes", ""},
		{"a huge body", func(conn *net.TCPConn, _ int) { flood(conn, "HTTP/1.1 200 OK\r\n\r\n") }, 0, "", ""},
		{"the dashboard of 4.4", func(conn *net.TCPConn, _ int) {
			conn.Write([]byte(plainText("404 Not Found", "Not found.", "")))
		}, 0, "the management port of EMQX 4 is another one (8081), see health.port", ""},
		{"a redirect", func(conn *net.TCPConn, _ int) {
			conn.Write([]byte("HTTP/1.1 302 Found\r\nlocation: /\r\ncontent-length: 0\r\n\r\n"))
		}, 0, "GET /status is 302 Found, not 200", ""},
		{"before 4.4, stopped", func(conn *net.TCPConn, _ int) {
			conn.Write([]byte(plainText("200 OK", "Node emqx@127.0.0.1 is started\nemqx is not_running", "")))
		}, 0, "says that emqx is not running", ""},
		{"an error of the check", func(conn *net.TCPConn, request int) {
			if request == 0 {
				conn.Write([]byte(status))
				return
			}
			conn.Write([]byte(withJSON("500 Internal Server Error", "", `{"code":"INTERNAL_ERROR","message":"badarg"}`)))
		}, 0, "", "availability_check is 500 Internal Server Error: GET /status decides alone"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			requests := 0 // one after the other
			address := proxytest.Serve(t, "127.0.0.1:0", func(conn *net.TCPConn) {
				conn.Read(make([]byte, 4096))
				requests++
				tt.answer(conn, requests-1)
			})
			p, n := emqxProber(t, netip.MustParseAddrPort(address), Check{Timeout: tt.timeout})
			r := p.probe(t.Context(), n)
			if tt.want == "" && r.err != nil || tt.want != "" && (stateOf(r.err) != balancer.Down || !strings.Contains(r.err.Error(), tt.want)) {
				t.Errorf("%v, want %q", r.err, tt.want)
			}
			if !strings.Contains(r.warning, tt.warning) || (r.warning == "") != (tt.warning == "") {
				t.Errorf("the warning is %q, want %q", r.warning, tt.warning)
			}
		})
	}
	p, n := emqxProber(t, netip.MustParseAddrPort("127.0.0.1:1"), Check{})
	if err := p.probe(t.Context(), n).err; err == nil || !strings.Contains(err.Error(), "management port: dial tcp 127.0.0.1:1: ") {
		t.Errorf("nothing there: %v", err)
	}
}

// Each of the two probes may know something that the other does not.
func TestTwoProbesMustAgree(t *testing.T) {
	m := startManagement(t, enterprise58)
	accepted, unavailable3, bad := []byte{0x20, 2, 0, 0}, []byte{0x20, 2, 0, 3}, []byte{0x20, 2, 0, 4}
	v5 := func(code byte) []byte { return []byte{0x20, 3, 0, code, 0} }
	for _, tt := range []struct {
		name    string
		state   nodeState
		connack []byte // nil: it closes
		v5      bool
		want    balancer.State
		reason  string
	}{
		{"both good", running, accepted, false, balancer.Up, ""},
		{"both good, 5", running, v5(0), true, balancer.Up, ""},
		// At a limit of the node, and its sessions are well.
		{"it accepts and closes", running, nil, false, balancer.Draining, "emqx is running, but: it closed the connection and sent no CONNACK"},
		{"it serves nobody more", running, unavailable3, false, balancer.Draining, "emqx is running, but: CONNACK with return code 3"},
		{"it wants the client to go elsewhere", running, v5(0x9c), true, balancer.Draining, "reason code 0x9c"},
		{"evacuating, and still accepts", evacuating, accepted, false, balancer.Draining, "availability check 503"},
		{"evacuating, and refuses", evacuating, unavailable3, false, balancer.Draining, "availability check 503"},
		{"evacuating, and refuses, 5", evacuating, v5(0x9c), true, balancer.Draining, "availability check 503"},
		{"evacuating, and is unavailable, 5", evacuating, v5(0x88), true, balancer.Draining, "availability check 503"},
		{"evacuating, and refuses the login", evacuating, bad, false, balancer.Draining, "availability check 503"},
		{"evacuating, and closes", evacuating, nil, false, balancer.Draining, "availability check 503"},
		{"stopped", stopped, accepted, false, balancer.Down, "GET /status is 503"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m.set(enterprise58, tt.state)
			mqtt := proxytest.Serve(t, "127.0.0.1:0", func(conn *net.TCPConn) {
				conn.Read(make([]byte, 256))
				conn.Write(tt.connack)
			})
			p, _ := emqxProber(t, m.address, Check{Probe: MQTT, MQTT5: tt.v5})
			r := p.probe(t.Context(), newPool(t, mqtt).Nodes()[0])
			if got := stateOf(r.err); got != tt.want || tt.reason != "" && !strings.Contains(r.err.Error(), tt.reason) {
				t.Errorf("%v: %v, want %v: %s", got, r.err, tt.want, tt.reason)
			}
		})
	}
}

// A node at its limit closes or resets each connection as soon as it has accepted it. One that accepts none is down.
func TestANodeAtItsLimitDrains(t *testing.T) {
	m := startManagement(t, enterprise58)
	closes := proxytest.Serve(t, "127.0.0.1:0", func(*net.TCPConn) {})
	resets := proxytest.Serve(t, "127.0.0.1:0", func(conn *net.TCPConn) { _ = conn.SetLinger(0) })
	for address, want := range map[string]balancer.State{closes: balancer.Draining, resets: balancer.Draining, "127.0.0.1:1": balancer.Down} {
		m.set(enterprise58, running)
		p, _ := emqxProber(t, m.address, Check{Probe: MQTT})
		r := p.probe(t.Context(), newPool(t, address).Nodes()[0])
		if stateOf(r.err) != want || isSilent(r.err) != (want == balancer.Draining) {
			t.Errorf("%s: %v (%v), want %v", address, r.err, stateOf(r.err), want)
		}
	}
}

// When a node of a cluster freezes, CONNECTs hang on the others, too. Their API says that they run, and
// their sessions must not be taken for dead.
func TestSilenceOfANodeThatRunsOnlyDrainsIt(t *testing.T) {
	m := startManagement(t, enterprise58)
	mqtt := proxytest.Serve(t, "127.0.0.1:0", func(conn *net.TCPConn) { io.Copy(io.Discard, conn) })
	node := newPool(t, mqtt).Nodes()[0]
	for _, tt := range []struct {
		name   string
		state  nodeState
		want   balancer.State
		reason string
		silent bool
	}{
		{"it runs", running, balancer.Draining, "emqx is running, but: no CONNACK within timeout 1s", true},
		{"it evacuates", evacuating, balancer.Draining, "availability check 503", false},
		{"it is stopped", stopped, balancer.Down, "its answer to GET /status is 503 Service Unavailable, not 200", false},
	} {
		m.set(enterprise58, tt.state)
		p, _ := emqxProber(t, m.address, Check{Probe: MQTT, Timeout: time.Second})
		if r := p.probe(t.Context(), node); stateOf(r.err) != tt.want || r.err.Error() != tt.reason || isSilent(r.err) != tt.silent {
			t.Errorf("%s: %v (%v), want %s", tt.name, r.err, stateOf(r.err), tt.reason)
		}
	}
	p := newProber(Check{Probe: MQTT, Timeout: time.Second})
	if r := p.probe(t.Context(), node); stateOf(r.err) != balancer.Down {
		t.Errorf("without the API: %v", r.err)
	}
}
