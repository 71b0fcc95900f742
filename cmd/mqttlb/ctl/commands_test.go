package ctl

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"mqttlb/proxy/admin/api"
)

// spaces are those between columns.
var spaces = regexp.MustCompile(" +")

// Each command asks the right question, and prints the answer for people and as JSON.
func TestCommandsAskAndPrint(t *testing.T) {
	p := startProcess(t).sample()
	for _, c := range []struct {
		args  string // separated by spaces
		asked string // the last request
		says  []string
	}{
		{"status", "GET /api/v1/alarms", []string{
			"mqttlb v1.2.3, pid 4711, up 3d4h: serving, ready\n", "8,921 sessions of 100,000 on 2 loops, generation 3",
			"alarm: node_down emqx/emqx-3 for 5h0m: connection refused", "alarm: log_lines_dropped: 5 log lines",
			"total 12,345 31 1.2M 2.9M 153M 675M\n",
			"emqx 1 of 3 up 6,500 30s to go at 50/s, 1,500 of 2,500 to return to their first node\n",
			" emqx-1 up 1 4,500 an outlier for another 1h15m; slow start, 25 %; over max_load\n",
			" emqx-2 draining 5 2,000/5,000 40s to go at 50/s, 2,000 of 3,000 left; weight 1 in the file\n",
			" emqx-3 disabled 1 0 down for 5h0m: dial tcp 10.0.0.3:1883",
			"gone-1 disabled in no pool",
			"mqtts [::]:8883 mqtt, TLS emqx 4,421 0 0\n",
		}},
		{"nodes", "GET /api/v1/nodes", []string{"emqx-1 up ", "1.2ms", "10.0.0.2:1883", "only the operator's word"}},
		{"alarms", "GET /api/v1/alarms", []string{"node_down emqx/emqx-3 5h0m connection refused\n", "log_lines_dropped - 5 log lines were dropped\n"}},
		{"rules", "GET /api/v1/rules", []string{"LISTENER RULE ACTION MATCHED\n", "mqtt no-test deny 1,234\n", "mqtts office allow 0\n"}},
		{"rules --listener mqtts --matched", "GET /api/v1/rules?listener=mqtts&matched=true", nil},
		{"config", "GET /api/v1/config", []string{"# generation 3, of /etc/mqttlb.yaml, read at ", "\nlisteners:\n - {name: mqtt}\n", "/etc/mqttlb.yaml:3:4: is wrong\n"}},
		{"route sensor-1", "GET /api/v1/route?client_id=sensor-1", []string{
			"mqtt: rule lan may be the one that allows it: --address decides\nmqtt: rule no-test denies it, unless one above decides\n" +
				"wss: rule stolen denies it\nmore rules may decide; say more about the client, as --address\n",
			"mqtt, mqtts to pool emqx, by hash of client_id 9f86d081884c7d65\n" +
				"mqtts: routes[0] may take it (sni: a.example.com): --sni and --address decide\n" +
				"mqtts: routes[1] takes it (client_id: {prefix: sensor-}), unless one above does\n" +
				"wss: no route takes it\n" +
				"tcp: routes[0] may take it (share: 5%): --address, its keep alive and --username decide\n",
			"> emqx-1 up 1 4,500 first by its hash\n",
			" emqx-2 draining 5 2,000/5,000 takes no new sessions\n", "web to pool web, by least_connections\nnote: the identifier does not decide\n",
		}},
		{"route sensor-1 --persistent", "GET /api/v1/route?client_id=sensor-1&persistent=true", nil},
		{"route sensor-1 --sni a.example.com", "GET /api/v1/route?client_id=sensor-1&sni=a.example.com", nil},
		{"route c --listener l --sni= --username u --version 5 --address ::1 --host h --path /p",
			"GET /api/v1/route?address=%3A%3A1&client_id=c&host=h&listener=l&path=%2Fp&sni=&username=u&version=5", nil},
		{"route -- -x&y=z*", "GET /api/v1/route?client_id=-x%26y%3Dz%2A", nil},

		{"sessions", "GET /api/v1/sessions?limit=100&sort=age", []string{
			"sensor-1 anna 10.1.2.3:40000 mqtt wss 5 emqx emqx-1 2h1m 12s 1.5k 999 0-1a\n",
			`"" - 10.1.2.4:40001 mqtt mqtt - - (opening) 0.4s 0s 0 0 1-1b`, "2 of 2,000 sessions; --limit shows more\n",
		}},
		{"sessions --client-id sensor-* --username a --node n --pool p --listener l --address 10.0.0.0/8 --version 5 --older 1h --silent 5m --id 0-1 --sort rate --limit 7",
			"GET /api/v1/sessions?address=10.0.0.0%2F8&client_id=sensor-%2A&id=0-1&limit=7&listener=l&node=n&older=1h&pool=p&silent=5m&sort=rate&username=a&version=5",
			[]string{"PKT/S", " 12 sensor-1"}},
		{"sessions --address ::1", "GET /api/v1/sessions?address=%3A%3A1&limit=100&sort=age", nil},
		{"top", "GET /api/v1/sessions?limit=100&sort=rate", []string{"2,000 sessions; the 2 shown have 12 packets/s\n\nPKT/S"}},
		{"top --once --node n --limit 3", "GET /api/v1/sessions?limit=3&node=n&sort=rate", nil},

		{"kick --client-id x", `POST /api/v1/sessions/kick {"client_id":"x"}`, []string{"812 sessions told to leave\n"}},
		{"kick --all --pace 5/s --reason-code 0x9c", `POST /api/v1/sessions/kick {"all":true,"pace":"5/s","reason_code":156}`, nil},
		{"kick --node n --address 10.1.2.3 -y --reason-code 152", `POST /api/v1/sessions/kick {"node":"n","address":"10.1.2.3","reason_code":152}`, nil},
		{"kick --node n --reason-code Use_another_server", `POST /api/v1/sessions/kick {"node":"n","reason_code":156}`, nil},

		{"bans", "GET /api/v1/bans", []string{"203.0.113.7 9m10s 12,345 not_mqtt\n", "2001:db8::/64 3s 0 operator\n", "2 of 20,000 bans\n"}},
		{"ban 203.0.113.7 --for 1h", `POST /api/v1/bans {"address":"203.0.113.7","time":"1h"}`, []string{"203.0.113.7 is banned for 1h0m\n"}},
		{"ban 2001:db8::1", `POST /api/v1/bans {"address":"2001:db8::1"}`, nil},
		{"unban 203.0.113.7", `POST /api/v1/bans/lift {"address":"203.0.113.7"}`, []string{"1 ban ended\n"}},
		{"unban --all", `POST /api/v1/bans/lift {"all":true}`, nil},

		{"drain emqx-2", "POST /api/v1/nodes/emqx-2/drain {}", []string{"emqx-2 draining 5 2,000/5,000 emqx 10.0.0.2:1883 - 40s to go at 50/s, 2,000 of 3,000 left; weight 1 in the file", "warning: the last node of a pool\n"}},
		{"drain emqx-2 --pace 50/s", `POST /api/v1/nodes/emqx-2/drain {"pace":"50/s"}`, nil},
		{"disable emqx-2 --within 10m", `POST /api/v1/nodes/emqx-2/disable {"within":"10m"}`, nil},
		{"undrain emqx-2", "POST /api/v1/nodes/emqx-2/undrain {}", nil},
		{"enable emqx-2", "POST /api/v1/nodes/emqx-2/enable {}", nil},
		{"weight emqx-2 50", `POST /api/v1/nodes/emqx-2/weight {"weight":50}`, nil},
		{"weight emqx-2 reset", `POST /api/v1/nodes/emqx-2/weight {"weight":0}`, nil},

		{"reload", "POST /api/v1/reload", []string{"changed log.level info -> debug\nok: generation 4 is in force\n", "warning: a pool has one node\n"}},
		{"log-level", "GET /api/v1/log", []string{"info\n"}},
		{"log-level debug", `POST /api/v1/log {"level":"debug"}`, []string{"debug\n"}},
		{"log-fields", "GET /api/v1/log", []string{"client_id,node\n"}},
		{"log-fields client_id,node", `POST /api/v1/log {"fields":["client_id","node"]}`, []string{"client_id\n"}},
		{"stop", "POST /api/v1/stop", []string{"mqttlb stops"}},
	} {
		got := p.ctl(t, strings.Fields(c.args)...)
		if asked := p.lastAsked(); got.code != 0 || asked != c.asked {
			t.Errorf("ctl %s: exit code %d; asked %s, want %s\n%s", c.args, got.code, asked, c.asked, got.stderr)
		}
		printed := spaces.ReplaceAllString(got.stdout+got.stderr, " ")
		for _, part := range c.says {
			if !strings.Contains(printed, part) {
				t.Errorf("ctl %s: %q is missing from\n%s%s", c.args, part, got.stdout, got.stderr)
			}
		}
		args := strings.Fields(c.args)
		got = p.ctl(t, append([]string{args[0], "--json"}, args[1:]...)...)
		if got.code != 0 || !json.Valid([]byte(got.stdout)) || strings.Count(got.stdout, "\n") != 1 {
			t.Errorf("ctl %s --json: exit code %d, want one JSON document in a line:\n%s%s", c.args, got.code, got.stdout, got.stderr)
		}
	}
}

