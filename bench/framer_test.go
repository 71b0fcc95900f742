package bench

import (
	"bytes"
	"encoding/binary"
	"errors"
	"testing"
)

// stream returns one packet of each type, and what framer must find in it.
func stream(version byte) (b []byte, firsts []byte, ids []uint16) {
	add := func(first byte, id uint16, encoded []byte) {
		b = append(b, encoded...)
		firsts, ids = append(firsts, first), append(ids, id)
	}
	c := connect{version: version, clientID: []byte("c1"), cleanStart: true}
	add(typeConnect, 0, c.append(nil))
	add(typePublish, 0, appendPublish(nil, version, 0, []byte("t"), 0, nil))
	add(typePublish|2, 5, appendPublish(nil, version, 2, []byte("t"), 5, []byte("12345678 and more")))
	add(typePuback, 600, appendAck(nil, typePuback, 600))
	add(typePublish|4, 65535, appendPublish(nil, version, 4, []byte("t/u"), 65535, make([]byte, 300)))
	add(typePingreq, 0, []byte{typePingreq, 0})
	add(typeDisconnect, 0, []byte{typeDisconnect, 0})
	return b, firsts, ids
}

// cut passes b in chunks to a framer and returns the results.
func cut(t *testing.T, b []byte, chunk int, v5 bool) (firsts []byte, ids []uint16, payloads [][]byte) {
	t.Helper()
	var f framer
	for len(b) > 0 {
		n := min(chunk, len(b))
		piece := bytes.Clone(b[:n]) // a chunk is valid until the next read
		b = b[n:]
		for len(piece) > 0 {
			p, rest, err := f.next(piece, v5)
			if err != nil {
				t.Fatal(err)
			}
			piece = rest
			if p.first != 0 {
				firsts, ids = append(firsts, p.first), append(ids, p.id)
				payloads = append(payloads, bytes.Clone(p.payload))
			}
		}
	}
	if f.skip > 0 {
		t.Fatalf("%d bytes of a payload are missing", f.skip)
	}
	return firsts, ids, payloads
}

func TestFramerFindsThePacketsInAnyPieces(t *testing.T) {
	for version := byte(4); version <= 5; version++ {
		b, firsts, ids := stream(version)
		for chunk := 1; chunk <= len(b); chunk++ {
			gotFirsts, gotIDs, payloads := cut(t, b, chunk, version == 5)
			if !bytes.Equal(gotFirsts, firsts) {
				t.Fatalf("version %d in pieces of %d: packets % x, want % x", version, chunk, gotFirsts, firsts)
			}
			for i := range ids {
				if gotIDs[i] != ids[i] {
					t.Fatalf("version %d in pieces of %d: packet %d has identifier %d, want %d", version, chunk, i, gotIDs[i], ids[i])
				}
			}
			if string(payloads[2]) != "12345678" {
				t.Fatalf("version %d in pieces of %d: payload begins with %q", version, chunk, payloads[2])
			}
		}
	}
}

func TestFramerRefusesWhatCannotBeAPacket(t *testing.T) {
	for _, c := range []struct {
		name string
		b    []byte
		want error
	}{
		{"a Remaining Length of five bytes", []byte{0x10, 0x80, 0x80, 0x80, 0x80, 0x01}, errLength},
		{"a CONNECT of 200 MB", []byte{0x10, 0x80, 0x80, 0x80, 0x64, 0}, errTooBig},
		{"a PUBACK without an identifier", []byte{0x40, 1, 0}, errPacket},
		{"a PUBLISH without a topic", []byte{0x30, 1, 0}, errPacket},
		{"a topic longer than its PUBLISH", []byte{0x30, 4, 0, 9, 'a', 'b'}, errPacket},
		{"properties longer than their PUBLISH", []byte{0x30, 4, 0, 1, 'a', 9}, errPacket},
		{"a property length without an end", []byte{0x30, 7, 0, 1, 'a', 0x80, 0x80, 0x80, 0x80}, errPacket},
	} {
		var f framer
		if _, _, err := f.next(c.b, true); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
}

func TestFramerSkipsAPayloadWithoutKeepingIt(t *testing.T) {
	var f framer
	b := appendPublish(nil, 4, 2, []byte("t"), 1, make([]byte, 8<<20))
	if p, _, err := f.next(b[:100], false); err != nil || p.first != 0 {
		t.Fatalf("a PUBLISH was reported before its end: %+v, %v", p, err)
	}
	if cap(f.head) > 100 {
		t.Errorf("%d bytes are kept", cap(f.head))
	}
	p, rest, err := f.next(b[100:], false)
	if err != nil || p.id != 1 || len(rest) != 0 {
		t.Errorf("got %+v, %d bytes over, %v", p, len(rest), err)
	}
}

func TestFramerAllocatesNothingForWholePackets(t *testing.T) {
	var f framer
	b := appendPublish(nil, 4, 2, []byte("t"), 1, make([]byte, 64))
	if n := testing.AllocsPerRun(100, func() { _, _, _ = f.next(b, false) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// A stream gives the same packets whole and byte by byte, and never more than its bytes.
func FuzzFramer(f *testing.F) {
	for version := byte(4); version <= 5; version++ {
		b, _, _ := stream(version)
		f.Add(b, version == 5)
	}
	f.Add(binary.AppendUvarint([]byte{0x30}, 1<<27), false)
	f.Fuzz(func(t *testing.T, b []byte, v5 bool) {
		type found struct {
			first byte
			id    uint16
		}
		walk := func(chunk int) (all []found, failed bool) {
			var fr framer
			for rest := b; len(rest) > 0; {
				n := min(chunk, len(rest))
				piece := rest[:n:n]
				rest = rest[n:]
				for len(piece) > 0 {
					p, left, err := fr.next(piece, v5)
					if err != nil {
						return all, true
					}
					if len(left) > len(piece) && len(left) > len(b) {
						t.Fatalf("%d bytes left of %d", len(left), len(b))
					}
					piece = left
					if p.first != 0 {
						all = append(all, found{p.first, p.id})
					}
				}
			}
			return all, false
		}
		whole, failedWhole := walk(len(b) + 1)
		single, failedSingle := walk(1)
		if failedWhole != failedSingle || len(whole) != len(single) {
			t.Fatalf("whole: %v %v, byte by byte: %v %v", whole, failedWhole, single, failedSingle)
		}
		for i := range whole {
			if whole[i] != single[i] {
				t.Fatalf("packet %d: %v whole, %v byte by byte", i, whole[i], single[i])
			}
		}
	})
}
