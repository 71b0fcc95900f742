package proxy

import (
	"bytes"
	"io"
	"testing"

	"mqttlb/proxy/websocket"
)

// A closed HTTP server serves no request, so the loop must have answered.
func TestUpgradeNeedsNoHTTPServer(t *testing.T) {
	for _, m := range []mode{wsToMQTT, wsToWS, httpToWS} {
		t.Run(m.name, func(t *testing.T) {
			r := m.start(t, []string{m.startNode(t, nil).address()})
			_ = r.srv.http.readers[0].Close()
			r.open("device")
			drips := r.dialBare(r.srv.Addr("mqtt"))
			drips.trickle([]byte(upgradeRequest()), true)
			if answer, _ := drips.response(); answer.StatusCode != 101 { //nolint:bodyclose // response has read and closed it
				t.Errorf("byte by byte: answered %s", answer.Status)
			}
			_ = drips.Close()
			c := r.dialBare(r.srv.Addr("mqtt"))
			c.trickle([]byte(upgradeRequest("-Upgrade")), false)
			if answer := c.rest(); len(answer) > 0 {
				t.Errorf("a closed server answers %q", answer)
			}
		})
	}
}

// A client need not wait for the answer to its upgrade before it sends its CONNECT.
func TestFramesMayComeWithTheUpgrade(t *testing.T) {
	for _, m := range []mode{wsToMQTT, wsToWS, httpToWS, wssToMQTT, wssToWS} {
		t.Run(m.name, func(t *testing.T) {
			r := m.start(t, []string{m.startNode(t, nil).address()})
			request := []byte(upgradeRequest())
			ping := clientFrame(finPing, []byte("p"))
			all := bytes.Join([][]byte{request, ping, clientFrame(finBinary, connect311), clientFrame(finBinary, []byte("\xc0\x00"))}, nil)
			lengthy := []byte(upgradeRequest("+Cookie: a=" + string(bytes.Repeat([]byte("c"), 5000)))) // two reads of net/http
			for name, parts := range map[string][][]byte{
				"at once":             {all},
				"byte by byte":        bytes.SplitAfter(all, nil),
				"a part of a frame":   {all[:len(request)+2], all[len(request)+2:]},
				"a part of a request": {all[:len(request)-1], all[len(request)-1:]},
				"a long request":      {append(bytes.Clone(lengthy), all[len(request):]...)},
			} {
				c := r.dialBare(r.srv.Addr("mqtt"))
				if m.tls {
					c.secure(nil)
				}
				for _, part := range parts {
					c.send(part)
				}
				if got := readHeader(t, c); !bytes.HasPrefix(got, []byte("HTTP/1.1 101 ")) {
					t.Fatalf("%s: answered %q", name, got)
				}
				c.expect([]byte("\x8a\x01p"))
				if got, want := c.payload(len(connack311)+2), append(bytes.Clone(connack311), "\xc0\x00"...); !bytes.Equal(got, want) {
					t.Errorf("%s: got % x, want % x", name, got, want)
				}
				_ = c.Close()
			}
		})
	}
}

// readHeader reads an answer to its empty line and no further.
func readHeader(t *testing.T, r io.Reader) (header []byte) {
	t.Helper()
	for b := make([]byte, 1); !bytes.HasSuffix(header, []byte("\r\n\r\n")); header = append(header, b[0]) {
		if _, err := io.ReadFull(r, b); err != nil {
			t.Fatalf("after %q: %v", header, err)
		}
	}
	return header
}

// A node that knows what comes may send frames with its 101: all of them, or a part of one.
func TestFramesMayComeWithTheAnswerOfANode(t *testing.T) {
	frames := websocket.AppendFrame(nil, websocket.Binary, []byte("\x20\x02\x00\x05"))
	frames = websocket.AppendClose(frames, websocket.Normal, "not authorized")
	for cut := range len(frames) + 1 {
		backend := startUpgradeNode(t, func(a *asked) {
			_, _ = io.WriteString(a, a.switching()+string(frames[:cut]))
			_, _ = io.ReadFull(a, make([]byte, len(clientFrame(finBinary, connect311))))
			_, _ = a.Write(frames[cut:])
			_, _ = io.Copy(io.Discard, a)
		})
		r := wsToWS.start(t, []string{backend.address()})
		c := r.dialUpgraded()
		c.send(clientFrame(finBinary, connect311))
		c.expect(frames)
		_ = c.Close()
		r.waitLine("connack=5 ")
	}
}
