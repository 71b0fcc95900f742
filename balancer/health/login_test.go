package health

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"mqttlb/balancer"
	"mqttlb/mqttparse"
	"mqttlb/proxy/proxytest"
)

func TestConnectHasWhatTheCheckSays(t *testing.T) {
	long := strings.Repeat("p", 300) // so that Remaining Length has two bytes
	for _, tt := range []struct {
		name     string
		check    Check
		version  mqttparse.Version
		username string
		password string
		hasBoth  bool
	}{
		{"nothing", Check{}, mqttparse.V311, "", "", false},
		{"5", Check{MQTT5: true}, mqttparse.V5, "", "", false},
		{"a user", Check{Username: "lb"}, mqttparse.V311, "lb", "", false},
		{"a password", Check{Username: "lb", Password: []byte(" s ")}, mqttparse.V311, "lb", " s ", true},
		{"a long one, 5", Check{Username: "lb", Password: []byte(long), MQTT5: true}, mqttparse.V5, "lb", long, true},
		{"no user, no password", Check{Password: []byte("s")}, mqttparse.V311, "", "", false},
	} {
		var c mqttparse.Connect
		b := appendConnect(nil, &tt.check, "probe-1")
		if n, err := c.Parse(b, len(b)); err != nil || n != len(b) {
			t.Errorf("%s: % x: %d, %v", tt.name, b, n, err)
			continue
		}
		if c.Version != tt.version || !c.CleanStart || c.KeepAlive != keepAlive || string(c.ClientID) != "probe-1" ||
			string(c.Username) != tt.username || string(c.Password) != tt.password || (c.Password != nil) != tt.hasBoth {
			t.Errorf("%s: %+v", tt.name, c)
		}
	}
}

func TestClientIdentifierFollowsItsPattern(t *testing.T) {
	host, _ := os.Hostname()
	n := &balancer.Node{Name: "emqx-1"}
	for pattern, want := range map[string]string{
		defaultClientID: "mqttlbhealthtag",
		"lb-%n-%r":      "lb-emqx-1-tag",
		"%n/%h/%p":      "emqx-1/" + host + "/" + strconv.Itoa(os.Getpid()),
		"%r%r":          "tagtag",
	} {
		if got := newClientID(pattern, "tag", n); got != want {
			t.Errorf("%s is %s, want %s", pattern, got, want)
		}
	}
	if a, b := newTag(), newTag(); a == b {
		t.Error("two watchers have the same tag")
	}
}

func TestRefusalInMQTT5SaysWhatTheNodeIs(t *testing.T) {
	login := Check{Username: "lb", Password: []byte("s")}
	const refuses = "the broker refuses the user name"
	for _, tt := range []struct {
		code    mqttparse.ReasonCode
		check   Check
		want    balancer.State
		warning string
	}{
		{mqttparse.Success, Check{}, balancer.Up, ""},
		{mqttparse.UnspecifiedError, Check{}, balancer.Up, ""},
		{mqttparse.UnsupportedProtocolVersion, Check{}, balancer.Up, ""},
		{mqttparse.ClientIdentifierNotValid, Check{}, balancer.Up, ""},
		{mqttparse.BadUserNameOrPassword, Check{}, balancer.Up, ""},
		{mqttparse.NotAuthorized, Check{}, balancer.Up, ""},
		{mqttparse.BadUserNameOrPassword, login, balancer.Up, refuses},
		{mqttparse.NotAuthorized, login, balancer.Up, refuses},
		{mqttparse.BadAuthenticationMethod, login, balancer.Up, refuses},
		{mqttparse.ServerBusy, Check{}, balancer.Up, ""}, // it would get more clients if it were taken out
		{mqttparse.QuotaExceeded, Check{}, balancer.Up, ""},
		{mqttparse.ConnectionRateExceeded, Check{}, balancer.Up, ""},
		{mqttparse.ServerUnavailable, login, balancer.Down, ""},
		{mqttparse.UseAnotherServer, login, balancer.Draining, ""},
		{mqttparse.ServerMoved, Check{}, balancer.Draining, ""},
	} {
		n := broker(t, "127.0.0.1:0", func(conn *net.TCPConn) {
			conn.Read(make([]byte, 256))
			conn.Write([]byte{0x20, 3, 0, byte(tt.code), 0})
			io.Copy(io.Discard, conn)
		})
		tt.check.Probe, tt.check.MQTT5 = MQTT, true
		r := newProber(tt.check).probe(t.Context(), n)
		if got := stateOf(r.err); got != tt.want || !strings.Contains(r.warning, tt.warning) || (r.warning == "") != (tt.warning == "") {
			t.Errorf("%v: %v, %v, %q; want %v, %q", tt.code, got, r.err, r.warning, tt.want, tt.warning)
		}
	}
}

