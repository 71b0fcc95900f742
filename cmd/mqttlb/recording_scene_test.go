package main_test

import (
	"crypto/tls"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
)

// scene is a scenario played in one mode, and its recording.
type scene struct {
	scenario *scenario
	mode     recordingMode
	balancer *balancer
	meeting  *meeting
	node     *net.TCPListener // the node's
	text     strings.Builder
	muted    bool // nothing is recorded, as while a scene prepares
	sessions int  // how many have ended

	clientTLS, nodeTLS *tls.Config
	ownTLS             *tls.Config // clientTLS with the certificate of c1

	serving bool           // by serveNode
	early   chan accepted  // the node's next connection, see acceptEarly
	served  sync.WaitGroup // the goroutines of serveNode

	mu    sync.Mutex // guards the fields below
	names map[string]string
	conns []net.Conn
}

// sceneFailure ends a scene that cannot go on.
type sceneFailure string

func (s *scene) failf(format string, args ...any) {
	panic(sceneFailure(fmt.Sprintf(format, args...)))
}

// play plays the scene to its end. It returns an error if the scene cannot go on.
func (s *scene) play() (err error) {
	defer s.meeting.leave()
	defer s.strike()
	defer func() {
		switch p := recover().(type) {
		case nil:
		case sceneFailure:
			err = fmt.Errorf("%s: %s\n%s", s.mode.name, string(p), s.text.String())
		default:
			panic(p)
		}
	}()
	s.scenario.play(s)
	return nil
}

// strike closes all that the scene has opened.
func (s *scene) strike() {
	_ = s.node.Close()
	s.mu.Lock()
	conns := s.conns
	s.mu.Unlock()
	for _, c := range conns {
		_ = c.Close()
	}
	s.served.Wait()
}

// deadline returns when a wait that begins now times out.
func deadline() time.Time { return time.Now().Add(patience) }

// address is the scene's listener.
func (s *scene) address() string { return s.balancer.addrs[s.mode.id()] }

// notef adds a line to the recording.
func (s *scene) notef(format string, args ...any) {
	if !s.muted {
		fmt.Fprintf(&s.text, format+"\n", args...)
	}
}

// quietly runs a part of a scene without recording it.
func (s *scene) quietly(f func()) {
	s.muted = true
	defer func() { s.muted = false }()
	f()
}

// learn gives an address a name for the recording.
func (s *scene) learn(address net.Addr, name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.names[address.String()] = name
}

var anyAddress = regexp.MustCompile(`127\.\d+\.\d+\.\d+:\d+`)

// replaced returns text with addresses replaced by names, since addresses differ from run to run.
func (s *scene) replaced(text string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return anyAddress.ReplaceAllStringFunc(text, func(address string) string {
		if name := s.names[address]; name != "" {
			return name
		}
		return "<address>"
	})
}

// end waits for the line of the next session of the scene and records it.
func (s *scene) end() { s.endAll(1) }

// endAll is end for n sessions that end at the same time, in any order.
func (s *scene) endAll(n int) {
	s.sessions += n
	lines, err := s.balancer.await(s.sessions, `"msg":"session"`, fmt.Sprintf(`"listener":%q`, s.mode.id()))
	if err != nil {
		s.failf("%v", err)
	}
	lines = lines[s.sessions-n : s.sessions]
	for i := range lines {
		lines[i] = s.describeLine(lines[i])
	}
	slices.Sort(lines)
	for _, line := range lines {
		s.notef("log    %s", line)
	}
}

// describeLine returns a session's log line in the form of a recording.
func (s *scene) describeLine(text string) string {
	var line map[string]any
	if err := json.Unmarshal([]byte(text), &line); err != nil {
		s.failf("a log line is no JSON: %v\n%s", err, text)
	}
	var words []string
	for _, key := range []string{"client", "client_id", "version", "node", "received", "sent", "outcome", "connack", "error"} {
		v, ok := line[key]
		if !ok || v == "" && key != "client_id" || !s.measured() && (key == "received" || key == "sent") {
			continue
		}
		text := s.replaced(fmt.Sprint(v))
		if key == "client_id" || key == "error" {
			text = fmt.Sprintf("%q", text)
		}
		words = append(words, key+"="+text)
	}
	return strings.Join(words, " ")
}

// measured reports whether the byte counts are the same in each run. With TLS passed on
// they are not: the length of a handshake varies.
func (s *scene) measured() bool { return !s.scenario.unmeasured && !s.mode.passthrough() }

// signal waits until every mode of the scenario has called it. Then the process gets one
// signal, and signal returns after then has returned.
func (s *scene) signal(sig os.Signal, then func() error) {
	s.notef("process < %v", sig)
	var err error
	s.meeting.meet(func() {
		if err = s.balancer.cmd.Process.Signal(sig); err == nil {
			err = then()
		}
	})
	if err != nil {
		s.failf("%v: %v", sig, err)
	}
}

// meeting is a barrier at which the modes of a scenario wait for each other.
type meeting struct {
	mu      sync.Mutex // guards the fields below
	members int
	here    int
	agenda  func()
	over    chan struct{} // closed, and replaced, when all were here
}

func newMeeting(members int) *meeting { return &meeting{members: members, over: make(chan struct{})} }

// meet waits until all remaining members have called it. Then one of them calls f.
func (m *meeting) meet(f func()) {
	m.mu.Lock()
	m.here++
	m.agenda = f
	over := m.over
	m.closeIfAllHere()
	m.mu.Unlock()
	<-over
}

// leave removes a member that will not call meet again.
func (m *meeting) leave() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.members--
	m.closeIfAllHere()
}

func (m *meeting) closeIfAllHere() {
	if m.here == 0 || m.here < m.members {
		return
	}
	m.agenda()
	m.here = 0
	close(m.over)
	m.over = make(chan struct{})
}
