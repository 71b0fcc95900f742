package dns

import (
	"errors"
	"slices"
	"testing"
	"time"

	wire "github.com/miekg/dns"
)

// packed returns the bytes of a reply to a question, changed by a function.
func packed(f *testing.F, question *wire.Msg, change func(*wire.Msg), records ...string) []byte {
	f.Helper()
	reply := new(wire.Msg).SetReply(question)
	reply.RecursionAvailable = true
	for _, text := range records {
		rr, err := wire.NewRR(text)
		if err != nil {
			f.Fatal(err)
		}
		reply.Answer = append(reply.Answer, rr)
	}
	if change != nil {
		change(reply)
	}
	b, err := reply.Pack()
	if err != nil {
		f.Fatal(err)
	}
	return b
}

// FuzzReply checks that no reply of a server makes anything but sound answers, or an error.
func FuzzReply(f *testing.F) {
	types := []uint16{typeA, typeAAAA, typeSRV, typePTR}
	ask := func(kind uint8) *wire.Msg {
		question := new(wire.Msg).SetQuestion("a.example.", types[int(kind)%len(types)])
		question.Id = 7
		return question
	}
	f.Add(uint8(0), packed(f, ask(0), nil, "a.example. 5 CNAME b.example.", "b.example. 0 A 127.0.0.1", "b.example. 4294967295 A 127.0.0.1"))
	f.Add(uint8(0), packed(f, ask(0), nil, "a.example. 5 CNAME b.example.", "b.example. 0 CNAME a.example."))
	f.Add(uint8(1), packed(f, ask(1), nil, "a.example. 5 AAAA ::ffff:127.0.0.1", "a.example. 5 AAAA ::1"))
	f.Add(uint8(2), packed(f, ask(2), nil, "a.example. 5 SRV 1 2 3 b.example.", "a.example. 5 SRV 1 2 3 .", `a.example. 5 SRV 1 2 3 \000.example.`))
	f.Add(uint8(3), packed(f, ask(3), nil, "a.example. 5 PTR B.example.", `a.example. 5 PTR a\.b.example.`))
	f.Add(uint8(0), packed(f, ask(0), func(m *wire.Msg) { m.Rcode = wire.RcodeNameError }))
	f.Add(uint8(0), packed(f, ask(0), func(m *wire.Msg) { m.Rcode, m.Question = wire.RcodeFormatError, nil }))
	f.Add(uint8(0), packed(f, ask(0), func(m *wire.Msg) { m.Question[0].Name = "b.example." }, "a.example. 5 A 127.0.0.1"))
	f.Fuzz(func(t *testing.T, kind uint8, b []byte) {
		question := ask(kind)
		reply, err := readReply(b, question)
		if err != nil {
			return
		}
		a, err := readAnswer(reply, "a.example.", question.Question[0].Qtype)
		if empty := errors.Is(err, ErrNoRecords); (err == nil || empty) && (a.ttl < minTTL || a.ttl > maxTTL || empty && a.ttl > maxEmptyTTL) {
			t.Errorf("a TTL of %v", a.ttl)
		}
		if err != nil {
			return
		}
		if len(a.records) == 0 || len(a.records) > maxRecords {
			t.Errorf("%d records", len(a.records))
		}
		for _, addr := range a.addrs() {
			if !addr.IsValid() || addr.Is4In6() || addr.Zone() != "" {
				t.Errorf("the address %v", addr)
			}
		}
		if services, err := a.services(); question.Question[0].Qtype == typeSRV && err == nil {
			for _, s := range services {
				if !isHostName(s.Target) || s.Port == 0 || s.Target != plain(s.Target) {
					t.Errorf("%+v", s)
				}
			}
			if len(slices.Compact(services)) != len(services) || len(services) == 0 {
				t.Errorf("%+v", services)
			}
		}
		if names, err := a.names(); question.Question[0].Qtype == typePTR && err == nil {
			for _, name := range names {
				if !isHostName(name) || name != plain(name) {
					t.Errorf("the name %q", name)
				}
			}
		}
	})
}

func TestEmptyAnswerIsEmptyForTheTimeOfItsZone(t *testing.T) {
	for _, c := range []struct {
		soa  string
		want time.Duration
	}{
		{"example. 20 SOA ns. admin. 1 2 3 4 10", 10 * time.Second},
		{"example. 10 SOA ns. admin. 1 2 3 4 20", 10 * time.Second},
		{"example. 3600 SOA ns. admin. 1 2 3 4 3600", maxEmptyTTL},
		{"example. 0 SOA ns. admin. 1 2 3 4 0", minTTL},
		{"example. 10 NS ns.", emptyTTL},
	} {
		rr, err := wire.NewRR(c.soa)
		if err != nil {
			t.Fatal(err)
		}
		if got := emptyTTLOf(&wire.Msg{Ns: []wire.RR{rr}}); got != c.want {
			t.Errorf("%s: %v, want %v", c.soa, got, c.want)
		}
	}
}
