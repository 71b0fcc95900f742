package health

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"mqttlb/balancer"
	"mqttlb/proxy/proxytest"
)

// management is a fake management API. It answers byte for byte as cowboy and minirest do in
// EMQX: header names in lower case and in order, except for WWW-Authenticate, and the server's
// name at the end.
type management struct {
	address netip.AddrPort

	mu      sync.Mutex // guards the fields below
	edition edition
	state   nodeState
	asked   []string // the paths, with "+" if the right key was sent and "-" for another one
}

// edition is an edition and version of EMQX.
type edition uint8

const (
	open44       edition = iota // 4.4, which has no availability check
	enterprise44                // with the check, and a login
	enterprise50                // 5.0 to 5.3, with a login
	enterprise58                // the check needs no login
	open50                      // has no check
)

// nodeState is what the node does.
type nodeState uint8

const (
	running nodeState = iota
	evacuating
	purging // answers as evacuating does
	stopped // the application, not the node
	notReady
)

func startManagement(t *testing.T, e edition) *management {
	t.Helper()
	m := &management{edition: e}
	m.address = netip.MustParseAddrPort(proxytest.Serve(t, "127.0.0.1:0", func(conn *net.TCPConn) {
		request, err := http.ReadRequest(bufio.NewReader(conn))
		if err != nil {
			return
		}
		if !request.Close || request.UserAgent() != "mqttlb" || request.Host != "127.0.0.1:"+strconv.Itoa(int(m.address.Port())) {
			t.Errorf("request %+v", request)
		}
		_, _ = conn.Write([]byte(m.answer(request)))
	}))
	return m
}

// set changes what the node is and does, and forgets what was asked.
func (m *management) set(e edition, s nodeState) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.edition, m.state, m.asked = e, s, nil
}

// paths returns what was asked since the last call.
func (m *management) paths() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	defer func() { m.asked = nil }()
	return slices.Clone(m.asked)
}

// date is the only header whose value differs each time.
const date = "Fri, 27 Nov 2026 03:00:00 GMT"

// cowboy returns a response with the headers that come before the date.
func cowboy(status, before, body string) string {
	return fmt.Sprintf("HTTP/1.1 %s\r\n%sdate: %s\r\nserver: Cowboy\r\n", status, before, date) + "\r\n" + body
}

// plainText returns a response of EMQX's own handlers, with the headers that come after the date.
func plainText(status, body, after string) string {
	return fmt.Sprintf("HTTP/1.1 %s\r\nconnection: close\r\ncontent-length: %d\r\ncontent-type: text/plain\r\ndate: %s\r\n%sserver: Cowboy\r\n\r\n%s",
		status, len(body), date, after, body)
}

// withJSON returns a response of minirest in 5.x.
func withJSON(status, before, body string) string {
	return cowboy(status, fmt.Sprintf("%sconnection: close\r\ncontent-length: %d\r\ncontent-type: application/json\r\n", before, len(body)), body)
}

// with44 returns a response of minirest in 4.4.
func with44(status, before, body string) string {
	head := fmt.Sprintf("%scache-control: no-cache\r\nconnection: close\r\ncontent-length: %d\r\ncontent-type: application/json\r\ndate: %s\r\n", before, len(body), date)
	return "HTTP/1.1 " + status + "\r\n" + head + "server: Cowboy\r\nx-content-type-options: nosniff\r\nx-frame-option: DENY\r\nx-xss-protection: 0\r\n\r\n" + body
}

const (
	testKey, testSecret = "probe", "s3cr:t" // the secret may have a colon
	basicRealm          = "WWW-Authenticate: Basic Realm=\"minirest-server\"\r\n"
)

func (m *management) answer(r *http.Request) string {
	m.mu.Lock()
	defer m.mu.Unlock()
	key, secret, sent := r.BasicAuth()
	login, mark := sent && key == testKey && secret == testSecret, ""
	if sent {
		mark = map[bool]string{true: "+", false: "-"}[login]
	}
	m.asked = append(m.asked, r.URL.Path+mark)
	v4 := m.edition <= enterprise44
	withdraws := m.state == evacuating || m.state == purging
	switch path := r.URL.Path; {
	case r.Method != http.MethodGet:
		return plainText("400 Bad Request", "Not found.", "")
	case path == statusPath && m.state == notReady: // 5.x, while it starts
		return cowboy("503 Service Unavailable", "connection: close\r\ncontent-length: 0\r\n", "")
	case path == statusPath:
		status, app := "200 OK", "running"
		if m.state == stopped {
			status, app = "503 Service Unavailable", "not_running"
		}
		after := "retry-after: 15\r\n"
		if v4 {
			after = ""
		}
		return plainText(status, "Node emqx@127.0.0.1 is started\nemqx is "+app, after)
	case v4 && strings.HasPrefix(path, "/api/v4/"):
		switch {
		case !login:
			return with44("401 Unauthorized", basicRealm, "UNAUTHORIZED")
		case m.edition == open44 || path != availabilityPathV4:
			return plainText("404 Not Found", "Not found.", "")
		case withdraws:
			return with44("503 Service Unavailable", "", "{}")
		}
		return with44("200 OK", "", "{}")
	case v4: // cowboy_router
		return cowboy("404 Not Found", "connection: close\r\ncontent-length: 0\r\n", "")
	case m.edition == open50 || path != availabilityPathV5:
		const body = "<html><head><title>404 - NOT FOUND</title></head><body><h1>404 - NOT FOUND</h1></body></html>"
		return cowboy("404 Not Found", fmt.Sprintf("connection: close\r\ncontent-length: %d\r\ncontent-type: text/html\r\n", len(body)), body)
	case m.edition == enterprise50 && !login:
		return withJSON("401 Unauthorized", basicRealm, `{"code":"BAD_API_KEY_OR_SECRET","message":"Check api_key/api_secret"}`)
	case withdraws:
		return withJSON("503 Service Unavailable", "", `{"code":"NODE_EVACUATING","message":"Node Evacuating"}`)
	}
	return withJSON("200 OK", "", "{}")
}

// emqxProber returns a prober of the management API at an address, and the node.
func emqxProber(t *testing.T, address netip.AddrPort, check Check) (*prober, *balancer.Node) {
	t.Helper()
	check.Probe |= EMQX
	check.Port = address.Port()
	return newProber(check), newPool(t, "127.0.0.1:1").Nodes()[0]
}
