//go:build linux

package proxy

import (
	"bytes"
	"errors"
	"testing"

	"golang.org/x/sys/unix"

	"mqttlb/proxy/websocket"
)

// A stream that broke the framing is read again when its node is gone. Its earlier bytes are not
// parsed twice.
func TestFramesThatBrokeTheRulesAreReadOnce(t *testing.T) {
	m := &model{t: t, lastKept: [2]int{-1, -1}}
	m.begin(byte(modelTranslated), 1)
	t.Cleanup(m.close)
	frame := clientFrame(finBinary, []byte("once"))
	bad := websocket.AppendFrame(nil, websocket.Binary, []byte("not masked"))
	var got []byte
	for _, b := range [][]byte{frame[:3], append(bytes.Clone(frame[3:]), bad...), frame, frame} {
		if _, err := unix.Write(m.client.fd, b); err != nil {
			t.Fatal(err)
		}
		payload, err := m.l.read(&m.s.client)
		got = append(got, payload...)
		if _, broke := errors.AsType[*websocket.Error](err); broke != (&b[0] == &frame[0] && len(b) == len(frame)) {
			t.Errorf("% x is read with error %v", b, err)
		}
	}
	if string(got) != "once" {
		t.Errorf("the node would get %q", got)
	}
}
