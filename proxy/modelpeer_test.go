//go:build linux

package proxy

import (
	"math/rand/v2"
	"slices"

	"golang.org/x/sys/unix"

	"mqttlb/proxy/outcome"
	"mqttlb/proxy/websocket"
)

// modelPeer is a side of a model's session, played by the test.
type modelPeer struct {
	m      *model
	name   string
	fd     int // -1: closed
	rng    *rand.Rand
	framed bool
	masked bool

	packets  []byte       // packets that are in no frame yet
	inFrames int          // bytes of packets that are in frames
	packed   map[int]bool // offsets in the framed packets where a packet may begin
	pending  []byte       // composed but not sent yet
	sent     []byte
	got      []byte
	frames   map[int]bool // offsets in sent where a frame may begin
	ends     map[int]bool // offsets in sent where a packet may come in a message of its own

	ended  bool // it has ended its stream
	said   bool // it has sent a close frame
	closed bool // it has closed its socket
}

func newModelPeer(m *model, name string, seed uint64, framed, masked bool) *modelPeer {
	return &modelPeer{
		m: m, name: name, fd: -1, rng: rand.New(rand.NewPCG(seed, 1)), framed: framed, masked: masked,
		packed: map[int]bool{0: true}, frames: map[int]bool{0: true}, ends: map[int]bool{0: true},
	}
}

// open connects the peer and returns the descriptor of our end.
func (p *modelPeer) open() int32 {
	fds := must(unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0))
	for _, fd := range fds {
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUF, 8<<10) // most writes are partial
	}
	p.fd = fds[1]
	return int32(fds[0])
}

// send sends up to n more bytes.
func (p *modelPeer) send(n int) {
	if p.fd < 0 || p.ended {
		return
	}
	for len(p.pending) < n {
		p.compose()
	}
	took, err := unix.Write(p.fd, p.pending[:n])
	p.m.tell("%s sends %d of %d %v", p.name, took, n, err)
	if took > 0 {
		p.sent = append(p.sent, p.pending[:took]...)
		p.pending = p.pending[took:]
	}
}

// firstBytes are those of the packets that peers send: PUBLISH of each QoS, two others and DISCONNECT.
var firstBytes = [...]byte{0x30, 0x32, 0x3D, 0x40, 0xC0, 0xE0}

// compose adds a packet or a message to pending.
func (p *modelPeer) compose() {
	size := p.rng.IntN(40)
	switch p.rng.IntN(12) {
	case 0:
		size = p.rng.IntN(3000)
	case 1:
		size = p.rng.IntN(70_000)
	}
	packet := []byte{firstBytes[size%len(firstBytes)]}
	for rest := size; ; {
		digit := byte(rest % 128)
		if rest /= 128; rest == 0 {
			packet = append(packet, digit)
			break
		}
		packet = append(packet, digit|0x80)
	}
	for range size {
		packet = append(packet, byte(p.rng.Uint32()))
	}
	if !p.framed {
		p.add(packet)
		p.ends[len(p.sent)+len(p.pending)] = true
		return
	}
	p.packets = append(p.packets, packet...)
	p.packed[p.inFrames+len(p.packets)] = true
	take := len(p.packets)
	if p.rng.IntN(3) == 0 {
		take = p.rng.IntN(take + 1) // the packet ends in a later message
	}
	message := p.packets[:take]
	p.packets = p.packets[take:]
	p.inFrames += take
	for first := byte(0x02); ; first = 0 {
		if p.rng.IntN(4) == 0 {
			p.frame(finPing, []byte("ping"))
			p.ends[len(p.sent)+len(p.pending)] = first != 0 && p.packed[p.inFrames-take]
		}
		if n := p.rng.IntN(len(message) + 1); n < len(message) && p.rng.IntN(2) == 0 {
			p.frame(first, message[:n])
			message = message[n:]
			continue
		}
		p.frame(first|0x80, message)
		break
	}
	p.ends[len(p.sent)+len(p.pending)] = p.packed[p.inFrames]
}

// disconnect sends the rest of what is pending and a DISCONNECT.
func (p *modelPeer) disconnect() {
	if packet := []byte{0xE0, 0}; !p.framed {
		p.add(packet)
	} else {
		message := slices.Concat(p.packets, packet)
		p.packets = nil
		p.inFrames += len(message)
		p.frame(finBinary, message)
	}
	p.ends[len(p.sent)+len(p.pending)] = true
	p.send(len(p.pending))
}

// frame adds a frame to pending.
func (p *modelPeer) frame(first byte, payload []byte) {
	if p.masked {
		p.add(clientFrame(first, payload))
	} else {
		header := websocket.AppendHeader(nil, websocket.Binary, len(payload))
		header[0] = first
		p.add(append(header, payload...))
	}
	p.frames[len(p.sent)+len(p.pending)] = true
}

func (p *modelPeer) add(b []byte) { p.pending = append(p.pending, b...) }

// read reads up to n bytes.
func (p *modelPeer) read(n int) {
	b := make([]byte, min(n, 32<<10))
	for total := 0; p.fd >= 0 && total < n; {
		got, err := unix.Read(p.fd, b[:min(len(b), n-total)])
		if got <= 0 {
			if total > 0 || err != unix.EAGAIN {
				p.m.tell("%s reads %d of %d %v", p.name, total, n, err)
			}
			return
		}
		p.got = append(p.got, b[:got]...)
		total += got
	}
}

// end ends the peer's stream.
func (p *modelPeer) end() {
	if p.fd < 0 || p.ended {
		return
	}
	p.m.tell("%s ends", p.name)
	p.noteEarlyEnd()
	if p.masked && len(p.sent)%2 == 0 { // a client
		p.disconnect()
	}
	if p.framed && p.frames[len(p.sent)] && p.rng.IntN(2) == 0 {
		p.pending = nil
		p.frame(finClose, closeWith(websocket.Normal, ""))
		delete(p.frames, len(p.sent)+len(p.pending)) // nothing follows a close frame
		p.send(len(p.pending))
		p.said = len(p.pending) == 0
	}
	p.ended = true
	_ = unix.Shutdown(p.fd, unix.SHUT_WR)
}

// close closes its socket. Unread bytes reset the connection.
func (p *modelPeer) close() {
	if p.fd < 0 {
		return
	}
	p.m.tell("%s closes", p.name)
	p.noteEarlyEnd()
	p.ended, p.closed = true, true
	_ = unix.Close(p.fd)
	p.fd = -1
}

// noteEarlyEnd notes that the peer ended before the session began to leave, so that its end may be the
// outcome.
func (p *modelPeer) noteEarlyEnd() {
	m := p.m
	if m.asked != outcome.None && m.alive() && m.s.step < stepLeave {
		m.calm = false
	}
}
