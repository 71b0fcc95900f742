package main_test

import (
	"errors"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
)

func TestALameDuckIsNotReadyAndStillAccepts(t *testing.T) {
	t.Parallel()
	for name, stop := range map[string]func(t *testing.T, r *reloadee){
		"SIGTERM": func(t *testing.T, r *reloadee) { r.signal(t, syscall.SIGTERM) },
		"POST /api/v1/stop": func(t *testing.T, r *reloadee) {
			for range 2 { // the second changes nothing
				if code, text := askAPI(t, r.overSocket(), "POST", "http://mqttlb/api/v1/stop", ""); code != http.StatusAccepted {
					t.Errorf("%d %s", code, text)
				}
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			broker := startMosquitto(t, "a")
			r := newReloadee(t, nodes(broker))
			r.more = "timeouts: {lame_duck: 5s, shutdown: 1h}\n"
			r.put(t)
			r.run(t)
			if code, text := r.readyz(); code != http.StatusOK || text != "ready\n" {
				t.Errorf("/readyz before: %d %q", code, text)
			}
			stop(t, r)
			r.waitFor(t, "not ready any more", `"lame_duck":"5s"`)
			if code, text := r.readyz(); code != http.StatusServiceUnavailable || !strings.Contains(text, "timeouts.lame_duck") {
				t.Errorf("/readyz: %d %q", code, text)
			}
			if r.healthz() != http.StatusOK {
				t.Error("/healthz is not 200 while the process lives")
			}
			late := join(t, r.addrs["mqtt"], "", 4, "late")
			r.logs = "level: debug, format: json"
			r.more = "timeouts: {lame_duck: 1h, shutdown: 2h}\n" // too late for this stop
			r.put(t)
			r.mustReload(t)
			late2 := join(t, r.addrs["mqtt"], "", 4, "later")
			r.waitFor(t, `"msg":"stopping"`, `"shutdown":"2h0m0s"`)
			if _, text := r.readyz(); text != "mqttlb is stopping\n" {
				t.Errorf("/readyz: %q", text)
			}
			eventually(t, "mqttlb has stopped listening", func() bool {
				conn, err := net.Dial("tcp", r.addrs["mqtt"])
				if err != nil {
					return errors.Is(err, syscall.ECONNREFUSED)
				}
				conn.Close()
				return false
			})
			for _, c := range []*wire{late, late2} {
				if err := c.ping(); err != nil {
					t.Error(err)
				}
				c.disconnect(t)
			}
			if code := r.exitCode(t); code != 0 {
				t.Errorf("exit code %d", code)
			}
		})
	}
}

func TestASecondSignalEndsALameDuckAtOnce(t *testing.T) {
	t.Parallel()
	r := newReloadee(t, nowhere)
	r.more = "timeouts: {lame_duck: 1h}\n"
	r.put(t)
	r.run(t)
	r.signal(t, syscall.SIGTERM)
	r.waitFor(t, "not ready any more")
	r.signal(t, syscall.SIGTERM)
	r.exitCode(t)
}
