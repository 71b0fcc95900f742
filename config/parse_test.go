package config

import (
	"errors"
	"flag"
	"net/netip"
	"os"
	"path/filepath"
	"reflect" //nolint:depguard // a Config is a tree of slices and pointers: only DeepEqual compares all of it
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "write the .err files in testdata anew")

// golden compares got with the file beside the input, or writes the file.
func golden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("got:\n%s\nwant, from %s:\n%s", got, file, want)
	}
}

// setVariables sets the environment for the files in testdata.
func setVariables(t *testing.T) {
	t.Helper()
	for name, value := range map[string]string{
		"PORT": "1883", "TEXT": "a b\n", "EMPTY": "", "HUGE": strings.Repeat("9", 200), "A_LIST": "[{name: injected}]", "MQTTLB_PASSWORD": "hunter2",
	} {
		t.Setenv(name, value)
	}
}

func TestEveryWrongFileSaysWhatIsWrong(t *testing.T) {
	setVariables(t)
	files, err := filepath.Glob("testdata/wrong/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no files: %v", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			c, err := Parse(filepath.Base(file), data)
			var errs Errors
			if !errors.As(err, &errs) || c != nil {
				t.Fatalf("got %v, %v; want nothing and Errors", c, err)
			}
			for _, e := range errs {
				if e.Line < 1 || e.Column < 1 {
					t.Errorf("no position: %s", e)
				}
			}
			golden(t, strings.TrimSuffix(file, ".yaml")+".err", err.Error()+"\n")
		})
	}
}

// equal reports whether two configurations mean the same, wherever they were read from.
func equal(a, b *Config) bool {
	x, y := *a, *b
	x.Files, y.Files, x.Warnings, y.Warnings, x.written, y.written = nil, nil, nil, nil, nil, nil
	return reflect.DeepEqual(x, y)
}

// parse parses data that must be valid.
func parse(t *testing.T, data string) *Config {
	t.Helper()
	c, err := Parse("test.yaml", []byte(data))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestWholeSampleMeansWhatItSays(t *testing.T) {
	got, err := Load("testdata/full.yaml")
	if err != nil {
		t.Fatal(err)
	}
	tcp := func(host string, port uint16) Address { return Address{Network: "tcp", Host: host, Port: port} }
	want := &Config{
		Listeners: []Listener{
			{Name: "mqtt", Address: tcp("", 1883), Protocol: MQTT, Pool: "emqx", ProxyProtocol: ProxyOff, Validity: Strict, WebSocketPackets: SinglePackets},
			{Name: "mqtts", Address: tcp("", 8883), Protocol: MQTT, Pool: "emqx", ProxyProtocol: ProxyOff, Validity: Strict, WebSocketPackets: SinglePackets, TLS: &TLS{
				Certificates: []Certificate{{Cert: "cert.pem", Key: "key.pem"}},
				ClientCA:     "ca.pem", ClientAuth: ClientAuthRequire, Revoked: CloseRevoked, MinVersion: TLS12, MaxVersion: TLS13, ALPN: []string{"mqtt"},
				HandshakeTimeout: 15 * time.Second, MaxHandshakes: 64, MaxHandshakeQueue: 10_000,
			}},
			{
				Name: "ws", Address: tcp("", 8083), Protocol: WS, Pool: "emqx-ws", Path: "/mqtt", ProxyProtocol: ProxyAccept, Validity: Tolerant, WebSocketPackets: SinglePackets,
				TrustedProxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}, MaxConnections: 20000,
			},
		},
		Pools: []Pool{
			{
				Name: "emqx", Protocol: MQTT, Algorithm: ConsistentHash, HashKey: KeyClientID, Outliers: On, ProxyProtocol: ProxyV2, RemovedNodes: DrainRemoved, WhenDown: KeepDown, Takeover: TakeoverOff, DrainRate: 100, Queue: defaultPool.Queue, Confirm: &Confirm{Attempts: 3, Time: 10 * time.Second, Silence: SilenceWait}, Readiness: true,
				Health: Health{Probe: []Probe{ProbeMQTT}, Version: MQTT311, Interval: 5 * time.Second, Timeout: 2 * time.Second, Rise: 2, Fall: 3},
				Nodes: []Node{
					{Name: "emqx-1", Address: tcp("node1.emqx.io", 1883), Weight: 1, ConnectRate: RateOfPool},
					{Name: "emqx-2", Address: tcp("node2.emqx.io", 1883), Weight: 2, MaxConnections: 25000, ConnectRate: RateOfPool},
				},
			},
			{
				Name: "emqx-ws", Protocol: WS, Algorithm: ConsistentHash, HashKey: KeyClientID, Outliers: On, ProxyProtocol: ProxyOff, RemovedNodes: DrainRemoved, WhenDown: KeepDown, Takeover: TakeoverOff, DrainRate: 100, Queue: defaultPool.Queue, Confirm: &Confirm{Attempts: 3, Time: 10 * time.Second, Silence: SilenceWait}, Readiness: true,
				ForwardHeaders: []string{"Origin", "Cookie", "User-Agent"},
				Health:         Health{Probe: []Probe{ProbeTCP}, Interval: 5 * time.Second, Timeout: 2 * time.Second, Rise: 2, Fall: 3},
				Nodes: []Node{
					{Name: "emqx-1", Address: tcp("node1.emqx.io", 8083), Weight: 1, ConnectRate: RateOfPool},
					{Name: "emqx-2", Address: tcp("node2.emqx.io", 8083), Weight: 1, ConnectRate: RateOfPool},
				},
			},
		},
		Limits: Limits{MaxConnections: 50000, ConnectRate: 5000, MaxConnectSize: 65536, MaxHeaderSize: 16384, MaxRequestSize: 100 << 20, MinBodyRate: 500, OpeningMemory: 128 << 20, SocketBuffer: 256 << 10, ClientIDHold: 5 * time.Minute},
		Timeouts: Timeouts{
			ConnectPacket: 10 * time.Second, Dial: 5 * time.Second, ConnectNode: 30 * time.Second, Connack: time.Minute, Idle: 0, Response: time.Minute, KeepAlive: time.Minute,
			RequestBody: 20 * time.Second, Tunnel: time.Hour, Write: 20 * time.Second, HalfClosed: 30 * time.Second, Shutdown: 30 * time.Second,
		},
		Resolver: Resolver{Timeout: 2 * time.Second, EmptyGrace: 5 * time.Minute},
		Admin:    Admin{Address: tcp("127.0.0.1", 9090), Public: PublicOff},
		Log: Log{
			Level: LevelInfo, Format: FormatText, Output: LogStderr, Rotate: LogRotate{Size: 100 << 20, Keep: 10},
			Fields: []LogField{"listener", "client", "client_id", "version", "node", "received", "sent", "duration", "outcome", "connack", "disconnect", "rule", "tolerated", "tls", "tls_cipher", "tls_resumed", "sni", "tls_cn", "certificate", "path", "status", "error"},
		},
	}
	for i := range want.Listeners {
		want.Listeners[i].Reserve, want.Listeners[i].ClientAddress = defaultListener.Reserve, FromConnection
	}
	if !equal(got, withUpgradeDefaults(want)) {
		t.Errorf("got:\n%+v\nwant:\n%+v", got, want)
	}
}

