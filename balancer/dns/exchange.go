package dns

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"time"

	wire "github.com/miekg/dns"
)

var (
	errTruncated = errors.New("the answer is not complete")
	errReferral  = errors.New("it does not answer such questions: it has no record of the zone and asks no other server")
	errStrange   = errors.New("the answer is to another question, or cannot be read")
	errSilent    = errors.New("no answer in time")
)

// ask asks the servers one after the other until one answers. A server that fails may have a neighbor that does not.
func (s *Stub) ask(ctx context.Context, up *upstream, fqdn string, qtype uint16) (answer, error) {
	failed := fmt.Errorf("%s: no server was asked in time: %d other questions wait for answers", plain(fqdn), atOnce)
	select {
	case s.turns <- struct{}{}:
		defer func() { <-s.turns }()
	case <-ctx.Done():
		return answer{}, failed
	}
	order := up.order(time.Now())
	for range up.attempts {
		for _, i := range order {
			server := up.servers[i]
			a, err := up.exchange(ctx, server, fqdn, qtype)
			if err == nil || errors.Is(err, ErrNoRecords) {
				return a, err
			}
			failed = fmt.Errorf("%s: DNS server %v, %s: %w", plain(fqdn), server, wire.TypeToString[qtype], err)
			if ctx.Err() != nil {
				return answer{}, failed
			}
			if errors.Is(err, errSilent) {
				up.wasSilent(i, time.Now())
			}
		}
	}
	return answer{}, failed
}

// exchange asks one server one question: over UDP first, and over TCP if the answer is too long for UDP, or may be one
// that an attacker has sent.
func (up *upstream) exchange(ctx context.Context, server netip.AddrPort, fqdn string, qtype uint16) (answer, error) {
	question := new(wire.Msg).SetQuestion(fqdn, qtype)
	question.SetEdns0(udpSize, false)
	reply, err := up.send(ctx, server, question)
	if err == nil && reply.Rcode == wire.RcodeFormatError { // a server from before 1999
		question.Id, question.Extra = wire.Id(), nil
		reply, err = up.send(ctx, server, question)
	}
	if err != nil {
		return answer{}, err
	}
	return readAnswer(reply, fqdn, qtype)
}

// send sends a question and returns the reply to it, which is not truncated.
func (up *upstream) send(ctx context.Context, server netip.AddrPort, question *wire.Msg) (*wire.Msg, error) {
	if !up.tcp {
		reply, err := sendOver(ctx, "udp", server, question, up.timeout)
		if err == nil && !reply.Truncated || err != nil && !errors.Is(err, errStrange) {
			return reply, err
		}
		question.Id = wire.Id()
	}
	reply, err := sendOver(ctx, "tcp", server, question, up.timeout)
	if err == nil && reply.Truncated {
		err = errTruncated
	}
	if err != nil {
		return nil, fmt.Errorf("over TCP: %w", err)
	}
	return reply, nil
}

// sendOver sends a question over a socket of its own, so that its port is one that an attacker has to guess. The text of
// the error is the same for the same reason.
func sendOver(ctx context.Context, network string, server netip.AddrPort, question *wire.Msg, timeout time.Duration) (*wire.Msg, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	socket, err := new(net.Dialer).DialContext(ctx, network, server.String())
	if err != nil {
		return nil, reason(ctx, err)
	}
	defer socket.Close()
	stop := context.AfterFunc(ctx, func() { socket.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	conn := &wire.Conn{Conn: socket, UDPSize: udpSize}
	if err := conn.WriteMsg(question); err != nil {
		return nil, reason(ctx, err)
	}
	b, err := conn.ReadMsgHeader(nil)
	switch {
	case errors.Is(err, wire.ErrShortRead):
		return nil, errStrange
	case err != nil:
		return nil, reason(ctx, err)
	}
	return readReply(b, question)
}

// readReply reads the reply to a question.
func readReply(b []byte, question *wire.Msg) (*wire.Msg, error) {
	reply := new(wire.Msg)
	if err := reply.Unpack(b); err != nil || !answers(reply, question) {
		return nil, errStrange
	}
	return reply, nil
}

// answers reports whether a message is the reply to a question. A server that does not know EDNS0 may repeat no question
// when it says so.
func answers(reply, question *wire.Msg) bool {
	if reply.Id != question.Id || !reply.Response || reply.Opcode != wire.OpcodeQuery {
		return false
	}
	if len(reply.Question) == 0 {
		return reply.Rcode == wire.RcodeFormatError
	}
	is, want := reply.Question[0], question.Question[0]
	return len(reply.Question) == 1 && is.Qtype == want.Qtype && is.Qclass == want.Qclass && wire.CanonicalName(is.Name) == wire.CanonicalName(want.Name)
}

// reason returns why a socket has failed, without its port.
func reason(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return errSilent
	}
	if e, ok := errors.AsType[*os.SyscallError](err); ok {
		return e.Err
	}
	if e, ok := errors.AsType[*net.OpError](err); ok {
		return e.Err
	}
	return err
}
