package main_test

import (
	"bytes"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestABadFileChangesNothing(t *testing.T) {
	t.Parallel()
	broker := startMosquitto(t, "a")
	r := newReloadee(t, nodes(broker))
	r.admin += ", state_dir: DIR/state"
	r.put(t)
	r.run(t)
	stays := join(t, r.addrs["mqtt"], "", 4, "stays")
	other, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	taken := other.Addr().String()
	good, err := os.ReadFile(r.config)
	if err != nil {
		t.Fatal(err)
	}
	text := func(t *testing.T, old, replacement string) {
		t.Helper()
		bad := strings.Replace(string(good), old, replacement, 1)
		if bad == string(good) {
			t.Fatalf("the file has no %q", old)
		}
		if err := os.WriteFile(r.config, []byte(bad), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	tls := strings.ReplaceAll(`, tls: {certificates: [{cert: DIR/none.pem}]}, pool: brokers}`, "DIR", r.dir)
	keptBefore, err := os.ReadFile(filepath.Join(r.dir, "state", "last-good.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name  string
		spoil func(t *testing.T)
		says  []string // each in the answer and in a line of the log
	}{
		{"errors of two kinds", func(t *testing.T) {
			text(t, "{level: info", "{levl: info")
			bad, err := os.ReadFile(r.config)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(r.config, []byte(strings.Replace(string(bad), "pool: brokers", "pool: others", 1)), 0o600); err != nil {
				t.Fatal(err)
			}
		}, []string{"levl", "others"}},
		{"no YAML", func(t *testing.T) { text(t, "listeners:", "listeners: [") }, []string{"not YAML"}},
		{"an empty file", func(t *testing.T) {
			if err := os.WriteFile(r.config, nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}, []string{"the file is empty"}},
		{"no file", func(t *testing.T) {
			if err := os.Remove(r.config); err != nil {
				t.Fatal(err)
			}
		}, []string{"no such file"}},
		{"a pipe", func(t *testing.T) {
			if err := os.Remove(r.config); err != nil {
				t.Fatal(err)
			}
			if err := syscall.Mkfifo(r.config, 0o600); err != nil {
				t.Fatal(err)
			}
		}, []string{"not a regular file"}},
		{"a folder", func(t *testing.T) {
			if err := os.Remove(r.config); err != nil {
				t.Fatal(err)
			}
			if err := os.Mkdir(r.config, 0o700); err != nil {
				t.Fatal(err)
			}
		}, []string{"not a regular file"}},
		{"a certificate that is not there", func(t *testing.T) { text(t, ", pool: brokers}", tls) }, []string{"none.pem"}},
		{"an include that is not there", func(t *testing.T) { text(t, "\nlisteners:", "\ninclude: none.yaml\nlisteners:") }, []string{"none.yaml", "no such file"}},
		{"an address that is in use beside one that is free", func(t *testing.T) {
			text(t, "\npools:", "\n  - {name: free, address: \"127.0.0.1:0\", pool: brokers}\n  - {name: taken, address: \""+taken+"\", pool: brokers}\npools:")
		}, []string{"taken", taken, "address already in use"}},
		{"an admin address that is in use", func(t *testing.T) { text(t, r.addrs["admin"], taken) }, []string{"admin.address: " + taken, "address already in use"}},
		{"an admin socket where none can be", func(t *testing.T) { text(t, r.dir+"/socket", r.dir+"/none/socket") }, []string{"admin.socket: unix:" + r.dir + "/none/socket", "no such file"}},
		{"an admin address that is good beside a socket that is not", func(t *testing.T) {
			text(t, `"`+r.addrs["admin"]+`", socket: `+r.dir+"/socket", `"127.0.0.1:0", socket: `+r.config)
		}, []string{"admin.socket: unix:" + r.config, "address already in use"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if err := os.RemoveAll(r.config); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(r.config, good, 0o600); err != nil {
				t.Fatal(err)
			}
			c.spoil(t)
			before := len(r.said(`"result":"refused"`))
			out, code := r.reload(t)
			if code != 1 {
				t.Errorf("exit code %d", code)
			}
			r.signal(t, syscall.SIGHUP)
			r.waitForN(t, before+2, `"result":"refused"`)
			for _, part := range c.says {
				if !strings.Contains(out, part) {
					t.Errorf("the answer has no %q:\n%s", part, out)
				}
				r.waitForN(t, 2, `"level":"ERROR"`, part)
			}
			if r.failed(t) != 1 {
				t.Error("the metric does not show it")
			}
			if err := stays.ping(); err != nil {
				t.Errorf("a session: %v", err)
			}
			join(t, r.addrs["mqtt"], "", 4, "comes").disconnect(t)
			if kept, err := os.ReadFile(filepath.Join(r.dir, "state", "last-good.yaml")); err != nil || !bytes.Equal(kept, keptBefore) {
				t.Errorf("what is kept is another one: %v\n%s", err, kept)
			}
		})
		if err := os.RemoveAll(r.config); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(r.config, good, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if out := r.mustReload(t); !strings.Contains(out, "nothing has changed since generation 1") {
		t.Errorf("the file from before: %s", out)
	}
	if r.failed(t) != 0 {
		t.Error("the metric shows a failure that is over")
	}
}

// A process without a file reads what its flags name.
func TestAReloadWithoutAFileSaysSo(t *testing.T) {
	t.Parallel()
	r := newReloadee(t, nowhere)
	r.startWith(t, "export XDG_RUNTIME_DIR="+r.dir, "serve", "--admin", r.addrs["admin"], "--listen", "127.0.0.1:0", "--node", "127.0.0.1:1")
	r.waitReady(t)
	r.signal(t, syscall.SIGHUP)
	r.waitFor(t, "level=WARN", "came from flags")
	r.waitFor(t, "msg=audit", "who=SIGHUP", "result=done")
	out, code := mqttlb(t, "reload", "--socket", filepath.Join(r.dir, "mqttlb.sock"))
	if code != 0 || !strings.Contains(out, "came from flags") {
		t.Errorf("exit code %d, %s", code, out)
	}
}