// The sample of the design page shows the defaults; without them it must mean the same.
func TestMinimalFileHasTheDefaults(t *testing.T) {
	c, err := Load("testdata/minimal.yaml")
	if err != nil {
		t.Fatal(err)
	}
	want := sample()
	want.Listeners[0].Name, want.Listeners[0].Address, want.Listeners[0].Pool = "mqtt", Address{Network: "tcp", Port: 1883}, "emqx"
	want.Listeners[0].TLS, want.Listeners[0].Routes, want.Pools[0].TLS, want.Admin.TLS = nil, nil, nil, nil
	want.Listeners[0].Rules, want.Rules = nil, nil
	want.Pools[0].Name, want.Pools[0].Health.TLS, want.Pools[0].Discover, want.Bans = "emqx", nil, nil, nil
	want.Pools[0].Nodes[0].Name, want.Pools[0].Nodes[0].Address = "emqx-1", Address{Network: "tcp", Host: "node1", Port: 1883}
	if !equal(c, &want) {
		t.Errorf("got:\n%+v\nwant:\n%+v", *c, want)
	}
}

func TestParsingTwiceSharesNothing(t *testing.T) {
	data, err := os.ReadFile("testdata/minimal.yaml")
	if err != nil {
		t.Fatal(err)
	}
	a, b := parse(t, string(data)), parse(t, string(data))
	a.Listeners[0].Name, a.Pools[0].Nodes[0].Weight, a.Limits.MaxConnections = "x", 7, 7
	if !equal(parse(t, string(data)), b) {
		t.Error("a change to one Config is seen in another")
	}
}

func TestAliasIsItsValue(t *testing.T) {
	c := parse(t, `
listeners: [{name: a, address: ":1", pool: p}]
pools:
  - {name: p, health: &h {probe: mqtt, interval: 9s}, nodes: &n [{name: n, address: "h:1"}]}
  - {name: q, health: *h, nodes: *n}
`)
	if p, q := c.Pools[0], c.Pools[1]; p.Health.String() != q.Health.String() || p.Health.Interval != 9*time.Second || !slices.Equal(p.Nodes, q.Nodes) {
		t.Errorf("%+v is not %+v", p, q)
	}
}

func TestFilesOfEverySystemAreRead(t *testing.T) {
	data, err := os.ReadFile("testdata/minimal.yaml")
	if err != nil {
		t.Fatal(err)
	}
	want := parse(t, string(data))
	for name, text := range map[string]string{
		"CRLF":             strings.ReplaceAll(string(data), "\n", "\r\n"),
		"byte order mark":  "\ufeff" + string(data),
		"document markers": "---\n" + string(data) + "...\n",
		"no last newline":  strings.TrimSuffix(string(data), "\n"),
		"tabs at the end":  strings.ReplaceAll(string(data), "\n", "\t\n"),
	} {
		if got := parse(t, text); !equal(got, want) {
			t.Errorf("%s: got %+v, want %+v", name, got, want)
		}
	}
}

