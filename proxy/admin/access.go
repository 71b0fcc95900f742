package admin

import (
	"crypto/sha256"
	"crypto/subtle"
	"crypto/tls"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"mqttlb/proxy/snapshot"
)

// Access says what is allowed over an address, which is admin.address. The zero value allows reads on a
// loopback address and nothing else. It is immutable.
type Access struct {
	// Token is what changes need, and on an address that is not loopback reads, too. Empty: nobody
	// has it.
	Token string

	// Public opens /healthz, /readyz and /metrics to all on an address that is not loopback.
	Public bool

	// Hosts are the host patterns that a request may name, as in snapshot.MatchHost, besides
	// localhost and IP addresses.
	Hosts []string

	// TLS returns the configuration for the next connection. Nil: there is no TLS.
	TLS func() *tls.Config
}

// Way is a way in.
type Way uint8

// The ways in.
const (
	BySocket  Way = iota // admin.socket, whose mode decides who may connect
	ByAddress            // admin.address
)

// way is a way in as far as access depends on it.
type way uint8

const (
	private way = iota // everything is allowed
	unix               // by address: a Unix socket, whose peers are on this machine and no browsers
	local              // by address: loopback
	exposed            // by address: other machines may connect
)

func wayOf(by Way, addr net.Addr) way {
	if by == BySocket {
		return private
	}
	switch a := addr.(type) {
	case *net.UnixAddr:
		return unix
	case *net.TCPAddr:
		if a.IP.IsLoopback() {
			return local
		}
	}
	return exposed
}

// need is what a request needs.
type need uint8

const (
	public need = iota // what admin.public: metrics opens
	read
	change // also for what shows the inside of the process
	socket // for a process on this machine alone
)

// checkHost refuses a request by a name that nobody has configured: a web page can have a name of its own
// lead to this address and would then read the answer (DNS rebinding). A browser always sends a Host.
func (e *entry) checkHost(r *http.Request) error {
	if e.way == private || e.way == unix || r.Host == "" {
		return nil
	}
	a := e.access.Load()
	if a.TLS != nil && r.TLS == nil { // the connection is older than the setting
		return errorf(http.StatusForbidden, "this address speaks TLS now: connect again")
	}
	host := r.Host
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	if _, err := netip.ParseAddr(host); err == nil || snapshot.MatchHost("localhost", host) {
		return nil
	}
	for _, pattern := range a.Hosts {
		if pattern != "" && snapshot.MatchHost(pattern, host) {
			return nil
		}
	}
	return errorf(http.StatusForbidden, "the host %.100q is not known here: add it to admin.hosts, or use an IP address or localhost", host)
}

// check refuses a request that is not allowed what it needs.
func (e *entry) check(r *http.Request, n need) error {
	if e.way == private {
		return nil
	}
	a := e.access.Load()
	if n == socket {
		return errorf(http.StatusForbidden, "this is for the admin socket alone, admin.socket")
	}
	if n == change {
		if err := checkOrigin(r); err != nil {
			return err
		}
	}
	if n == public && (e.way != exposed || a.Public) || n == read && e.way != exposed {
		return nil
	}
	return e.checkToken(r, a)
}

// checkOrigin refuses a change that a web page of another site has asked for.
func checkOrigin(r *http.Request) error {
	origin, site := r.Header.Get("Origin"), r.Header.Get("Sec-Fetch-Site")
	if origin != "" {
		if u, err := url.Parse(origin); err != nil || !strings.EqualFold(u.Host, r.Host) {
			return errorf(http.StatusForbidden, "a page of %.100q may change nothing here", origin)
		}
	}
	if site != "" && site != "same-origin" && site != "none" {
		return errorf(http.StatusForbidden, "a page of another site may change nothing here")
	}
	return nil
}

// checkToken refuses a request without the token.
func (e *entry) checkToken(r *http.Request, a *Access) error {
	if a.Token == "" {
		return errorf(http.StatusForbidden, "this needs a token, and there is none: set admin.token_file, or use the socket, admin.socket")
	}
	given := r.Header.Values("Authorization")
	if len(given) == 0 {
		return errorf(http.StatusUnauthorized, "this needs the token of admin.token_file: send Authorization: Bearer TOKEN, or use the socket, admin.socket")
	}
	c := connectionOf(r)
	from := addressOf(c)
	if !c.proved.Load() && !e.wrong.allow(from) {
		return errorf(http.StatusTooManyRequests, "too many wrong tokens have come from this address: wait a second, or use the socket, admin.socket")
	}
	scheme, token, _ := strings.Cut(given[0], " ")
	got, want := sha256.Sum256([]byte(strings.TrimSpace(token))), sha256.Sum256([]byte(a.Token))
	if len(given) == 1 && strings.EqualFold(scheme, "Bearer") && subtle.ConstantTimeCompare(got[:], want[:]) == 1 {
		c.proved.Store(true)
		e.wrong.succeed(from)
		return nil
	}
	c.proved.Store(false)
	e.wrong.fail(from)
	if n, ok := e.wrongLog.Take(time.Now()); ok {
		e.log.Warn("a request to the admin server had a wrong token", "client", c.peer, "path", shorten(r.URL.Path), "wrong", n)
	}
	return errorf(http.StatusUnauthorized, "the token is not that of admin.token_file")
}

// shorten cuts what a client has sent, for a log line.
func shorten(s string) string {
	if len(s) > 100 {
		return s[:100] + "..."
	}
	return s
}

// addressOf returns the network that wrong tokens of a connection count for: the address, or with IPv6
// the 64 bits that a site has. All peers of a Unix socket have the zero Prefix.
func addressOf(c *connection) netip.Prefix {
	a, ok := c.RemoteAddr().(*net.TCPAddr)
	if !ok {
		return netip.Prefix{}
	}
	ip := a.AddrPort().Addr().Unmap().WithZone("")
	bits := ip.BitLen()
	if ip.Is6() {
		bits = 64
	}
	p, _ := ip.Prefix(bits) // bits are within the length
	return p
}
