//go:build linux

package bench

import "fmt"

// flush sends f.out, after the bytes that c could not send before.
func (f *Fleet) flush(c *client) {
	if c.ws == nil {
		f.send(c, f.out)
		return
	}
	if len(f.out) > 0 {
		f.frames = appendFrame(f.frames, opBinary, true, f.out)
	}
	f.send(c, f.takeFrames())
}

// send sends b through TLS, if any. With a WebSocket b must be whole frames.
func (f *Fleet) send(c *client, b []byte) {
	if c.tls != nil {
		var err error
		if b, err = f.seal(c, b); err != nil {
			f.fail(c, err)
			return
		}
	}
	if len(b) == 0 {
		return
	}
	if len(c.rest) > 0 {
		c.rest = append(c.rest, b...)
		return
	}
	rest, err := write(c.fd, b)
	if err != nil {
		f.fail(c, fmt.Errorf("write: %w", err))
		return
	}
	if len(rest) > 0 {
		c.rest = append(c.rest, rest...)
	}
}

// seal encrypts b and returns it with TLS's own messages, valid until the next call.
func (f *Fleet) seal(c *client, b []byte) ([]byte, error) {
	if len(b) > 0 {
		if _, err := c.tls.conn.Write(b); err != nil {
			return nil, fmt.Errorf("TLS: %w", err)
		}
	}
	b = f.sealed
	f.sealed = b[:0]
	return b, nil
}