func TestWhatIsNotTextIsRefusedAtItsPlace(t *testing.T) {
	for data, want := range map[string]string{
		"a: b\nc: d\x00e":         "f:2:5: the control character U+0000 is not allowed",
		"a: é\x1b[31m":            "f:1:5: the control character U+001B is not allowed",
		"\ufeffa: \xff":           "f:1:4: the byte 0xff is not UTF-8",
		"a: \ufeff":               "f:1:4: the control character U+FEFF is not allowed",
		"\xff\xfea\x00:\x00":      "f:1:1: the file is in UTF-16; save it in UTF-8",
		"\x7fELF\x02\x01\x01\x00": "f:1:1: the control character U+007F is not allowed",
		"\x1f\x8b\x08\x00":        "f:1:1: the control character U+001F is not allowed",
	} {
		if _, err := Parse("f", []byte(data)); err == nil || err.Error() != want {
			t.Errorf("%q: got %v, want %s", data, err, want)
		}
	}
}

func TestHostileFilesAreRefused(t *testing.T) {
	nested := func(open, value, end string, depth int) string {
		return "listeners: " + strings.Repeat(open, depth) + value + strings.Repeat(end, depth) + "\n"
	}
	bomb := "pools: &p [{name: p, health: &h {rise: 1}, nodes: &n [" +
		strings.Repeat(`{name: n, address: "h:1"},`, 1000) + "]}]\n" // the anchors are used below
	bomb = strings.Replace(bomb, "pools: &p [{", "pools: [&q {", 1)
	bomb = strings.TrimSuffix(bomb, "]\n") + strings.Repeat(", *q", 40_000) + "]\n"

	for name, c := range map[string]struct{ data, want string }{
		"a large file":        {strings.Repeat("#\n", maxFileSize/2+1), "f:1:1: the file is larger than 2MiB"},
		"nested lists":        {nested("[", "", "]", 5_000), "f:1:13: listeners[0]: is a list; it must be a mapping of keys to values"},
		"deeper lists":        {nested("[", "", "]", 500_000), "f:1:10012: not YAML: while increasing flow level: exceeded max depth of 10000"},
		"nested mappings":     {nested("{a: ", "1", "}", 5_000), "f:1:12: listeners: is a mapping; it must be a list"},
		"an alias bomb":       {bomb, "is one value too many; a configuration has at most 200000, counted again through each alias and each merge"},
		"a long list":         {"listeners: [" + strings.Repeat("1,", maxValues+10) + "]", "listeners[1000]: is not read, and nothing after it: there are 1000 errors already"},
		"a long list of {}":   {"pools: [" + strings.Repeat("{},", maxValues+10) + "]", "is not read, and nothing after it: there are 100"},
		"a long valid list":   {"include: [" + strings.Repeat("a,", maxValues+10) + "]", "include[199999]: is one value too many"},
		"many unknown keys":   {manyKeys(maxValues / 2), `unknown key "0"; known here are`},
		"a key of a megabyte": {strings.Repeat("k", maxFileSize-3) + ": 1", "f:1:1: unknown key \"" + strings.Repeat("k", longest) + "\"..."},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Parse("f", []byte(c.data))
			var errs Errors
			if !errors.As(err, &errs) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %.300v, want %s", err, c.want)
			}
			if len(errs) > maxErrors+10 { // one mapping may lack some keys
				t.Errorf("%d errors", len(errs))
			}
		})
	}
}

func manyKeys(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(strconv.FormatInt(int64(i), 36) + ": 1\n")
	}
	return b.String()
}

func TestFileThatCannotBeRead(t *testing.T) {
	dir := t.TempDir()
	large := filepath.Join(dir, "large.yaml")
	if err := os.WriteFile(large, make([]byte, maxFileSize+1), 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		filepath.Join(dir, "none.yaml"): ": cannot open the file: no such file or directory",
		dir:                             ": cannot read the file: is a directory",
		large:                           ":1:1: the file is larger than 2MiB",
	} {
		c, err := Load(path)
		var errs Errors
		if !errors.As(err, &errs) || c != nil || err.Error() != path+want {
			t.Errorf("got %v, %v; want %s", c, err, path+want)
		}
	}
}

func TestDeployedExamplesLoad(t *testing.T) {
	files, err := filepath.Glob("../deploy/*.yaml")
	if err != nil || len(files) < 2 {
		t.Fatalf("found %v, %v; want mqttlb.yaml and sidecar.yaml at least", files, err)
	}
	for _, file := range files {
		c, err := Load(file)
		if err != nil {
			t.Error(err)
			continue
		}
		if c.Pools[0].ProxyProtocol != ProxyV2 {
			t.Errorf("%s does not tell the broker who its clients are", file)
		}
	}
}
