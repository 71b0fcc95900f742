package main_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	lb "mqttlb/balancer"
	"mqttlb/proxy/admin/api"
)

// tenantFiles are the files of docs/tenants.md, by the heading that each is under.
func tenantFiles(t *testing.T) map[string]string {
	t.Helper()
	page, err := os.ReadFile("../../docs/tenants.md")
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	heading, block, inBlock := "", "", false
	for line := range strings.Lines(string(page)) {
		switch {
		case strings.HasPrefix(line, "```yaml"):
			block, inBlock = "", true
		case strings.HasPrefix(line, "```") && inBlock:
			files[heading], inBlock = block, false
		case inBlock:
			block += line
		case strings.HasPrefix(line, "#"):
			heading = strings.TrimSpace(strings.TrimLeft(line, "#"))
		}
	}
	return files
}

func TestTheFilesOfThePageOnTenantsPassTheCheck(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	files := tenantFiles(t)
	if len(files) < 5 {
		t.Errorf("%d files: are they found?", len(files))
	}
	for heading, text := range files {
		cmd := exec.Command(builtBinary(t), "check", "--strict", "-")
		cmd.Dir, cmd.Stdin = string(l), strings.NewReader(text)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", heading, err, out)
		}
	}
}

var (
	listenAddress = regexp.MustCompile(`address: ":\d+"`)
	nodeAddress   = regexp.MustCompile(`name: ([a-z]+-\d), address: "[0-9.:]+"`)
)

// onStubs returns a file of the page in which every node is a stub and the only listener has the address ${mqtt}.
func onStubs(t *testing.T, file string) string {
	t.Helper()
	file = listenAddress.ReplaceAllLiteralString(file, `address: "${mqtt}"`)
	return nodeAddress.ReplaceAllStringFunc(file, func(s string) string {
		name := nodeAddress.FindStringSubmatch(s)[1]
		return fmt.Sprintf("name: %s, address: %q", name, startStub(t, name, 1000, 100).addr)
	})
}

// tenants is a balancer with a file of the page.
type tenants struct {
	*balancer
	joined map[string]int // sessions of each client so far
}

func serveTenants(t *testing.T, file string) *tenants {
	t.Helper()
	if !strings.Contains(file, "\nadmin:") {
		file += "admin: {address: \"${admin}\"}\n"
	}
	return &tenants{serve(t, file), map[string]int{}}
}

// nodeOf connects and disconnects a client, and returns the node that it got.
func (b *tenants) nodeOf(t *testing.T, from, id string) string {
	t.Helper()
	w := join(t, b.addrs["mqtt"], from, 5, id)
	w.Close()
	b.joined[id]++
	lines := b.sessionsEnded(t, b.joined[id], `"client_id":"`+id+`"`)
	return lines[len(lines)-1].Node
}

func TestTenantsByIdentifierGetTheirBrokers(t *testing.T) {
	t.Parallel()
	b := serveTenants(t, onStubs(t, tenantFiles(t)["By identifier or user name"]))
	for id, want := range map[string]string{"acme-17": "acme", "gx0042": "globex", "gx42": "lobby", "ACME-17": "lobby", "other": "lobby"} {
		if got := b.nodeOf(t, "", id); !strings.HasPrefix(got, want+"-") {
			t.Errorf("%s is on %s, want one of %s", id, got, want)
		}
	}
}

func TestTenantsByPathOfWebSocketGetTheirBrokers(t *testing.T) {
	t.Parallel()
	b := serveTenants(t, onStubs(t, tenantFiles(t)["By path or host of WebSocket"]))
	for path, want := range map[string]string{"/acme/mqtt": "acme-1", "/acme/./mqtt": "acme-1"} {
		id := "web" + strings.ReplaceAll(path, "/", "-")
		client := pahoClientV5(t, "ws://"+b.addrs["mqtt"]+path, id, nil)
		client.disconnect(t)
		if got := b.sessionsEnded(t, 1, `"client_id":"`+id+`"`)[0].Node; got != want {
			t.Errorf("%s leads to %s, want %s", path, got, want)
		}
	}
}

