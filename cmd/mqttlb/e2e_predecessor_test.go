package main_test

import (
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
)

// fakePredecessor is a program at the addresses of a mqttlb.
type fakePredecessor struct {
	socket, admin net.Listener
}

// startPredecessor listens at the admin addresses of r, and answers at its socket.
func startPredecessor(t *testing.T, r *reloadee, answer func(p *fakePredecessor, w http.ResponseWriter)) *fakePredecessor {
	t.Helper()
	p := &fakePredecessor{}
	var err error
	if p.admin, err = net.Listen("tcp", r.addrs["admin"]); err != nil {
		t.Fatal(err)
	}
	if p.socket, err = net.Listen("unix", r.socket()); err != nil {
		t.Fatal(err)
	}
	server := http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method+" "+r.URL.Path != "POST /api/v1/yield" {
			http.NotFound(w, r)
			return
		}
		answer(p, w)
	})}
	status := http.Server{Handler: http.NotFoundHandler()}
	status.SetKeepAlivesEnabled(false) // a client must not go on to ask it after its end
	go server.Serve(p.socket)          // ends when the socket is closed
	go status.Serve(p.admin)           // ends when the listener is closed
	t.Cleanup(func() {
		server.Close()
		p.free()
	})
	return p
}

// free gives the addresses up.
func (p *fakePredecessor) free() {
	p.admin.Close()
	p.socket.Close()
}

func TestPredecessorsThatGiveNothingUp(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		answer func(t *testing.T) func(*fakePredecessor, http.ResponseWriter)
		says   string
	}{
		{"older", func(*testing.T) func(*fakePredecessor, http.ResponseWriter) {
			return func(_ *fakePredecessor, w http.ResponseWriter) { http.Error(w, "404 page not found", 404) }
		}, "is of a version that does not give its addresses up"},
		{"stuck", func(t *testing.T) func(*fakePredecessor, http.ResponseWriter) {
			return func(*fakePredecessor, http.ResponseWriter) { <-t.Context().Done() }
		}, "has not answered within 5s"},
		{"foreign", func(*testing.T) func(*fakePredecessor, http.ResponseWriter) {
			return func(_ *fakePredecessor, w http.ResponseWriter) { http.Error(w, "<h1>no</h1>", http.StatusForbidden) }
		}, "403 Forbidden: <h1>no</h1>"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := newReloadee(t, nowhere)
			startPredecessor(t, r, c.answer(t))
			out, code := mqttlb(t, "serve", "-c", r.config)
			for _, part := range []string{"admin.address", r.addrs["admin"], "address already in use", "process ID", c.says} {
				if code != 1 || !strings.Contains(out, part) {
					t.Errorf("exit code %d, without %q: %s", code, part, out)
				}
			}
		})
	}
	t.Run("no mqttlb", func(t *testing.T) {
		t.Parallel()
		r := newReloadee(t, nowhere)
		p := startPredecessor(t, r, nil)
		p.socket.Close()
		if out, code := mqttlb(t, "serve", "-c", r.config); code != 1 || strings.Count(out, "cannot serve") != 1 || !strings.Contains(out, "address already in use") || !strings.Contains(out, "no mqttlb answers at "+r.socket()) {
			t.Errorf("exit code %d, %s", code, out)
		}
	})
}

func TestAPredecessorThatDiesWhileItIsAskedIsFollowed(t *testing.T) {
	t.Parallel()
	r := newReloadee(t, nowhere)
	startPredecessor(t, r, func(p *fakePredecessor, _ http.ResponseWriter) {
		p.free()
		panic(http.ErrAbortHandler) // closes the connection without an answer
	})
	r.run(t)
	r.waitFor(t, `"level":"WARN"`, "the predecessor has ended while it was asked")
	r.mustReload(t)
}

// A predecessor in its lame duck still accepts clients: its successor waits.
func TestASuccessorWaitsForTheLameDuck(t *testing.T) {
	t.Parallel()
	r := newReloadee(t, nowhere)
	clients, err := net.Listen("tcp", r.addrs["mqtt"])
	if err != nil {
		t.Fatal(err)
	}
	defer clients.Close()
	startPredecessor(t, r, func(p *fakePredecessor, w http.ResponseWriter) {
		p.admin.Close()
		fmt.Fprintln(w, `{"socket":"/elsewhere","accepting_seconds":3600}`)
		go p.socket.Close() // after the answer, or with it
	})
	r.startWith(t, "", "serve", "-c", r.config)
	r.waitFor(t, "the predecessor stops, and has given its admin addresses up", "/elsewhere", "1h0m0s")
	if lines := r.said("listening"); len(lines) > 0 {
		t.Errorf("it listens: %s", lines)
	}
	clients.Close()
	r.waitReady(t)
	r.waitFor(t, `"msg":"listening"`)
}