func TestWrongCommandLinesAskNothing(t *testing.T) {
	p := startProcess(t).sample()
	for args, want := range map[string]string{
		"drain":                          "NODE is missing",
		"drain a b":                      `unexpected argument "b"`,
		"drain a --pace 5/s --within 1m": "--pace excludes --within",
		"weight a":                       "N|reset is missing",
		"weight a 0":                     "must be 1 to 256, or reset",
		"weight a 257":                   "must be 1 to 256, or reset",
		"weight a much":                  "must be 1 to 256, or reset",
		"route":                          "CLIENT_ID is missing",
		"sessions --limit 0":             "--limit 0: must be 1 to 10000",
		"sessions --limit 10001":         "must be 1 to 10000",
		"sessions --limit some":          `--limit "some": must be a whole number`,
		"sessions --sort size":           `--sort "size": must be one of age, silent, received, sent, rate, client_id`,
		"sessions --client-id=":          "--client-id: must not be empty",
		"sessions --address=":            "must not be empty",
		"sessions --clientid x":          "did you mean --client-id?",
		"top --limit 0":                  "must be 1 to 10000",
		"top --node=":                    "--node: must not be empty",
		"kick":                           "name the sessions with the flags, or all of them with --all",
		"kick --all --node n":            "--all excludes the flags that name sessions",
		"kick --all --pace=":             "--pace: must not be empty",
		"kick --all --reason-code=":      "--reason-code: must not be empty",
		"drain a --pace=":                "--pace: must not be empty",
		"disable a --within=":            "--within: must not be empty",
		"status --socket=":               "--socket is given twice",
		"kick --node=":                   "--node: must not be empty",
		"kick --all --reason-code 0x04":  `--reason-code "0x04": must be a reason code`,
		"kick --all --reason-code 0x198": "must be a reason code",
		"kick --all --reason-code sorry": "0x98, 152 or administrative-action",
		"ban":                            "ADDRESS is missing",
		"ban 203.0.113.7 --for=":         "--for: must not be empty",
		"unban":                          "ADDRESS is missing",
		"unban 203.0.113.7 --all":        "unexpected argument",
		"stop now":                       `unexpected argument "now"`,
		"status --token-file x":          "--token-file goes with --address",
		"status --ca x":                  "--ca goes with --address",
		"status --address localhost:1":   "--socket excludes --address",
		"sessions --address localhost:1": "--socket excludes --address",
		"stat":                           "did you mean status",
		"log-level debug extra":          `unexpected argument "extra"`,
		"reload now":                     `unexpected argument "now"`,
		"events --nonesuch":              "there is no flag --nonesuch",
	} {
		got := p.ctl(t, strings.Fields(args)...)
		got.says(t, "ctl "+args, 2, "", want)
		if !strings.HasPrefix(got.stderr, "mqttlb ctl") || !strings.HasSuffix(got.stderr, "--help says more.\n") || got.stdout != "" {
			t.Errorf("ctl %s: %q, %q", args, got.stdout, got.stderr)
		}
	}
	runCtl(t.Context(), "status", "--socket=").says(t, "no socket", 2, "", `--socket "": must not be empty`)
	if asked := p.lastAsked(); asked != "" {
		t.Errorf("the process was asked %s", asked)
	}
}

