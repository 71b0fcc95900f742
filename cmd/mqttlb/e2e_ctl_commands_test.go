package main_test

import (
	"bytes"
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"mqttlb/proxy/admin/api"
)

// ctl runs mqttlb ctl with the socket of r. It returns the output, and the exit code.
func (r *reloadee) ctl(t *testing.T, args ...string) (output string, exitCode int) {
	t.Helper()
	return mqttlb(t, append([]string{"ctl", "--socket", r.socket()}, args...)...)
}

// must runs mqttlb ctl, which has to succeed, and returns the output.
func (r *reloadee) must(t *testing.T, args ...string) string {
	t.Helper()
	out, code := r.ctl(t, args...)
	if code != 0 {
		t.Fatalf("ctl %s: exit code %d: %s", strings.Join(args, " "), code, out)
	}
	return out
}

// TestEveryCommandOfCtl runs each command against a process before two Mosquittos: rightly, and in each
// wrong way that an operator finds.
func TestEveryCommandOfCtl(t *testing.T) {
	t.Parallel()
	r := serveReloadable(t, nodes(startMosquittos(t, 2)...))
	join(t, r.addrs["mqtt"], "", 5, "one")
	ok := func(args, says string) {
		t.Helper()
		if out, code := r.ctl(t, strings.Fields(args)...); code != 0 || !strings.Contains(strings.Join(strings.Fields(out), " "), says) {
			t.Errorf("ctl %s: exit code %d, want %q in:\n%s", args, code, says, out)
		}
	}
	ok("status", "1 session of")
	ok("nodes", "a up 1")
	ok("sessions", "one - 127.0.0.1:")
	ok("sessions --older 100h", "no sessions")
	ok("top --once", "1 session; the 1 shown have")
	ok("route one", "mqtt to pool brokers, by consistent_hash of client_id")
	ok("alarms", "no alarms")
	ok("config", "# generation 1, of "+r.config)
	ok("weight a 7", "a up 7")
	ok("reload", "nothing has changed since generation 1")
	ok("nodes", "a up 7") // over the reload
	ok("weight a reset", "a up 1")
	ok("drain a", "a draining 1")
	ok("undrain a", "a up 1")
	ok("disable a --pace 100/s --wait", "a: the last session has left")
	ok("enable a", "a up 1")
	ok("drain b", "b draining 1")
	ok("drain a", `warning: pool "brokers" has no other node that is up`)
	ok("undrain a", "a up 1")
	ok("undrain b", "b up 1")
	ok("log-level debug", "debug")
	ok("log-level", "debug")
	ok("log-fields client_id,node", "client_id,node")
	ok("log-fields", "client_id,node")
	ok("kick --client-id nobody", "0 sessions told to leave")

	for _, c := range []struct {
		args string
		code int
		says string
	}{
		{"drain nobody", 1, `no pool has a node "nobody"; the nodes are a, b`},
		{"undrain nobody", 1, `no pool has a node "nobody"; the nodes are a, b`},
		{"disable nobody", 1, `no pool has a node "nobody"; the nodes are a, b`},
		{"enable nobody", 1, `no pool has a node "nobody"; the nodes are a, b`},
		{"weight nobody 3", 1, `no pool has a node "nobody"; the nodes are a, b`},
		{"sessions --node nobody", 1, `there is no node "nobody"; the nodes are a, b`},
		{"top --once --pool none", 1, `there is no pool "none"; the pools are brokers`},
		{"kick --listener none --yes", 1, `there is no listener "none"; the listeners are mqtt`},
		{"kick --id zzz", 1, "there is no session zzz that fulfils the filter; it may have ended"},
		{"drain a --pace fast", 1, `pace: "fast" is not a number of sessions from 1 to 10000000`},
		{"drain a --pace 0/s", 1, `pace: "0/s" is not a number of sessions`},
		{"drain a --within 0s", 1, `within: "0s" is not a duration from 1s to 168h`},
		{"disable a --within 5", 1, `within: "5" is not a duration from 1s to 168h`},
		{"sessions --address 300.1.1.1/8", 1, `address: "300.1.1.1/8" is neither an IP address nor a CIDR`},
		{"sessions --version 4", 1, "it is one of 3.1, 3.1.1 and 5"},
		{"sessions --older 5", 1, `older: "5" is not a duration above zero`},
		{"kick --all --pace fast", 1, `pace: "fast" is not a number of sessions`},
		{"log-level loud", 1, `"loud" is not one of debug, info, warn, error`},
		{"log-fields colour", 1, `there is no field "colour"; the fields are listener, client,`},
		{"drain a --pace 1/s --within 1m", 2, "--pace excludes --within"},
		{"drain a --pace=", 2, "--pace: must not be empty"},
		{"weight a 0", 2, "must be 1 to 256, or reset"},
		{"weight a 257", 2, "must be 1 to 256, or reset"},
		{"sessions --limit 0", 2, "--limit 0: must be 1 to 10000"},
		{"sessions --sort size", 2, "must be one of age, silent, received, sent, rate, client_id"},
		{"kick", 2, "name the sessions with the flags, or all of them with --all"},
		{"kick --all --node a", 2, "--all excludes the flags that name sessions"},
		{"kick --all --reason-code 0x00", 2, "must be a reason code of a server's DISCONNECT"},
		{"kick --all --reason-code 0x04", 2, "must be a reason code of a server's DISCONNECT"},
		{"kick --all --reason-code 300", 2, "must be a reason code of a server's DISCONNECT"},
		{"route", 2, "CLIENT_ID is missing"},
		{"status now", 2, `unexpected argument "now"`},
		{"stats", 2, `there is no command "stats"; did you mean status?`},
	} {
		out, code := r.ctl(t, strings.Fields(c.args)...)
		lines := strings.Split(strings.TrimSuffix(out, "\n"), "\n")
		if code != c.code || !strings.Contains(lines[0], c.says) || len(lines) != c.code { // 2: and where to read more
			t.Errorf("ctl %s: exit code %d, want %d and %q in one line:\n%s", c.args, code, c.code, c.says, out)
		}
	}

	none := filepath.Join(r.dir, "none")
	for _, command := range []string{"status", "nodes", "sessions", "top", "alarms", "events", "config", "route x", "kick --all", "drain a", "reload", "log-level", "stop"} {
		out, code := mqttlb(t, append([]string{"ctl", "--socket", none}, strings.Fields(command)...)...)
		if code != 1 || !strings.HasPrefix(out, "mqttlb ctl "+strings.Fields(command)[0]+": no mqttlb answers at the admin socket "+none+": is it running?") || strings.Count(out, "\n") != 1 {
			t.Errorf("ctl %s without a process: exit code %d: %s", command, code, out)
		}
	}

	ok("stop", "mqttlb stops")
	if code := r.exitCode(t); code != 0 {
		t.Errorf("exit code %d", code)
	}
	if lines := r.said(`"msg":"audit"`, `"action":"stop"`); len(lines) != 1 {
		t.Errorf("%d audit lines of the stop: %v", len(lines), lines)
	}
	if out, code := r.ctl(t, "status"); code != 1 || !strings.Contains(out, "no mqttlb answers at") {
		t.Errorf("after the end: exit code %d: %s", code, out)
	}
}