// A canary grows and shrinks: a client that was in stays in.
func TestTheCanaryOfThePage(t *testing.T) {
	t.Parallel()
	const clients = 300
	dir := socketDir(t)
	file := onStubs(t, tenantFiles(t)["A canary"])
	file = strings.Replace(file, "10.9.0.0/16", "127.0.0.9", 1)
	file = strings.Replace(file, "log: {", "log: {format: json, ", 1)
	file += "admin: {address: \"${admin}\", socket: \"" + filepath.Join(dir, "socket") + "\"}\n"
	b := serveTenants(t, file)
	inCanary := func(from, id string) bool { return strings.HasPrefix(b.nodeOf(t, from, id), "canary-") }

	if !inCanary("127.0.0.9", "office") || !inCanary("", "lab-1") {
		t.Error("the office and the laboratory are not in the canary")
	}
	compare := func(millionths int) {
		t.Helper()
		share, in := lb.NewShare("canary", millionths), 0
		for i := range clients {
			id := fmt.Sprintf("c%d", i)
			want := share.Takes(lb.Hash([]byte(id)))
			if want {
				in++
			}
			if want != inCanary("", id) {
				t.Errorf("%s: in a share of %d millionths: %v", id, millionths, want)
			}
		}
		if in == 0 && millionths > 0 || in == clients {
			t.Errorf("%d of %d clients are in a share of %d millionths", in, clients, millionths)
		}
	}
	reload := func(share string) {
		t.Helper()
		file = regexp.MustCompile(`share: [0-9.]+%`).ReplaceAllString(file, "share: "+share)
		b.write(t, "127.0.0.1", file)
		if out, code := mqttlb(t, "reload", "--socket", filepath.Join(dir, "socket")); code != 0 {
			t.Fatalf("reload: %d\n%s", code, out)
		}
	}
	compare(50_000)
	reload("20%")
	compare(200_000)

	route := func(args ...string) api.Route {
		t.Helper()
		out, code := mqttlb(t, append([]string{"ctl", "route", "--json", "--socket", filepath.Join(dir, "socket")}, args...)...)
		var answer api.Route
		if err := json.Unmarshal([]byte(out), &answer); code != 0 || err != nil {
			t.Fatalf("exit code %d, %v\n%s", code, err, out)
		}
		return answer
	}
	if r := route("lab-1", "--version", "5", "--address", "127.0.0.1").Routes; len(r) != 1 || r[0].Pool != "canary" || !r[0].Ways[0].Sure || r[0].Ways[0].Route != "routes[1]" {
		t.Errorf("the laboratory: %+v", r)
	}
	if r := route("lab-1", "--address", "127.0.0.1").Routes; r[0].Pool != "canary" || r[0].Ways[0].Sure || fmt.Sprint(r[0].Ways[0].Undecided) != "[version]" {
		t.Errorf("the laboratory without a version: %+v", r)
	}

	for _, node := range []string{"canary-1", "canary-2"} {
		if out, code := mqttlb(t, "ctl", "disable", "--socket", filepath.Join(dir, "socket"), node); code != 0 {
			t.Fatalf("disable %s: %d\n%s", node, code, out)
		}
	}
	if inCanary("", "lab-1") || inCanary("127.0.0.9", "office") {
		t.Error("clients are in a canary that is disabled")
	}
	for _, node := range []string{"canary-1", "canary-2"} {
		if out, code := mqttlb(t, "ctl", "enable", "--socket", filepath.Join(dir, "socket"), node); code != 0 {
			t.Fatalf("enable %s: %d\n%s", node, code, out)
		}
	}
	reload("0%")
	compare(0)
	if !inCanary("", "lab-1") {
		t.Error("the laboratory is not in the canary any more")
	}
}
