package tlsterm

import (
	"bytes"
	"crypto/tls"
	"encoding/base64"
	"encoding/hex"
	"strings"
	"testing"
	"time"

	"mqttlb/proxy/proxytest"
)

func hexKey(b byte) string { return hex.EncodeToString(bytes.Repeat([]byte{b}, 32)) }

// read makes the client take its ticket, which arrives before the first byte or with it.
func read(t testing.TB, m handshakeResult) {
	t.Helper()
	if _, err := m.session.Conn().Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	if _, err := m.client.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
}

func TestTicketKeyFile(t *testing.T) {
	b64 := func(b byte, n int) string { return base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{b}, n)) }
	one := func(b byte, n int) [32]byte {
		keys, err := loadTicketKeys(proxytest.TempFile(t, "k", []byte(b64(b, n))))
		if err != nil {
			t.Fatal(err)
		}
		return keys[0].secret
	}
	for _, row := range []struct {
		text string
		want []byte // the bytes of the keys, in the order of the ring
		err  string
	}{
		{b64(1, 48), []byte{1}, ""},
		{b64(1, 48) + "\n\n# the newest\n" + b64(2, 48) + "\r\n", []byte{1, 2}, ""},
		{strings.Join([]string{b64(1, 48), b64(2, 48), b64(3, 48)}, "\n"), []byte{2, 1, 3}, ""},
		{strings.Join([]string{b64(9, 48), b64(1, 48), b64(2, 48), b64(3, 48)}, "\n"), []byte{2, 1, 3}, ""},
		{strings.Repeat("01", 48), []byte{1}, ""},
		{b64(1, 31), nil, "k:1: not a key"},
		{b64(1, 48) + "\n" + b64(1, 81), nil, "k:2: not a key"},
		{"#\n", nil, "k: no ticket key"},
		{"", nil, "k: the file is empty"},
	} {
		got, err := loadTicketKeys(proxytest.TempFile(t, "k", []byte(row.text)))
		if row.err != "" {
			if err == nil || !strings.Contains(err.Error(), row.err) {
				t.Errorf("%q: got %v, want %q", row.text, err, row.err)
			}
			continue
		}
		if err != nil || len(got) != len(row.want) {
			t.Errorf("%q: %d keys, %v", row.text, len(got), err)
			continue
		}
		for i, b := range row.want {
			if got[i].secret != one(b, 48) {
				t.Errorf("%q: key %d is not made of %d", row.text, i, b)
			}
		}
	}
	if one(1, 48) == one(1, 80) {
		t.Error("the length does not count")
	}
}

func TestReplicasWithTheSameKeysResumeEachOthersSessions(t *testing.T) {
	ca := proxytest.NewCA("ca")
	shared := proxytest.TempFile(t, "tickets", []byte(hexKey(1)+"\n"+hexKey(2)+"\n"+hexKey(3)))
	share := func(o *Options) { o.TicketKeys = shared }
	for _, row := range []struct {
		name    string
		a, b    *Terminator
		resumed bool
	}{
		{"the same file", server(t, ca, share), server(t, ca, share), true},
		{"keys of their own", server(t, ca, nil), server(t, ca, nil), false},
		{"no tickets", server(t, ca, func(o *Options) { o.TicketsDisable = true }), server(t, ca, share), false},
	} {
		for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
			config := client(ca)
			config.MaxVersion = version
			config.ClientSessionCache = tls.NewLRUClientSessionCache(1)
			first := mustHandshake(t, row.a.Config(), config)
			read(t, first)
			if first.session.resumed {
				t.Errorf("%s: the first session is resumed", row.name)
			}
			if got := mustHandshake(t, row.b.Config(), config).session.resumed; got != row.resumed {
				t.Errorf("%s, %s: resumed is %v", row.name, tls.VersionName(version), got)
			}
		}
	}
}

// A replica that has not read the newest key yet opens the tickets of one that has, and the
// reverse.
func TestNewTicketKeyIsKnownBeforeItIsUsed(t *testing.T) {
	ca := proxytest.NewCA("ca")
	old := proxytest.TempFile(t, "old", []byte(hexKey(1)+"\n"+hexKey(2)+"\n"+hexKey(3)))
	appended := proxytest.TempFile(t, "new", []byte(hexKey(1)+"\n"+hexKey(2)+"\n"+hexKey(3)+"\n"+hexKey(4)))
	a := server(t, ca, func(o *Options) { o.TicketKeys = old })
	b := server(t, ca, func(o *Options) { o.TicketKeys = appended })
	for _, pair := range [][2]*Terminator{{a, b}, {b, a}} {
		config := client(ca)
		config.ClientSessionCache = tls.NewLRUClientSessionCache(1)
		read(t, mustHandshake(t, pair[0].Config(), config))
		if !mustHandshake(t, pair[1].Config(), config).session.resumed {
			t.Error("not resumed")
		}
	}
}

func TestTicketKeysRotate(t *testing.T) {
	ca := proxytest.NewCA("ca")
	now := time.Now()
	s := server(t, ca, func(o *Options) { o.Now = func() time.Time { return now } })
	seen := map[[32]byte]bool{}
	before := s.current.Load()
	now = now.Add(11 * time.Hour)
	s.rotate()
	if s.current.Load() != before || len(before.tickets) != 1 {
		t.Errorf("%d keys, or changed after 11 hours", len(before.tickets))
	}
	now = now.Add(time.Hour)
	for range 5 {
		first := s.current.Load().tickets[0].secret
		if seen[first] {
			t.Error("a key came back")
		}
		seen[first] = true
		s.rotate()
		ring := s.current.Load().tickets
		if len(ring) != 2 || ring[0].secret == first || ring[1].secret != first {
			t.Fatalf("%d keys, or the last one is not the second", len(ring))
		}
		if err := s.Reload(); err != nil || s.current.Load().tickets[0].secret != ring[0].secret {
			t.Errorf("a reload has changed the keys, or failed: %v", err)
		}
		now = now.Add(ticketRotation)
	}
}
