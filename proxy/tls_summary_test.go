package proxy

import (
	"crypto/tls"
	"fmt"
	"strings"
	"testing"

	"mqttlb/proxy/tlsterm"
)

// The list and the line of a session say how its client was secured, hours after the handshake.
func TestSessionSaysHowItsClientIsSecured(t *testing.T) {
	for version, want := range map[uint16]tlsterm.Agreed{
		tls.VersionTLS12: {Version: "TLSv1.2", Cipher: "ECDHE-ECDSA-AES128-GCM-SHA256"},
		tls.VersionTLS13: {Version: "TLSv1.3", Cipher: "TLS_AES_128_GCM_SHA256"},
	} {
		t.Run(want.Version, func(t *testing.T) {
			r := startTLS(t, []string{startNode(t, nil).address()})
			cache := tls.NewLRUClientSessionCache(1)
			for _, want.Resumed = range []bool{false, true} {
				c := r.dialBare(r.srv.Addr("mqtt"))
				c.secure(func(config *tls.Config) {
					config.MaxVersion, config.ClientSessionCache = version, cache
					config.Certificates = []tls.Certificate{testCA().Issue("device 7").TLS}
				})
				c.send(connect311)
				c.expect(connack311) // the tickets of 1.3 come before it
				if list := r.list(FilterSpec{Address: "127.0.0.1"}); len(list) != 1 || list[0].Handshake != (tlsterm.Summary{Agreed: want, ServerName: "broker.example", CommonName: "device 7"}) {
					t.Errorf("the list has %+v", list)
				}
				_ = c.Close()
				line := r.lineOf(c.LocalAddr().String())
				fields := fmt.Sprintf(` tls=%s tls_cipher=%s tls_resumed=%t sni=broker.example tls_cn="device 7" `, want.Version, want.Cipher, want.Resumed)
				if !strings.Contains(line, fields) {
					t.Errorf("the line is %s, want %s", line, fields)
				}
			}
		})
	}
}

// Whoever looks for a device whose handshakes fail finds the name that it asks for.
func TestLineOfAFailedHandshakeHasTheName(t *testing.T) {
	r := startTLS(t, []string{startNode(t, nil).address()})
	for sent, shown := range map[string]string{"old.example": "old.example", strings.Repeat("x", 300): strings.Repeat("x", 256)} {
		c := r.dialBare(r.srv.Addr("mqtt"))
		over := tls.Client(c.Conn, clientTLS(func(config *tls.Config) {
			config.ServerName, config.MinVersion, config.MaxVersion = sent, tls.VersionTLS10, tls.VersionTLS11
		}))
		if err := over.HandshakeContext(t.Context()); err == nil {
			t.Error("there was a handshake of TLS 1.1")
		}
		_ = c.Close()
		if line := r.lineOf(c.LocalAddr().String()); !strings.Contains(line, " sni="+shown+" ") || strings.Contains(line, " tls=") {
			t.Errorf("the line is %s", line)
		}
	}
}
