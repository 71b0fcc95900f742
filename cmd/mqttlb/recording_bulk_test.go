package main_test

import "crypto/sha256"

// sendBulk writes n PUBLISH packets of 64 KiB, over WebSocket each in a frame.
func (e *endpoint) sendBulk(packets int) {
	b := e.framed(publishOf(patterned(64 << 10)))
	for range packets {
		if _, err := e.conn().Write(b); err != nil {
			return // the reader reports the missing bytes
		}
	}
}

// readBulk reads the packets of sendBulk and records them in one line.
func (e *endpoint) readBulk(packets int) {
	want, n := sha256.Sum256(publishOf(patterned(64<<10))), 0
	for ; n < packets; n++ {
		packet, rest := cutPacket(e.stream)
		for packet == nil {
			if frame, err := e.fill(); err != nil || frame != "" {
				e.scene.failf("%s: after %d packets: %s %v", e.name, n, frame, err)
			}
			packet, rest = cutPacket(e.stream)
		}
		if e.stream = rest; sha256.Sum256(packet) != want {
			e.scene.failf("%s: packet %d is not as it was sent: %s", e.name, n, describeBytes(packet))
		}
	}
	e.notef("< %d times PUBLISH of 64 KiB, as they were sent", n)
}

// bulk is a number of packets that fills any socket buffer: 10 MB.
const bulk = 160

// lateReader makes one endpoint send until the buffers on the way to the other are full,
// or nearly so. Only then does the other read.
func (s *scene) lateReader(from, to *endpoint) {
	began, done := make(chan struct{}), make(chan struct{})
	from.notef("> %d times PUBLISH of 64 KiB", bulk)
	go func() { // ends when all is sent or the connection breaks
		defer close(done)
		from.sendBulk(bulk / 10)
		close(began)
		from.sendBulk(bulk - bulk/10)
	}()
	<-began
	to.readBulk(bulk)
	<-done
}
