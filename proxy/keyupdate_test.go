package proxy

import (
	"bufio"
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"mqttlb/proxy/outcome"
	"mqttlb/proxy/snapshot"
)

var wsToWSS = mode{name: "ws to wss", protocol: snapshot.WS, nodeWS: true, nodeTLS: true}

// A TLS 1.3 node may ask for new keys before its 101 (RFC 8446, 4.6.3). Our answer is kept behind an
// upgrade that the node does not read. If the connection then breaks, the node is to blame and not the
// client, and the next node is tried.
func TestNodeThatAsksForKeysInItsUpgradeAndBreaksIsPassedOver(t *testing.T) {
	var conns atomic.Int32
	accepted, sized, ask, over := make(chan struct{}), make(chan struct{}), make(chan struct{}), make(chan struct{})
	serve := func(c net.Conn) {
		first := conns.Add(1) == 1
		if first {
			_ = tcp(c).SetReadBuffer(4 << 10)
			accepted <- struct{}{}
			awaitRelease(t, sized)
		}
		var keys bytes.Buffer
		config := nodeConfig().Clone()
		config.KeyLogWriter, config.SessionTicketsDisabled = &keys, true
		secure := tls.Server(&unwrapped{Conn: c, r: bufio.NewReader(c)}, config)
		if err := secure.HandshakeContext(t.Context()); err != nil {
			t.Error(err)
			return
		}
		if first {
			awaitRelease(t, ask)
			_, _ = c.Write(keyUpdate(t, secure.ConnectionState().CipherSuite, keys.String()))
			awaitRelease(t, over)
			_ = tcp(c).SetLinger(0)
			return
		}
		if ws := acceptUpgrade(t, secure); ws != nil {
			_, _ = io.ReadFull(ws, make([]byte, len(connect311)))
			_, _ = ws.Write(connack311)
			_, _ = io.Copy(io.Discard, ws)
		}
	}
	r := wsToWSS.start(t, []string{startNode(t, serve).address(), startNode(t, serve).address()}, func(s *snapshot.Snapshot) {
		s.MaxHeaderSize = 1 << 20
		s.Listeners[0].Pool.ForwardHeaders = []string{"Cookie"}
	})
	c := r.dialUpgraded("+Cookie: a=" + strings.Repeat("c", 400<<10))
	c.send(clientFrame(finBinary, connect311))
	<-accepted
	r.each(func(s *session) {
		if err := syscall.SetsockoptInt(int(s.server.fd), syscall.SOL_SOCKET, syscall.SO_SNDBUF, 32<<10); err != nil {
			t.Error(err)
		}
	})
	close(sized)
	r.waitHeld()
	before, looks := 0, 0
	eventually(t, "the node's socket takes no more", func() bool {
		held := r.held()
		looks = pick(held == before, looks+1, 0)
		before = held
		return looks == 100
	})
	close(ask)
	eventually(t, "the answer is kept, too", func() bool { return r.held() > before })
	close(over)
	c.expect(connackFrame)
	_ = c.Close()
	r.waitOutcome(outcome.ClientClosed, 1)
}

// keyUpdate returns the first record of a server after its handshake, which asks for new keys. Go's
// own server never sends one. It needs the key log.
func keyUpdate(t *testing.T, suite uint16, log string) []byte {
	t.Helper()
	if suite != tls.TLS_AES_128_GCM_SHA256 {
		t.Skip("without AES in hardware", tls.CipherSuiteName(suite), "is preferred")
	}
	_, line, _ := strings.Cut(log, "SERVER_TRAFFIC_SECRET_0 ")
	secret := must(hex.DecodeString(strings.Fields(line)[1]))
	expand := func(label string, size int) []byte { // RFC 8446, 7.1
		label = "tls13 " + label
		return must(hkdf.Expand(sha256.New, secret, string([]byte{0, byte(size), byte(len(label))})+label+"\x00", size))
	}
	const handshake, applicationData = 22, 23
	message := []byte{24, 0, 0, 1, 1, handshake} // update_requested
	aead := must(cipher.NewGCM(must(aes.NewCipher(expand("key", 16)))))
	header := []byte{applicationData, 3, 3, 0, byte(len(message) + aead.Overhead())}
	return aead.Seal(header, expand("iv", 12), message, header) // the sequence number, which goes into the nonce, is 0
}
