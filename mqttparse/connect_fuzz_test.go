package mqttparse

import (
	"bytes"
	"errors"
	"testing"
)

// encode encodes c as a packet, the inverse of Parse. Only the round trip test needs it.
func (c *Connect) encode() []byte {
	name, level, flags := "MQTT", byte(c.Version), byte(0)
	if c.Version == V31 {
		name = "MQIsdp"
	}
	if c.Bridge {
		level |= 0x80
	}
	for bit, set := range map[byte]bool{0x80: c.HasUsername, 0x40: c.HasPassword, 0x20: c.WillRetain, 0x04: c.Will, 0x02: c.CleanStart} {
		if set {
			flags |= bit
		}
	}
	body := bytesOf(str(name), level, flags|c.WillQoS<<3, c.KeepAlive)
	if c.Version == V5 {
		body = append(body, counted(c.Properties.Encoded())...)
	}
	body = append(body, bytesOf(str(c.ClientID))...)
	if c.Will {
		if c.Version == V5 {
			body = append(body, counted(c.WillProperties.Encoded())...)
		}
		body = append(body, bytesOf(str(c.WillTopic), str(c.WillPayload))...)
	}
	if c.HasUsername {
		body = append(body, bytesOf(str(c.Username))...)
	}
	if c.HasPassword {
		body = append(body, bytesOf(str(c.Password))...)
	}
	return packet(0x10, body)
}

// checkConnect checks the properties of Parse that hold for any bytes.
func checkConnect(t *testing.T, b []byte, maxSize int) {
	t.Helper()
	var c Connect
	n, err := c.Parse(b, maxSize)
	var m *Malformed
	switch {
	case err == nil:
		if n < 14 || n > len(b) || n > maxSize {
			t.Fatalf("n is %d of %d bytes, at most %d", n, len(b), maxSize)
		}
		checkRoundTrip(t, &c, b[:n])
	case errors.Is(err, ErrShort):
		if len(b) >= maxSize && maxSize > 20 {
			t.Fatalf("%d bytes are here, no more than %d are taken, and it wants more", len(b), maxSize)
		}
	case errors.As(err, &m):
		if n != 0 || m.Offset < 0 || m.Offset >= max(1, len(b)) && m.Reason != "runs past the end" && m.Offset != len(b) {
			t.Fatalf("n is %d, offset %d of %d bytes: %v", n, m.Offset, len(b), m)
		}
		if m.Clause == "" || m.Field == "" || m.Reason == "" || !m.Code.inConnack() || m.Code == Success {
			t.Fatalf("an error that says too little: %+v", *m)
		}
	default:
		t.Fatalf("an error of no kind: %v", err)
	}

	// Fewer bytes give the same verdict or ErrShort; more bytes give the same verdict.
	verdict := *errOr(err, &c)
	for _, cut := range []int{0, 1, 2, 5, 9, 10, 13, len(b) / 2, len(b) - 1} {
		if cut < 0 || cut >= len(b) {
			continue
		}
		var prefix Connect
		short, prefixErr := prefix.Parse(b[:cut], maxSize)
		switch {
		case errors.Is(prefixErr, ErrShort):
		case prefixErr == nil:
			if err != nil || short != n {
				t.Fatalf("%d bytes: %d, nil; all %d: %d, %v", cut, short, len(b), n, err)
			}
		case *errOr(prefixErr, &prefix) != verdict:
			t.Fatalf("%d bytes: %v; all %d: %v", cut, prefixErr, len(b), err)
		}
	}
	checkTolerant(t, b, maxSize)
	var again Connect
	moreN, moreErr := again.Parse(append(bytes.Clone(b), 0xC0, 0), maxSize)
	if !errors.Is(err, ErrShort) && (moreN != n || *errOr(moreErr, &again) != verdict) {
		t.Fatalf("%d, %v; with more behind it %d, %v", n, err, moreN, moreErr)
	}
}

func errOr(err error, c *Connect) *Malformed {
	if err == nil || errors.Is(err, ErrShort) {
		return &Malformed{}
	}
	return &c.malformed
}

// checkRoundTrip checks that c holds everything in the packet. The exceptions are details
// that 3.x accepts and c does not keep: a Remaining Length in too many bytes, and flags
// without a meaning in 3.1.
func checkRoundTrip(t *testing.T, c *Connect, b []byte) {
	t.Helper()
	encoded := c.encode()
	var again Connect
	if n, err := again.Parse(encoded, len(encoded)); err != nil || n != len(encoded) {
		t.Fatalf("what was written of %q is not read: %q: %v", b, encoded, err)
	}
	if exact(again) != exact(*c) {
		t.Fatalf("read    %+v\nwritten %+v", *c, again)
	}
	_, size := variableByteInteger(b[1:])
	_, encodedSize := variableByteInteger(encoded[1:])
	got, want := bytes.Clone(encoded[1+encodedSize:]), bytes.Clone(b[1+size:])
	if c.Version == V31 {
		got[9], want[9] = 0, 0
	} else if c.Version == V5 && size != encodedSize {
		t.Fatalf("the Remaining Length has %d bytes, not %d", size, encodedSize)
	}
	if !bytes.Equal(got, want) {
		t.Fatalf("read  %q\nwrote %q", want, got)
	}
}

func TestConnectRoundTrip(t *testing.T) {
	for _, test := range acceptedConnects {
		checkConnect(t, test.b, testMaxSize)
	}
	for _, test := range rejectedConnects {
		checkConnect(t, test.b, testMaxSize)
	}
	for _, test := range rejectedProperties {
		checkConnect(t, test.b, testMaxSize)
	}
}

func FuzzConnect(f *testing.F) {
	for _, test := range acceptedConnects {
		if len(test.b) < 1000 {
			f.Add(test.b, uint16(4096))
		}
	}
	for _, test := range rejectedConnects {
		if len(test.b) < 1000 {
			f.Add(test.b, uint16(100))
		}
	}
	for _, test := range rejectedProperties {
		f.Add(test.b, uint16(4096))
	}
	f.Fuzz(func(t *testing.T, b []byte, maxSize uint16) { checkConnect(t, b, int(maxSize)) })
}
