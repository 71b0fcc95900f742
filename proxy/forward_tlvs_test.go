package proxy

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"io"
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/pires/go-proxyproto"

	"mqttlb/proxy/opening"
	"mqttlb/proxy/outcome"
	"mqttlb/proxy/snapshot"
	"mqttlb/proxy/tlv"
)

// behindProxy has a listener trust the proxies of the test, and its pool pass on TLVs.
func behindProxy(kinds tlv.Kinds) setting {
	return func(s *snapshot.Snapshot) {
		ln := s.Listeners[0]
		ln.AcceptProxy, ln.Trusted = true, loopback
		ln.Pool.SendProxy, ln.Pool.ForwardTLVs = 2, kinds
	}
}

const allKinds = tlv.SSL | tlv.UniqueID | tlv.Authority

// ofProxy is what a proxy says about its client.
var ofProxy = tlv.Set{
	Session: tlv.Session{Client: 7, Version: "TLSv1.2", CommonName: "device of the proxy", Cipher: "ECDHE-RSA-AES128-GCM-SHA256"},
	Secure:  true, UniqueID: "unique \x00\xff", Authority: "front.example",
}

// headerOf returns the header of a proxy with a checksum, for a client at 192.0.2.7.
func headerOf(set tlv.Set) []byte {
	b := []byte("\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x00\xc0\x00\x02\x07\xc0\x00\x02\x09\x9c\x40\x07\x5b\x03\x00\x04\x00\x00\x00\x00")
	sum := len(b) - 4
	b, _ = set.Append(b, 4096-len(b))
	binary.BigEndian.PutUint16(b[14:], uint16(len(b)-16))
	binary.BigEndian.PutUint32(b[sum:], crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)))
	return b
}

// toldTLVs returns the TLVs of the PROXY header at the start of b, which holds nothing that its proxy did not
// ask for.
func toldTLVs(t *testing.T, b []byte) tlv.Set {
	t.Helper()
	h, err := opening.ReadProxyHeader(b)
	if err != nil || h.Source.String() != "192.0.2.7:40000" || h.Destination.String() != "192.0.2.9:1883" || h.Length > tlv.MaxHeader {
		t.Errorf("the node was told %+v, %v", h, err)
	}
	if list, err := proxyproto.SplitTLVs(h.TLVs); err != nil || slices.ContainsFunc(list, func(v proxyproto.TLV) bool { return v.Type == proxyproto.PP2_TYPE_CRC32C }) {
		t.Errorf("the node was told %v, %v", list, err)
	}
	return tlv.Read(h.TLVs)
}

// A node gets what a trusted proxy has said, and so does the next node after it. Where TLS ends in the
// proxy under test, its own session is what counts.
func TestTLVsOfATrustedProxyReachTheNode(t *testing.T) {
	inEachMode(t, func(t *testing.T, m mode) {
		first := make(chan []byte, 2)
		behind := m.startNode(t, nil)
		var met atomic.Int32
		before := func(c net.Conn) { // a node's first bytes are read here, and then by the node behind
			b := make([]byte, 4096)
			n, err := c.Read(b)
			if err != nil {
				return
			}
			first <- b[:n]
			h, err := opening.ReadProxyHeader(b[:n])
			if err != nil || met.Add(1) == 1 {
				return
			}
			on, err := net.Dial("tcp", behind.address())
			if err != nil {
				return
			}
			defer on.Close()
			_, _ = on.Write(b[h.Length:n])
			go func() { // ends with c
				_, _ = io.Copy(struct{ io.Writer }{on}, struct{ io.Reader }{c}) // no splice, whose pipes outlive it
				_ = on.(*net.TCPConn).CloseWrite()
			}()
			_, _ = io.Copy(struct{ io.Writer }{c}, struct{ io.Reader }{on})
		}
		r := m.start(t, []string{startNode(t, before).address(), startNode(t, before).address()}, behindProxy(allKinds), confirming)
		c := r.dialBare(r.srv.Addr("mqtt"))
		c.Conn = &prefixed{Conn: c.Conn, before: headerOf(ofProxy)}
		r.handshakeAndUpgrade(c)
		c.send(connect311)
		c.expect(connack311)
		for range 2 {
			got, want := toldTLVs(t, <-first), ofProxy
			if m.tls {
				want.Authority = clientTLS(nil).ServerName
				if want.Session = got.Session; want.Session.CommonName != "" || want.Session.Version != "TLSv1.3" || want.Session.Verify == 0 {
					t.Errorf("the node was told %+v", got)
				}
			}
			if got != want {
				t.Errorf("the node was told %+v, want %+v", got, want)
			}
		}
	})
}

func TestTLVsThatAPoolDoesNotPassOnEndHere(t *testing.T) {
	for _, kinds := range []tlv.Kinds{0, tlv.SSL, tlv.UniqueID, tlv.Authority, allKinds} {
		backend := startNode(t, nil)
		r := start(t, []string{backend.address()}, behindProxy(kinds))
		c := r.dial()
		c.send(append(headerOf(ofProxy), connect311...))
		c.expect(connack311)
		if got, want := toldTLVs(t, backend.firstWrites()[0]), ofProxy.Only(kinds); got != want {
			t.Errorf("%s: the node was told %+v", kinds, got)
		}
	}
}

