package bench

import (
	"encoding/binary"
	"errors"
)

const (
	// maxBody limits the part of a packet kept while the rest arrives. Only a PUBLISH may
	// be longer, and its payload is skipped and never kept.
	maxBody = 1 << 20

	// stampSize is the size of the time at the beginning of a payload.
	stampSize = 8
)

var (
	errLength = errors.New("malformed Remaining Length")
	errTooBig = errors.New("packet larger than 1 MiB")
	errPacket = errors.New("malformed packet")
)

// packet is one packet of a stream. Its slices are views, valid until the next call of
// next.
type packet struct {
	first   byte   // type and flags; 0: no packet
	id      uint16 // Packet Identifier, valid for a PUBLISH of QoS 1 or 2 and for acknowledgements
	body    []byte // the bytes after the fixed header; not for a PUBLISH
	payload []byte // at most the first stampSize bytes; only for a PUBLISH
}

func (p *packet) qos() byte { return p.first >> 1 & 3 }

// framer cuts a stream that arrives in pieces of any size into packets. It keeps no
// payload: an idle connection needs no buffer.
type framer struct {
	head  []byte // the start of an incomplete packet
	skip  int    // payload bytes of held still missing
	held  packet // the PUBLISH whose payload is being skipped
	stamp [stampSize]byte
}

// next reads the first packet of b. If p.first is 0 the packet is incomplete and all of b
// was used. v5 says that a PUBLISH has properties.
func (f *framer) next(b []byte, v5 bool) (p packet, rest []byte, err error) {
	if f.skip > 0 {
		if len(b) < f.skip {
			f.skip -= len(b)
			return packet{}, nil, nil
		}
		b = b[f.skip:]
		f.skip = 0
		return f.held, b, nil
	}
	if len(f.head) > 0 {
		b = append(f.head, b...)
		f.head = b[:0]
	}
	length, n := remainingLength(b)
	switch {
	case n < 0:
		return packet{}, nil, errLength
	case n == 0:
		return packet{}, nil, f.keep(b)
	}
	p.first = b[0]
	body := b[1+n:]
	if p.first&0xf0 != typePublish {
		if len(body) < length {
			if length > maxBody {
				return packet{}, nil, errTooBig
			}
			return packet{}, nil, f.keep(b)
		}
		p.body = body[:length]
		if p.first >= typePuback && p.first < typePingreq {
			if length < 2 {
				return packet{}, nil, errPacket
			}
			p.id = binary.BigEndian.Uint16(p.body)
		}
		return p, body[length:], nil
	}

	view := body[:min(length, len(body))]
	header, ok, err := p.readPublish(view, length, v5)
	if err != nil {
		return packet{}, nil, err
	}
	if !ok || len(view) < min(header+stampSize, length) {
		return packet{}, nil, f.keep(b)
	}
	p.payload = view[header:min(header+stampSize, length)]
	if len(body) < length {
		p.payload = f.stamp[:copy(f.stamp[:], p.payload)]
		f.held, f.skip = p, length-len(body)
		return packet{}, nil, nil
	}
	return p, body[length:], nil
}

// readPublish reads the variable header of a PUBLISH with the given Remaining Length, as
// far as it has arrived, and returns the offset of the payload. If ok is false more bytes
// are needed.
func (p *packet) readPublish(b []byte, length int, v5 bool) (payload int, ok bool, err error) {
	if length < 2 {
		return 0, false, errPacket
	}
	if len(b) < 2 {
		return 0, false, nil
	}
	at := 2 + int(binary.BigEndian.Uint16(b))
	if p.qos() > 0 {
		at += 2
	}
	if at > length {
		return 0, false, errPacket
	}
	if len(b) < at {
		return 0, false, nil
	}
	if p.qos() > 0 {
		p.id = binary.BigEndian.Uint16(b[at-2:])
	}
	if v5 {
		properties, n := binary.Uvarint(b[at:min(len(b), at+4)])
		switch {
		case n == 0 && len(b) < min(at+4, length):
			return 0, false, nil
		case n <= 0 || properties > uint64(length-at-n):
			return 0, false, errPacket
		}
		at += n + int(properties)
	}
	return at, true, nil
}

// keep stores the start of a packet for the next call. b may be a view of f.head.
func (f *framer) keep(b []byte) error {
	if len(b) > maxBody {
		return errTooBig
	}
	f.head = append(f.head[:0], b...)
	return nil
}

// remainingLength reads the length after the first byte of b. n is its size in bytes: 0
// if more are needed, negative if there are more than four.
func remainingLength(b []byte) (length, n int) {
	for n = 1; n <= 4 && n < len(b); n++ {
		length |= int(b[n]&0x7f) << (7 * (n - 1))
		if b[n] < 0x80 {
			return length, n
		}
	}
	if n > 4 {
		return 0, -1
	}
	return 0, 0
}
