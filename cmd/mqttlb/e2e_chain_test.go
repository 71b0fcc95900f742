package main_test

import (
	"bufio"
	"crypto/tls"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/pires/go-proxyproto"
	"github.com/pires/go-proxyproto/tlvparse"

	"mqttlb/proxy/proxytest"
)

// headerNode is a broker that records the PROXY header of each client, and answers its CONNECT.
type headerNode struct {
	addr    string
	headers chan *proxyproto.Header
}

// startHeaderNode starts a headerNode until the test ends.
func startHeaderNode(t *testing.T) *headerNode {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	n := &headerNode{ln.Addr().String(), make(chan *proxyproto.Header, 10)}
	go func() { // ends with ln
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			go n.serve(conn) // ends with the connection
		}
	}()
	return n
}

func (n *headerNode) serve(conn net.Conn) {
	defer conn.Close()
	in := bufio.NewReader(conn)
	header, err := proxyproto.Read(in)
	if err != nil {
		return
	}
	connect := make([]byte, len(connectPacket(4, "c1")))
	if _, err := io.ReadFull(in, connect); err != nil {
		return
	}
	n.headers <- header
	if _, err := conn.Write([]byte("\x20\x02\x00\x00")); err == nil {
		_, _ = io.Copy(io.Discard, in)
	}
}

// next returns the header of the next client.
func (n *headerNode) next(t *testing.T) *proxyproto.Header {
	t.Helper()
	select {
	case h := <-n.headers:
		return h
	case <-time.After(patience):
		t.Fatal("the node got no client")
		return nil
	}
}

// joinTLS connects the client c1 with a certificate of the lab and the SNI broker.example.
func joinTLS(t *testing.T, l lab, addr, name string) *wire {
	t.Helper()
	w := dialWire(t, addr, "127.0.0.4")
	config := l.client(t, name)
	config.ServerName = "broker.example"
	secure := tls.Client(w.Conn, config)
	if err := secure.Handshake(); err != nil {
		t.Fatal(err)
	}
	w = &wire{Conn: secure, in: bufio.NewReader(secure)}
	if code, err := w.connect(4, "c1"); err != nil || code != 0 {
		t.Fatalf("code %d, %v", code, err)
	}
	return w
}

// chain are the settings of an mqttlb behind another balancer.
func chain(forward string) string {
	return strings.Replace(acceptFrom("127.0.0.0/8"), "    nodes:", "    proxy_protocol: v2\n    forward_tlvs: "+forward+"\n    nodes:", 1)
}

// front starts an HAProxy that terminates TLS and sends all that it knows about a client to addr.
func front(t *testing.T, l lab, addr string) string {
	t.Helper()
	cert, err := os.ReadFile(l.file("server.pem"))
	if err != nil {
		t.Fatal(err)
	}
	key, err := os.ReadFile(l.file("server.key"))
	if err != nil {
		t.Fatal(err)
	}
	pair := proxytest.TempFile(t, "pair.pem", cert, key)
	return startHAProxyWith(t, "ssl crt "+pair+" ca-file "+l.file("ca.pem")+" verify required",
		addr+" send-proxy-v2-ssl-cn proxy-v2-options ssl,cert-cn,cert-key,cert-sig,ssl-cipher,authority,crc32c,unique-id", "unique-id-format id-%ci:%cp")
}