// A peer that is not trusted cannot put TLVs into the header of its connection.
func TestTLVsOfAStrangerEndWithItsConnection(t *testing.T) {
	backend := startNode(t, nil)
	r := start(t, []string{backend.address()}, behindProxy(allKinds), func(s *snapshot.Snapshot) { s.Listeners[0].Trusted = nil })
	c := r.dial()
	c.send(append(headerOf(ofProxy), connect311...))
	c.rest()
	r.waitOutcome(outcome.UntrustedProxy, 1)
	if n := len(backend.firstWrites()); n > 0 {
		t.Errorf("%d nodes were reached", n)
	}
}

// A node that takes the Common Name for the user never gets the client without the name that the proxy
// has said, nor with a part of it.
func TestClientWithACommonNameThatCannotBePassedOnIsRefused(t *testing.T) {
	backend := startNode(t, nil)
	r := start(t, []string{backend.address()}, behindProxy(allKinds))
	for i, row := range []struct {
		fault  string
		change func(*tlv.Session)
	}{
		{"Common Name has 257 bytes, more than 256", func(s *tlv.Session) { s.CommonName = strings.Repeat("c", 257) }},
		{"Common Name is not UTF-8", func(s *tlv.Session) { s.CommonName = "\xff" }},
		{"Common Name has a control character", func(s *tlv.Session) { s.CommonName = "a\x00b" }},
		{"cannot pass on ssl: the SSL TLV needs 428 bytes in the header for a node, and 400 are the most",
			func(s *tlv.Session) { s.Cipher = strings.Repeat("c", 404) }},
	} {
		set := ofProxy
		set.Session.CommonName = ""
		row.change(&set.Session)
		c := r.dial()
		c.send(append(headerOf(set), connect311...))
		if got := c.rest(); len(got) > 0 {
			t.Errorf("%s: answered % x", row.fault, got)
		}
		r.waitOutcome(outcome.BadProxyHeader, uint64(i+1))
		r.waitLine(row.fault)
	}
	if n := len(backend.firstWrites()); n > 0 {
		t.Errorf("%d nodes were reached", n)
	}

	r = start(t, []string{backend.address()}, behindProxy(tlv.UniqueID)) // nobody asks for the name
	c := r.dial()
	set := ofProxy
	set.Session.CommonName = strings.Repeat("c", 257)
	c.send(append(headerOf(set), connect311...))
	c.expect(connack311)
}

// The longest name that is passed on leaves no room for a long host.
func TestTLVsThatDoNotFitAreLeftOutAndLogged(t *testing.T) {
	backend := startNode(t, nil)
	r := start(t, []string{backend.address()}, behindProxy(allKinds))
	set := ofProxy
	set.Session.CommonName, set.Authority = strings.Repeat("c", 256), strings.Repeat("a", 255)
	c := r.dial()
	c.send(append(headerOf(set), connect311...))
	c.expect(connack311)
	if got, want := toldTLVs(t, backend.firstWrites()[0]), set.Only(tlv.SSL|tlv.UniqueID); got != want {
		t.Errorf("the node was told %+v", got)
	}
	r.waitLine("left_out=authority")
}

// The TLVs are gone as soon as the node has answered. An idle session keeps nothing of them.
func TestSessionThatRunsKeepsNoTLVs(t *testing.T) {
	r := start(t, []string{startNode(t, nil).address()}, behindProxy(allKinds))
	c := r.dial()
	c.send(append(headerOf(ofProxy), connect311...))
	c.expect(connack311)
	eventually(t, "the session runs", func() bool {
		running := false
		r.each(func(s *session) { running = s.pending == nil })
		return running
	})
	free := 0
	for _, l := range r.srv.engine.loops {
		done := make(chan int)
		l.Do(func() {
			n := 0
			for _, o := range l.openings {
				if o.Front != nil {
					n++
				}
			}
			done <- n
		})
		free += <-done
	}
	if free > 0 {
		t.Errorf("%d structs for the next session keep TLVs", free)
	}
}

// LOCAL is the proxy's own connection, of which no TLV counts, and UNSPEC has TLVs and no address.
func TestHeadersWithoutAddressesAndTheirTLVs(t *testing.T) {
	tlvs, _ := (&tlv.Set{UniqueID: "id"}).Append(nil, 4096)
	for command, want := range map[string]tlv.Set{"\x20\x00": {}, "\x21\x00": {UniqueID: "id"}} {
		backend := startNode(t, nil)
		r := start(t, []string{backend.address()}, behindProxy(allKinds))
		c := r.dial()
		header := append([]byte("\r\n\r\n\x00\r\nQUIT\n"+command), 0, byte(len(tlvs)))
		c.send(slices.Concat(header, tlvs, connect311))
		c.expect(connack311)
		h, err := opening.ReadProxyHeader(backend.firstWrites()[0])
		if err != nil || h.Source != addrOf(c) || tlv.Read(h.TLVs) != want {
			t.Errorf("command %q: the node was told %+v, %v", command, h, err)
		}
	}
}

// The longest header of ours fits the room that is kept before the client's first bytes.
func TestLongestHeaderFitsTheHeadroom(t *testing.T) {
	set := tlv.Set{Secure: true, UniqueID: strings.Repeat("u", 128), Authority: strings.Repeat("a", 255)}
	set.Session.CommonName = strings.Repeat("c", 256)
	b, _ := set.Append(make([]byte, 52), tlv.MaxHeader-52)
	if len(b) > headroom || tlv.MaxHeader > headroom {
		t.Errorf("%d bytes", len(b))
	}
	if _, err := proxyproto.Read(bufio.NewReader(bytes.NewReader(headerOf(set)))); err != nil {
		t.Error(err)
	}
}