// With its login the probe is a client like any other in the log of a broker that wants one.
func TestProbeThatLogsInLeavesNoNoiseInMosquittosLog(t *testing.T) {
	const id, user, password = `lb-emqx-1-[a-z0-9]{11}`, "lb probe", "s3cr t"
	file := filepath.Join(t.TempDir(), "passwords")
	if out, err := exec.Command(proxytest.Program(t, "mosquitto_passwd"), "-b", "-c", file, user, password).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for _, tt := range []struct {
		name    string
		check   Check
		warning string
		want    []string
	}{
		{"3.1.1", Check{Password: []byte(password)}, "", []string{
			`New connection from 127\.0\.0\.1:\d+ on port \d+\.`,
			`New client connected from 127\.0\.0\.1:\d+ as ` + id + ` \(p2, c1, k30, u'lb probe'\)\.`,
			`No will message specified\.`,
			`Sending CONNACK to ` + id + ` \(0, 0\)`,
			`Received DISCONNECT from ` + id,
			`Client ` + id + ` disconnected\.`,
		}},
		{"5", Check{Password: []byte(password), MQTT5: true}, "", []string{
			`New connection from 127\.0\.0\.1:\d+ on port \d+\.`,
			`New client connected from 127\.0\.0\.1:\d+ as ` + id + ` \(p5, c1, k30, u'lb probe'\)\.`,
			`No will message specified\.`,
			`Sending CONNACK to ` + id + ` \(0, 0\)`,
			`Received DISCONNECT from ` + id,
			`Client ` + id + ` disconnected\.`,
		}},
		{"with a wrong password", Check{Password: []byte("guess")}, "(CONNACK with return code 5)", []string{
			`New connection from 127\.0\.0\.1:\d+ on port \d+\.`,
			`Sending CONNACK to 127\.0\.0\.1 \(0, 5\)`,
			`Client <unknown> disconnected, not authorised\.`,
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			addr := proxytest.FreeAddr(t, "127.0.0.1")
			m := startMosquitto(t, addr, "allow_anonymous false\npassword_file "+file)
			n := newPool(t, addr).Nodes()[0]
			tt.check.Probe, tt.check.Username, tt.check.ClientID = MQTT, user, "lb-%n-%r"
			p := newProber(tt.check)
			const probes = 3
			for range probes {
				if r := p.probe(t.Context(), n); r.err != nil || !strings.Contains(r.warning, tt.warning) || (r.warning == "") != (tt.warning == "") {
					t.Errorf("%v, %q", r.err, r.warning)
				}
			}
			m.stop(t)
			lines := m.log[:max(0, len(m.log)-1)] // without the last one, which reports the end
			if len(lines) != probes*len(tt.want) {
				t.Fatalf("%d lines, want %d for each of %d probes:\n%s", len(lines), len(tt.want), probes, strings.Join(lines, "\n"))
			}
			for i, line := range lines {
				if want := tt.want[i%len(tt.want)]; !regexp.MustCompile(`^\d+: ` + want + `$`).MatchString(line) {
					t.Errorf("%q, want %s", line, want)
				}
			}
		})
	}
}

// The TLS of the management port is not that of the node's own port.
func TestProbesOfAnotherPortSpeakItsTLS(t *testing.T) {
	ca := proxytest.NewCA("a CA")
	config := &tls.Config{Certificates: []tls.Certificate{ca.Issue("node.test").TLS}}
	address := proxytest.Serve(t, "127.0.0.1:0", func(conn *net.TCPConn) {
		secured := tls.Server(conn, config)
		b := make([]byte, 4096)
		n, _ := secured.Read(b)
		answer := plainText("200 OK", "Node emqx@127.0.0.1 is started\nemqx is running", "")
		if !strings.HasPrefix(string(b[:n]), "GET "+statusPath+" ") {
			answer = withJSON("503 Service Unavailable", "", `{"code":"NODE_EVACUATING","message":"Node Evacuating"}`)
		}
		_, _ = secured.Write([]byte(answer))
		_ = secured.Close()
	})
	never := func(context.Context, net.Conn, *balancer.Node) (net.Conn, error) {
		return nil, fmt.Errorf("the TLS of the pool was used for the management port")
	}
	check := Check{Secure: never, PortSecure: secureWith(ca.Trust("node.test"))}
	p, n := emqxProber(t, netip.MustParseAddrPort(address), check)
	if r := p.probe(t.Context(), n); stateOf(r.err) != balancer.Draining {
		t.Errorf("%v, want the node to drain", r.err)
	}
	web := check
	web.Probe, web.Method, web.Path, web.Port = HTTP, "GET", statusPath, p.check.Port
	if r := newProber(web).probe(t.Context(), n); r.err != nil {
		t.Errorf("the http probe of the same port: %v", r.err)
	}
	check.PortSecure = secureWith(proxytest.NewCA("another CA").Trust("node.test"))
	p, n = emqxProber(t, netip.MustParseAddrPort(address), check)
	if err := p.probe(t.Context(), n).err; stateOf(err) != balancer.Down || !strings.Contains(err.Error(), "management port: TLS: certificate signed by unknown authority") {
		t.Errorf("%v, want a certificate that is not trusted", err)
	}
}
