package main_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	v5 "github.com/eclipse/paho.golang/packets"
	v3 "github.com/eclipse/paho.mqtt.golang/packets"

	"mqttlb/proxy/proxytest"
)

// part is what an actor does with a new client.
type part uint8

const (
	serves    part = iota
	evacuates      // refuses it: use another server (MQTT 5), server unavailable (3.1.1)
	closes         // closes the connection at once, as EMQX does at its max_connections
	stalls         // reads its CONNECT and does not answer
	freezes        // nor does its management port
)

// actor is a broker that plays a part, until the test gives it another one. It acknowledges a PUBLISH
// when it has noted it. Its management port answers like EMQX 5.
type actor struct {
	name, addr string

	mu       sync.Mutex // guards the fields below, and puts the packets to a client in order
	part     part
	ln       net.Listener // nil: it is dead
	conns    map[net.Conn]bool
	guests   map[string]guest
	arrivals []newcomer
	noted    map[string]bool // payloads of PUBLISH

	accepting sync.WaitGroup
	serving   sync.WaitGroup
}

// guest is a client that an actor has accepted.
type guest struct {
	net.Conn
	version byte
}

// newcomer is a CONNECT that an actor has accepted.
type newcomer struct {
	id string
	at time.Time
}

// startActors starts brokers on addresses of their own, with management ports of one number. No other test
// uses the network, such as 127.9.7: it would take the port of a broker that is dead.
func startActors(t *testing.T, network string, names ...string) (actors []*actor, managementPort string) {
	t.Helper()
	_, managementPort, _ = net.SplitHostPort(proxytest.FreeAddr(t, network+".1"))
	for i, name := range names {
		ip := fmt.Sprintf("%s.%d", network, i+1)
		a := &actor{
			name: name, addr: proxytest.FreeAddr(t, ip),
			conns: map[net.Conn]bool{}, guests: map[string]guest{}, noted: map[string]bool{},
		}
		ln, err := net.Listen("tcp", net.JoinHostPort(ip, managementPort))
		if err != nil {
			t.Fatal(err)
		}
		server := &http.Server{Handler: a.unlessFrozen(a.manager()), ReadHeaderTimeout: patience}
		a.serving.Go(func() { _ = server.Serve(ln) }) // ends with the server
		t.Cleanup(func() {
			_ = server.Close()
			a.die()
			a.serving.Wait()
		})
		a.rise(t)
		actors = append(actors, a)
	}
	return actors, managementPort
}

// play gives the actor another part. Its guests stay.
func (a *actor) play(p part) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.part = p
}

// rise makes the actor accept connections, at the address that it had before.
func (a *actor) rise(t *testing.T) {
	t.Helper()
	ln, err := net.Listen("tcp", a.addr)
	if err != nil {
		t.Fatal(err)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.ln = ln
	a.accepting.Go(func() { // ends with ln
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			a.serving.Go(func() { a.serve(conn) }) // ends with the connection
		}
	})
}

// die resets all connections and refuses new ones, as a process that is killed.
func (a *actor) die() {
	defer a.accepting.Wait() // only then the address is free for rise
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.ln != nil {
		a.ln.Close()
		a.ln = nil
	}
	for conn := range a.conns {
		_ = conn.(*net.TCPConn).SetLinger(0)
		conn.Close()
	}
	clear(a.guests)
}

// evict tells up to n guests to use another server, and returns their identifiers.
func (a *actor) evict(n int) (ids []string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for id, g := range a.guests {
		if len(ids) == n {
			break
		}
		if g.version == 5 {
			(&v5.Disconnect{ReasonCode: v5.DisconnectUseAnotherServer, Properties: &v5.Properties{}}).WriteTo(g)
		}
		g.Close()
		delete(a.guests, id)
		ids = append(ids, id)
	}
	return ids
}

// open returns the identifiers of its guests.
func (a *actor) open() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Sorted(maps.Keys(a.guests))
}

// arrived returns how often each client has arrived.
func (a *actor) arrived() map[string]int {
	a.mu.Lock()
	defer a.mu.Unlock()
	times := map[string]int{}
	for _, in := range a.arrivals {
		times[in.id]++
	}
	return times
}

// most returns the most clients that have arrived within a period.
func (a *actor) most(period time.Duration) (most int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	first := 0
	for i, in := range a.arrivals {
		for in.at.Sub(a.arrivals[first].at) > period {
			first++
		}
		most = max(most, i-first+1)
	}
	return most
}

func (a *actor) serve(conn net.Conn) {
	defer conn.Close()
	a.mu.Lock()
	plays := a.part != closes && a.ln != nil
	if plays {
		a.conns[conn] = true
	}
	a.mu.Unlock()
	if !plays {
		return
	}
	in := bufio.NewReader(conn)
	if id, version, err := readConnect(in); err == nil {
		g := guest{conn, version}
		switch a.meet(id, g) {
		case serves:
			a.acknowledge(g, in)
		case stalls, freezes:
			io.Copy(io.Discard, in)
		case evacuates, closes:
		}
		a.mu.Lock()
		if a.guests[id] == g {
			delete(a.guests, id)
		}
		a.mu.Unlock()
	}
	a.mu.Lock()
	delete(a.conns, conn)
	a.mu.Unlock()
}

// meet answers a CONNECT, and returns the part in which it did.
func (a *actor) meet(id string, g guest) part {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch a.part {
	case evacuates:
		writeConnack(g, g.version, v5.ConnackUseAnotherServer, 3)
	case serves:
		if old, ok := a.guests[id]; ok {
			old.Close() // a takeover
		}
		a.guests[id] = g
		a.arrivals = append(a.arrivals, newcomer{id, time.Now()})
		writeConnack(g, g.version, 0, 0)
	case closes, stalls, freezes:
	}
	return a.part
}

// acknowledge notes and acknowledges each PUBLISH, until the client or the actor ends the connection.
// PUBLISH and PUBACK of MQTT 5 have an empty list of properties more.
func (a *actor) acknowledge(g guest, in *bufio.Reader) {
	for {
		var payload []byte
		var answer bytes.Buffer
		if g.version == 5 {
			p, err := v5.ReadPacket(in)
			if err != nil {
				return
			}
			if m, ok := p.Content.(*v5.Publish); ok {
				payload = m.Payload
				(&v5.Puback{PacketID: m.PacketID, Properties: &v5.Properties{}}).WriteTo(&answer)
			}
		} else {
			p, err := v3.ReadPacket(in)
			if err != nil {
				return
			}
			if m, ok := p.(*v3.PublishPacket); ok {
				payload = m.Payload
				ack := v3.NewControlPacket(v3.Puback).(*v3.PubackPacket)
				ack.MessageID = m.MessageID
				_ = ack.Write(&answer)
			}
		}
		if payload == nil {
			continue
		}
		a.mu.Lock()
		a.noted[string(payload)] = true
		_, err := g.Write(answer.Bytes())
		a.mu.Unlock()
		if err != nil {
			return
		}
	}
}