// hostile has what a terminal obeys, and what hides text: escape sequences, those of
// eight bits, and a change of direction.
const hostile = "x\x1b[2J\x1b]0;pwned\x07\u009b31m\u202e\r\x08\x7f\u2028"

// Client identifiers come from strangers, and all of an answer may.
func TestNothingOfAnAnswerMovesTheTerminal(t *testing.T) {
	p := startProcess(t)
	for request, answer := range p.sample().answersOf(t) {
		p.on(request, reply(http.StatusOK, spoil(t, answer)))
	}
	lines := []string{
		"status", "nodes", "alarms", "config", "route x", "sessions", "sessions --sort rate", "top", "drain emqx-2", "weight emqx-2 3", "reload", "log-level", "log-fields", "kick --all", "bans", "ban 192.0.2.1", "unban --all",
	}
	for round, name := range []string{"answers", "refusals", "no JSON"} {
		for _, line := range lines {
			for _, more := range []string{"", " --json", " --wide"} {
				got := p.ctl(t, strings.Fields(line+more)...)
				if want := min(round, 1); got.code != want {
					t.Errorf("%s: ctl %s: exit code %d, want %d: %s", name, line+more, got.code, want, got.stderr)
				}
				for _, out := range []string{got.stdout, got.stderr} {
					if bad := strings.IndexFunc(out, func(r rune) bool {
						return r != '\n' && (r < ' ' || r >= 0x7f && r < 0xa0 || r == 0x202e || r == 0x2028)
					}); bad >= 0 || !utf8.ValidString(out) {
						t.Errorf("%s: ctl %s: %q", name, line+more, out)
					}
				}
			}
		}
		for request := range p.answersOf(t) {
			switch round {
			case 0:
				p.on(request, refuse(http.StatusConflict, hostile))
			case 1:
				p.on(request, reply(http.StatusTeapot, hostile))
			}
		}
	}
}

