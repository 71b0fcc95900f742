//go:build linux

package proxy

import (
	"bytes"
	"fmt"
	"slices"
	"testing"

	"mqttlb/mqttparse"
	"mqttlb/proxy/outcome"
	"mqttlb/proxy/websocket"
)

// A refusal that does not fit into the client's socket is sent when there is room, and then FIN.
func TestARefusalThatDoesNotFitTheSocketIsStillHeard(t *testing.T) {
	inEachMode(t, func(t *testing.T, m mode) {
		r := &leaving{rig: m.start(t, []string{fullListener(t)}), mode: m}
		client := r.clientPeer(m)
		client.say(connect5)
		eventually(t, "the dial", func() bool { return r.node(0).Open() == 1 })
		junk := bytes.Repeat([]byte("j"), 60_000)
		sent := 0
		r.inLoops(func(l *loop, s *session) {
			b := junk
			if m.clientWS() {
				b = websocket.AppendFrame(nil, websocket.Binary, junk)
			}
			for ; s.client.kept == nil; sent++ {
				if err := l.seal(&s.client, b); err != nil {
					t.Error(err)
					return
				}
			}
			if s.version != mqttparse.V5 {
				t.Errorf("the client speaks %v", s.version)
			}
			l.resume(s, l.leave(s, outcome.Shutdown))
			if s.client.output != outputEnding {
				t.Error("the refusal has fitted")
			}
		})
		got := client.hear()
		want := m.toClient(fmt.Sprintf("% x 20 03 00 88 00", bytes.Repeat(junk, sent)), 1001)
		if !slices.Equal(got, want) {
			for i := range got {
				got[i] = got[i][max(0, len(got[i])-40):]
			}
			t.Errorf("the client heard ... %q", got)
		}
		_ = client.Close()
		r.waitOutcome(outcome.Shutdown, 1)
	})
}