// TestAnswersAsJSONAreThoseOfTheAPI reads the answers of the commands with --json into the types of the API.
// A field that they do not know is an error.
func TestAnswersAsJSONAreThoseOfTheAPI(t *testing.T) {
	t.Parallel()
	r := serveReloadable(t, nodes(startMosquittos(t, 2)...))
	join(t, r.addrs["mqtt"], "", 4, "one")
	for _, c := range []struct {
		args string
		into any
	}{ // in this order: undrain is refused while a node is disabled
		{"status", new(api.Status)}, {"nodes", new(api.Nodes)}, {"sessions", new(api.Sessions)}, {"top", new(api.Sessions)}, {"alarms", new(api.Alarms)},
		{"config", new(api.Config)}, {"route one", new(api.Route)}, {"log-level", new(api.Log)}, {"log-fields client_id", new(api.Log)},
		{"reload", new(api.Reload)}, {"drain a", new(api.Node)}, {"undrain a", new(api.Node)}, {"disable a --wait", new(api.Node)}, {"enable a", new(api.Node)},
		{"weight b 3", new(api.Node)}, {"kick --client-id nobody", new(api.Kicked)},
	} {
		out, code := r.ctl(t, append([]string{"--json"}, strings.Fields(c.args)...)...)
		if i := strings.LastIndex(strings.TrimSpace(out), "\n"); i >= 0 { // what --wait shows meanwhile is before the answer
			out = out[i+1:]
		}
		d := json.NewDecoder(bytes.NewBufferString(out))
		d.DisallowUnknownFields()
		if err := d.Decode(c.into); code != 0 || err != nil || strings.Count(out, "\n") != 1 {
			t.Errorf("ctl --json %s: exit code %d, %v:\n%s", c.args, code, err, out)
		}
	}
	var refused api.Error
	if out, code := r.ctl(t, "--json", "drain", "nobody"); code != 1 || json.Unmarshal([]byte(out), &refused) != nil || len(refused.Errors) != 1 {
		t.Errorf("exit code %d: %s", code, out)
	}
}