// The Common Name of a client travels from a balancer that terminates TLS through mqttlb to the node.
func TestACommonNameTravelsThroughHAProxyAndMqttlb(t *testing.T) {
	t.Parallel()
	l, node := newLab(t, "device-1"), startHeaderNode(t)
	for forward, want := range map[string]int{"[ssl, authority, unique_id]": 3, "[unique_id]": 1} {
		t.Run(forward, func(t *testing.T) {
			b := serve(t, chain(forward)+"      - {name: a, address: \""+node.addr+"\"}\n")
			w := joinTLS(t, l, front(t, l, b.addrs["mqtt"]), "device-1")
			client := w.LocalAddr().String()
			h := node.next(t)
			tlvs, err := h.TLVs()
			if err != nil || h.SourceAddr.String() != client || len(tlvs) != want {
				t.Fatalf("the node got %v, %v, %v; want %d TLVs from %s", h, tlvs, err, want, client)
			}
			checkTexts(t, tlvs, map[proxyproto.PP2Type]string{proxyproto.PP2_TYPE_UNIQUE_ID: "id-" + client, proxyproto.PP2_TYPE_AUTHORITY: "broker.example"})
			if want > 1 {
				checkDevice(t, tlvs)
			}
			_ = w.Close()
			if s := b.sessionsEnded(t, 1, `"c1"`)[0]; s.Client != client {
				t.Errorf("the log has client %s, want %s", s.Client, client)
			}
		})
	}
}

// Two mqttlb stand in a row, of which the first terminates TLS, and an HAProxy that checks what it
// reads stands before the node.
func TestACommonNameTravelsThroughTwoMqttlbAndHAProxyReadsTheirHeader(t *testing.T) {
	t.Parallel()
	l, node := newLab(t, "device-1"), startHeaderNode(t)
	last := startHAProxyWith(t, "accept-proxy", node.addr+" send-proxy-v2 proxy-v2-options authority,unique-id,crc32c", "unique-id-format %[fc_pp_unique_id]")
	for name, to := range map[string]string{"to the node": node.addr, "to HAProxy": last} {
		t.Run(name, func(t *testing.T) {
			inner := serve(t, chain("[ssl, authority]")+"      - {name: a, address: \""+to+"\"}\n")
			outer := serve(t, `
listeners:
  - {name: edge, address: "${edge}", pool: inner, tls: `+l.asking()+`}
pools:
  - name: inner
    proxy_protocol: v2
    health: {probe: none}
    nodes:
      - {name: inner, address: "`+inner.addrs["mqtt"]+`"}
`)
			w := joinTLS(t, l, outer.addrs["edge"], "device-1")
			h := node.next(t)
			tlvs, err := h.TLVs()
			if err != nil || h.SourceAddr.String() != w.LocalAddr().String() {
				t.Fatalf("the node got %v, %v, %v", h, tlvs, err)
			}
			checkTexts(t, tlvs, map[proxyproto.PP2Type]string{proxyproto.PP2_TYPE_AUTHORITY: "broker.example"})
			if to == node.addr {
				checkDevice(t, tlvs)
			}
		})
	}
}

// checkTexts checks the values of TLVs that the node got; each must be among the wanted ones, and unless
// there is only one TLV all of these must be there.
func checkTexts(t *testing.T, tlvs []proxyproto.TLV, want map[proxyproto.PP2Type]string) {
	t.Helper()
	found := 0
	for _, v := range tlvs {
		if text, ok := want[v.Type]; ok && string(v.Value) != text {
			t.Errorf("TLV %#x is %q, want %q", byte(v.Type), v.Value, text)
		} else if ok {
			found++
		}
	}
	if found < len(want) && len(tlvs) > 1 || found == 0 {
		t.Errorf("the node got %v", tlvs)
	}
}

// checkDevice checks that the node got the session of device-1.
func checkDevice(t *testing.T, tlvs []proxyproto.TLV) {
	t.Helper()
	ssl, ok := tlvparse.FindSSL(tlvs)
	cn, _ := ssl.ClientCN()
	version, _ := ssl.SSLVersion()
	cipher, _ := ssl.SSLCipher()
	if !ok || cn != "device-1" || version != "TLSv1.3" || cipher == "" || !ssl.Verified() || !ssl.ClientSSL() || !ssl.ClientCertConn() {
		t.Errorf("the node got the session %+v", ssl)
	}
	if len(ssl.TLV) != 3 { // EMQX's WebSocket listeners close the connection for some others
		t.Errorf("the node got %d sub-TLVs", len(ssl.TLV))
	}
}
