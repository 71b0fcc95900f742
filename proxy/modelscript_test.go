//go:build linux

package proxy

import (
	"math/rand/v2"
	"testing"

	"mqttlb/proxy/outcome"
	"mqttlb/proxy/reactor"
)

func TestSessionKeepsItsInvariants(t *testing.T) {
	for seed := range uint64(300) {
		playModel(t, modelScript(seed))
	}
	for _, found := range []uint64{
		2146, // the node breaks while its session leaves: the client was not told
	} {
		playModel(t, modelScript(found))
	}
}

// modelScript returns a script of random steps.
func modelScript(seed uint64) []byte {
	rng := rand.New(rand.NewPCG(seed, 2))
	script := make([]byte, 2+2*rng.IntN(120))
	for i := range script {
		script[i] = byte(rng.Uint32())
	}
	return script
}

func FuzzSession(f *testing.F) {
	for seed := range uint64(16) {
		f.Add(modelScript(seed))
	}
	// Half-closed by close frames, and the node has begun a packet that its client cannot get.
	f.Add([]byte("S{\xb3\x17[\x1d\xb7\xc8\xf0O\x11\xe1\x8d6666\xe1\x8dnX\xf5\x91&\x00\x10\xeb\xd1\x1a\x18\xfe$"))
	// A goodbye where a node has sent a byte of a fixed header, which waits for the rest.
	f.Add([]byte("Y01\x00\xf80"))
	f.Fuzz(func(t *testing.T, script []byte) { playModel(t, script[:min(len(script), 400)]) })
}

// step plays one step, which is two bytes of a script.
func (m *model) step(what byte, n int) {
	peer := pick(what&1 == 0, m.client, m.node)
	switch what >>= 1; {
	case what < 40:
		peer.send(pick(n < 200, n+1, (n-199)*4096))
	case what < 70:
		peer.read(pick(n < 200, n*32, 1<<20))
	case what < 116:
		m.turn()
	case what < 120:
		m.pass(reactor.Tick(n%16 + 1))
	case what < 123:
		peer.end()
	case what < 124:
		peer.close()
	case what < 125:
		m.mail(outcome.Kicked)
	case what < 126:
		m.mail(outcome.Shutdown)
	case what < 127:
		m.tell("end all")
		m.ask(outcome.Shutdown)
		m.calm = false // the script does not wait for the effect
		m.l.Do(m.l.endAll)
	default:
		m.pass(reactor.Tick(n))
	}
}

// ask notes the outcome with which the session must end at the latest.
func (m *model) ask(o outcome.Outcome) {
	m.calm = m.calm && m.asked == outcome.None && !m.node.ended && !m.client.ended
	m.asked = o
	m.asks = append(m.asks, o)
}

// mail has the session leave, as a command of the admin socket or a stop does.
func (m *model) mail(o outcome.Outcome) {
	m.tell("mail %v", o)
	m.ask(o)
	m.l.Do(func() {
		m.l.eachSession(func(s *session) {
			if s.step < stepLeave {
				m.l.resume(s, m.l.leave(s, o))
			}
		})
	})
}