// answersOf returns the answers of all requests, as text.
func (p *process) answersOf(t *testing.T) map[string]string {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	out := map[string]string{}
	for request, answer := range p.answers {
		w := httptest.NewRecorder()
		answer(w, nil)
		out[request] = w.Body.String()
	}
	return out
}

// spoil puts hostile text into each text of a JSON document that is no time.
func spoil(t *testing.T, text string) any {
	t.Helper()
	if text == "" {
		return text
	}
	var v any
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatal(err)
	}
	return spoilValue(v)
}

func spoilValue(v any) any {
	switch v := v.(type) {
	case string:
		if strings.Contains(v, "T") && strings.Contains(v, ":") && strings.ContainsAny(v[:1], "02") {
			return v // a time
		}
		return v + hostile
	case []any:
		for i := range v {
			v[i] = spoilValue(v[i])
		}
		return v
	case map[string]any:
		for name := range v {
			v[name] = spoilValue(v[name])
		}
		return v
	default:
		return v
	}
}

func TestRefusalsAreSaid(t *testing.T) {
	p := startProcess(t)
	p.on("POST /api/v1/nodes/emqx-9/drain", refuse(http.StatusNotFound, `no pool has a node "emqx-9"; the nodes are emqx-1, emqx-2`))
	p.on("POST /api/v1/nodes/emqx-1/drain", refuse(http.StatusBadRequest, `pace: "fast" is no pace`, "second line"))
	p.on("POST /api/v1/sessions/kick", refuse(http.StatusConflict, "another kick is in progress"))
	p.on("GET /api/v1/nodes", reply(http.StatusServiceUnavailable, "{}"))
	p.on("POST /api/v1/reload", reply(http.StatusUnprocessableEntity, api.Reload{Errors: []string{"lb.yaml:1:2: is wrong", "lb.yaml:3:4: too"}}))
	p.ctl(t, "drain", "emqx-9").says(t, "404", 1, "", "mqttlb ctl drain: no pool has a node \"emqx-9\"; the nodes are emqx-1, emqx-2\n")
	p.ctl(t, "drain", "emqx-9", "--wait").says(t, "404", 1, "", "no pool has a node \"emqx-9\"")
	p.ctl(t, "drain", "emqx-9", "--json").says(t, "404", 1, `{"errors":["no pool has a node \"emqx-9\"; the nodes are emqx-1, emqx-2"]}`+"\n", "")
	p.ctl(t, "drain", "emqx-9", "--json", "--wait").says(t, "404", 1, `{"errors":[`, "")
	p.ctl(t, "drain", "emqx-1", "--pace", "fast").says(t, "400", 1, "", "pace: \"fast\" is no pace\nsecond line\n")
	p.ctl(t, "kick", "--all").says(t, "409", 1, "", "another kick is in progress")
	p.ctl(t, "nodes").says(t, "503 without a reason", 1, "", "answers with the status 503")
	p.ctl(t, "reload").says(t, "422", 1, "", "lb.yaml:1:2: is wrong\nlb.yaml:3:4: too\nmqttlb reload: nothing was changed\n")
	p.ctl(t, "drain", "../stop").says(t, "a name with a slash", 1, "", "no mqttlb that knows this command")
	if asked := p.lastAsked(); !strings.Contains(asked, "/nodes/..%2Fstop/drain") {
		t.Errorf("a name with a slash: %s", asked)
	}
}
