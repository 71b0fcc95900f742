package dnstest

import (
	"net"
	"strings"

	wire "github.com/miekg/dns"
)

// Behavior is a way to answer.
type Behavior int

// The ways to answer.
const (
	Answer        Behavior = iota // with the records that are set
	ServFail                      // SERVFAIL
	Refuse                        // REFUSED
	Empty                         // with no record, but the name exists
	NXDomain                      // the name does not exist
	Silent                        // not at all
	Truncate                      // truncated over UDP, as set over TCP
	TruncateAll                   // truncated over UDP and TCP
	WrongID                       // over UDP with another ID, as set over TCP
	WrongQuestion                 // over UDP as if something else had been asked, as set over TCP
	Garbage                       // over UDP with what is no DNS message, as set over TCP
	Reset                         // over TCP not at all, the connection is closed; truncated over UDP
	NoEDNS                        // FORMERR, without the question, to questions with EDNS0
	Referral                      // as a server that knows nothing of the name and asks no other one
)

// ServeDNS implements the handler of the library.
func (s *Server) ServeDNS(w wire.ResponseWriter, question *wire.Msg) {
	q := question.Question[0]
	name := wire.CanonicalName(q.Name)
	text := wire.TypeToString[q.Qtype] + " " + strings.TrimSuffix(name, ".")
	_, udp := w.RemoteAddr().(*net.UDPAddr)
	behavior, reply := s.reply(question, name, text, udp)
	switch {
	case behavior == Silent:
		return
	case behavior == Reset && !udp:
		w.Close()
		return
	case behavior == Garbage && udp:
		_, _ = w.Write([]byte("HTTP/1.1 400 Bad Request\r\n\r\n"))
		return
	}
	if len(question.Extra) > 0 && len(reply.Question) > 0 {
		reply.SetEdns0(1232, false)
	}
	if udp {
		reply.Truncate(1232)
	}
	if behavior == TruncateAll || udp && (behavior == Truncate || behavior == Reset) {
		reply.Truncated, reply.Answer = true, nil
	}
	_ = w.WriteMsg(reply) // fails if the client has gone
}

// reply notes a question, and returns how to answer it and the reply.
func (s *Server) reply(question *wire.Msg, name, text string, udp bool) (Behavior, *wire.Msg) {
	s.mu.Lock()
	defer s.mu.Unlock()
	note := text
	if !udp {
		note += " over TCP"
	}
	s.questions = append(s.questions, note)
	close(s.asked)
	s.asked = make(chan struct{})

	reply := new(wire.Msg).SetReply(question)
	reply.RecursionAvailable = true
	b := s.behaviorOf(text, strings.TrimSuffix(name, "."))
	switch {
	case b == ServFail:
		reply.Rcode = wire.RcodeServerFailure
	case b == Refuse:
		reply.Rcode = wire.RcodeRefused
	case b == NoEDNS && len(question.Extra) > 0:
		reply.Rcode, reply.Question = wire.RcodeFormatError, nil
	case b == Referral:
		reply.RecursionAvailable = false
	case b == Empty || b == NXDomain:
		empty(reply, name, b == NXDomain)
	default:
		s.answer(reply, name, question.Question[0].Qtype)
	}
	switch {
	case udp && b == WrongID:
		reply.Id++
	case udp && b == WrongQuestion:
		reply.Question = []wire.Question{{Name: "other.example.", Qtype: wire.TypeA, Qclass: wire.ClassINET}}
	}
	return b, reply
}

// behaviorOf returns how to answer a question.
func (s *Server) behaviorOf(keys ...string) Behavior {
	for _, key := range keys {
		if b, ok := s.behavior[key]; ok {
			return b
		}
	}
	return s.behavior[""]
}

// answer adds the records of a name and those to which its CNAME records lead.
func (s *Server) answer(reply *wire.Msg, name string, qtype uint16) {
	exists := false
	for seen := map[string]bool{}; !seen[name]; {
		seen[name] = true
		next := name
		exists = len(s.records[name]) > 0
		for _, rr := range s.records[name] {
			alias, ok := rr.(*wire.CNAME)
			if ok {
				next = wire.CanonicalName(alias.Target)
			}
			if ok || rr.Header().Rrtype == qtype {
				reply.Answer = append(reply.Answer, rr)
			}
		}
		name = next
	}
	if n := len(reply.Answer); n == 0 || reply.Answer[n-1].Header().Rrtype != qtype {
		empty(reply, name, !exists)
	}
}

// empty makes a reply one that has no records of the type, for a second.
func empty(reply *wire.Msg, name string, nxdomain bool) {
	if nxdomain {
		reply.Rcode = wire.RcodeNameError
	}
	reply.Ns = []wire.RR{&wire.SOA{
		Hdr: wire.RR_Header{Name: name, Rrtype: wire.TypeSOA, Class: wire.ClassINET, Ttl: 3600},
		Ns:  "ns.example.", Mbox: "admin.example.", Minttl: 1,
	}}
}
