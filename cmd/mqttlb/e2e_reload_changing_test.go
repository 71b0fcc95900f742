package main_test

import (
	"crypto/tls"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"mqttlb/proxy/proxytest"
)

// changing is a reloadee whose file has a number, by which nearly everything in it is chosen that can change without the end
// of a session.
type changing struct {
	*reloadee
	lab     lab
	all     []*echoNode // a, b and c, which comes and goes
	secret  *echoNode   // speaks TLS to the clients
	folders int         // of certificates
}

func newChanging(t *testing.T) *changing {
	t.Helper()
	r := &changing{reloadee: newReloadee(t, nowhere), lab: newLab(t)}
	for _, name := range []string{"a", "b", "c"} {
		r.all = append(r.all, startEcho(t, name, nil))
	}
	r.secret = startEcho(t, "secret", &tls.Config{Certificates: []tls.Certificate{r.lab.ca().Issue("127.0.0.1").TLS}})
	r.renew(t)
	return r
}

// renew makes a certificate in a new folder, and has the link lead there.
func (r *changing) renew(t *testing.T) {
	t.Helper()
	r.folders++
	name := fmt.Sprintf("..%d", r.folders)
	if err := os.Mkdir(r.lab.file(name), 0o700); err != nil {
		t.Fatal(err)
	}
	pair := r.lab.ca().Issue("127.0.0.1")
	proxytest.WriteFile(r.lab.file(filepath.Join(name, "server.pem")), pair.Cert)
	proxytest.WriteFile(r.lab.file(filepath.Join(name, "server.key")), pair.Key)
	r.lab.swap(t, name)
}

// change writes the file with a number.
func (r *changing) change(t *testing.T, number int) {
	t.Helper()
	if number%4 == 3 {
		r.renew(t)
	}
	r.write(t, "127.0.0.1", r.file(number))
}

// changeWrong writes a file that cannot be put in force.
func (r *changing) changeWrong(t *testing.T, number int) {
	t.Helper()
	text := r.file(number + 7) // with changes that are good
	switch number % 4 {
	case 0:
		text += "\nlimts: {}\n"
	case 1:
		text = strings.Replace(text, "/server.key", "/none.key", 1)
	case 2:
		text = strings.Replace(text, "pools:", fmt.Sprintf("  - {name: taken, address: %q, pool: brokers}\npools:", r.all[0].ln.Addr()), 1)
	case 3:
		text = text[:len(text)/2] + "["
	}
	r.write(t, "127.0.0.1", text)
}

// file is the text of the file with a number.
func (r *changing) file(number int) string {
	// one of these, and the next after every so many numbers
	one := func(every int, of ...string) string { return of[number/every%len(of)] }
	folder := r.lab.file(one(2, "..data", fmt.Sprintf("..%d", r.folders)))
	var extra strings.Builder
	for i, protocol := range []string{one(8, "mqtt", "tcp", "ws"), one(3, "ws, path: /x", "mqtt"), "http", "tls"} {
		if number>>(i+1)&1 == 1 {
			pool := map[string]string{"http": "pages", "tls": "secret"}[protocol]
			if pool == "" {
				pool = "spare"
			}
			fmt.Fprintf(&extra, "  - {name: extra-%d-%s, address: \"${extra%d}\", protocol: %s, pool: %s}\n", i, one(4, "x", "y"), i, protocol, pool)
		}
	}
	brokers := echoes(r.all[:2]...)
	if number%3 == 1 {
		brokers = echoes(r.all...)
	}
	brokers = strings.Replace(brokers, "}", fmt.Sprintf(", weight: %s, max_connections: %s}", one(2, "1", "3", "2"), one(3, "0", "8000")), 1)
	tcp := one(3, "tcp", "tcp-2")
	return `
listeners:
  - {name: ` + one(1, "mqtt", "renamed") + `, address: "${mqtt}", pool: ` + one(2, "brokers", "others") + `, max_connections: ` + one(3, "0", "8000") + `}
  - name: ` + one(6, "mqtts", "mqtts-2") + `
    address: "${mqtts}"
    pool: brokers
    tls:
      certificates: [{cert: "` + folder + `/server.pem", key: "` + folder + `/server.key"}]
      handshake_timeout: ` + one(1, "1m", "2m") + `
      min_version: ` + one(5, `"1.2"`, `"1.3"`) + `
      max_handshakes: ` + one(2, "64", "32") + `
      handshake_rate: ` + one(3, "0", "10000") + `
  - {name: ` + one(4, "ws", "ws-2") + `, address: "${ws}", protocol: ws, pool: ` + one(5, "brokers", "others") + `` + one(2, "", ", allowed_hosts: [127.0.0.1]") + `}
  - {name: tcp, address: "${tcp}", protocol: tcp, pool: ` + tcp + `}
  - {name: passthrough, address: "${passthrough}", protocol: tls, pool: secret` + one(3, "", ", routes: [{host: other.example, pool: "+tcp+"}]") + `}
` + extra.String() + `
pools:
  - name: brokers
    algorithm: ` + one(2, "consistent_hash", "least_connections", "random_two", "round_robin") + `
    removed_nodes: keep
    health: {probe: ` + one(3, "tcp, interval: "+one(2, "10s", "1s")+", timeout: "+one(2, "10s", "1s")+", fall: 100", "none") + `}
    nodes:
` + brokers + `
  - {name: others, removed_nodes: keep, health: {probe: none}, nodes: [{name: b, address: "` + r.all[1].ln.Addr().String() + `"}]}
  - {name: ` + tcp + `, protocol: tcp, removed_nodes: keep, health: {probe: none}, nodes: [{name: a, address: "` + r.all[0].ln.Addr().String() + `"}]}
  - {name: secret, protocol: tcp, removed_nodes: keep, nodes: [{name: secret, address: "` + r.secret.ln.Addr().String() + `"}]}
  - name: spare
    drain_rate: ` + one(1, "10", "100") + `
    nodes: [{name: ` + one(1, "x", "y") + `, address: "127.0.0.1:1"}, {name: z, address: "` + one(2, "127.0.0.1", "localhost") + `:2"}]
  - {name: pages, protocol: http, nodes: [{name: a, address: "127.0.0.1:1"}]}
limits:
  max_connections: ` + one(1, "8000", "9000") + `
  connect_rate: ` + one(2, "0", "100000") + `
  max_connections_per_address: ` + one(3, "0", "8000") + `
  max_connect_size: ` + one(2, "64KiB", "1MiB") + `
  opening_memory: ` + one(5, "128MiB", "0") + `
timeouts: {connect_packet: ` + one(1, "1m", "50s") + `, dial: ` + one(2, "30s", "25s") + `, connect_node: 1m, idle: ` + one(3, "0s", "1h") + `, write: 1m, shutdown: 1s}
admin: {address: "` + one(5, "${admin}", "${admin2}", "off") + `", socket: ` + r.socket() + `}
log: {level: ` + one(1, "warn", "info", "error", "warn") + `, format: ` + one(7, "json", "text") + `}
`
}
