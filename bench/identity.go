//go:build linux

package bench

import (
	"bytes"
	"strconv"
)

func (f *Fleet) appendConnect(b []byte, c *client) []byte {
	p := connect{
		version:    f.opt.Version,
		cleanStart: f.opt.CleanStart,
		keepAlive:  f.opt.KeepAlive,
		clientID:   f.clientID(c),
		username:   string(f.expand(f.opt.Username, c)),
		password:   f.opt.Password,
	}
	return p.append(b)
}

func (f *Fleet) clientID(c *client) []byte {
	return strconv.AppendInt([]byte(f.opt.Prefix), int64(c.number), 10)
}

// expand replaces %i, %c and %u as emqtt_bench does.
func (f *Fleet) expand(s string, c *client) []byte {
	b := []byte(s)
	if bytes.IndexByte(b, '%') < 0 {
		return b
	}
	b = bytes.ReplaceAll(b, []byte("%i"), strconv.AppendInt(nil, int64(c.number), 10))
	b = bytes.ReplaceAll(b, []byte("%u"), []byte(f.opt.Username))
	return bytes.ReplaceAll(b, []byte("%c"), f.clientID(c))
}
