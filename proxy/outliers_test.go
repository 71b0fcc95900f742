//go:build linux

package proxy

import (
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"mqttlb/balancer"
	"mqttlb/proxy/snapshot"
)

// refusesLogin answers a CONNECT with the return code 5, not authorized.
func refusesLogin(c net.Conn) {
	if _, err := c.Read(make([]byte, 1024)); err == nil {
		_, _ = c.Write([]byte("\x20\x02\x00\x05"))
	}
}

// A node that refuses connections comes last, and its clients no longer wait for it. A node that turns
// all its clients away with a code that is their fault is none.
func TestSessionsMakeANodeAnOutlier(t *testing.T) {
	inModesAbreast(t, []mode{mqttToMQTT, wsToMQTT, wssToWSS}, func(t *testing.T, m mode) {
		strict, good := m.startNode(t, refusesLogin), m.startNode(t, nil)
		r := m.start(t, []string{refusing, strict.address(), good.address()})
		r.apply(r.pool(func(spec *balancer.PoolSpec) { spec.Outliers = true }))
		i := 0
		come := func() {
			c := r.dial()
			c.send(connectAs(fmt.Sprint("device-", i)))
			i++
			if _, err := io.ReadFull(c, make([]byte, 4)); err != nil {
				t.Fatal(err)
			}
			_ = c.Close()
		}
		eventually(t, "an outlier", func() bool {
			come()
			return strings.Contains(r.log.String(), "node is an outlier")
		})
		r.waitLine("msg=\"node is an outlier: it is tried after the others\" node=node-a pool=pool address=" + refusing + " failed=100% peers=0% for=10s")
		if r.node(1).IsOutlier() || r.node(2).IsOutlier() || r.node(0).State() != balancer.Up {
			t.Errorf("outliers: %v, %v; the first node is %v", r.node(1).IsOutlier(), r.node(2).IsOutlier(), r.node(0).State())
		}
		before := r.dialErrors(0)
		for range 10 {
			come()
		}
		if after := r.dialErrors(0); after != before {
			t.Errorf("%d clients of 10 have tried the outlier first", after-before)
		}
		r.apply(r.pool(func(spec *balancer.PoolSpec) { spec.Outliers = false }))
		r.waitLine("msg=\"node is no outlier any more\" node=node-a")
	})
}

// A listener that reads no CONNACK compares the nodes by the connections that they accept.
func TestConnectionsMakeANodeAnOutlierWhereNoConnackIsRead(t *testing.T) {
	r := start(t, []string{refusing, startNode(t, nil).address()}, func(s *snapshot.Snapshot) { s.Listeners[0].Protocol = snapshot.TCP })
	r.apply(r.pool(func(spec *balancer.PoolSpec) { spec.Outliers, spec.Algorithm = true, balancer.RoundRobin }))
	eventually(t, "an outlier", func() bool {
		_ = r.open("c1").Close()
		return r.node(0).IsOutlier()
	})
	if r.node(1).IsOutlier() {
		t.Error("the good node is an outlier, too")
	}
}

// Clients that send no whole CONNECT, or leave before their CONNACK, say nothing about a node.
func TestClientsMakeNoNodeAnOutlier(t *testing.T) {
	held := make(chan struct{})
	slow := startNode(t, func(c net.Conn) {
		<-held
		_, _ = io.Copy(io.Discard, c)
	})
	defer close(held)
	r := start(t, []string{refusing, slow.address(), startNode(t, nil).address(), startNode(t, nil).address()})
	r.apply(r.pool(func(spec *balancer.PoolSpec) { spec.Outliers = true }))
	leave := func(opening []byte) {
		c := r.dial()
		c.send(opening)
		_ = c.Conn.(*net.TCPConn).SetLinger(0)
		_ = c.Close() // with RST
	}
	i := 0
	eventually(t, "an outlier", func() bool {
		id := fmt.Sprint("device-", i)
		i++
		if opening := connectAs(id); r.chosen(id) == "node-b" {
			leave(opening)
			leave(opening[:7])
			leave([]byte("GET / HTTP/1.1\r\n\r\n"))
		} else if !r.secondIs(id, "node-b") {
			_ = r.open(id).Close()
		}
		return r.node(0).IsOutlier()
	})
	if r.node(1).IsOutlier() {
		t.Error("the node whose clients leave is an outlier")
	}
}

// A client whose CONNECT makes brokers close is turned away by all of them, and says nothing about its
// nodes: otherwise it could put good ones behind the others.
func TestAClientThatEveryNodeTurnsAwayMakesNoOutlier(t *testing.T) {
	judges := func(c net.Conn) {
		if sent := readConnectFrom(c, 0); strings.Contains(string(sent), "wrong") {
			_ = c.Close()
			return
		}
		_, _ = c.Write([]byte("\x20\x02\x00\x00"))
		_, _ = io.Copy(io.Discard, c)
	}
	var nodes []string
	for range 4 {
		nodes = append(nodes, startNode(t, judges).address())
	}
	r := start(t, append([]string{refusing}, nodes...), func(s *snapshot.Snapshot) {
		s.Listeners[0].Pool.Confirm = snapshot.Confirm{Attempts: 2, Time: patience}
	})
	r.apply(r.pool(func(spec *balancer.PoolSpec) { spec.Outliers = true }))
	wrong := ""
	for i := 0; wrong == ""; i++ { // of one node only, and not of the one that refuses
		if id := fmt.Sprint("wrong-", i); r.chosen(id) == "node-b" && r.secondIs(id, "node-c") {
			wrong = id
		}
	}
	i := 0
	eventually(t, "an outlier", func() bool {
		for range 3 {
			c := r.dial()
			c.send(connectAs(wrong))
			_, _ = io.Copy(io.Discard, c)
			_ = c.Close()
		}
		_ = r.open(fmt.Sprint("device-", i)).Close()
		i++
		return r.node(0).IsOutlier() || r.node(1).IsOutlier() || r.node(2).IsOutlier()
	})
	if r.node(1).IsOutlier() || r.node(2).IsOutlier() {
		t.Error("a good node is an outlier")
	}
}

// A node that is silent until timeouts.connack is over has failed its client, which is not sent to another one.
func TestASilentNodeIsAnOutlier(t *testing.T) {
	silent := startNode(t, func(c net.Conn) { _, _ = io.Copy(io.Discard, c) })
	r := start(t, []string{silent.address(), startNode(t, nil).address()}, confirming, func(s *snapshot.Snapshot) {
		s.Timeouts.Connack = 50 * time.Millisecond
	})
	r.apply(r.pool(func(spec *balancer.PoolSpec) { spec.Outliers = true }))
	i := 0
	eventually(t, "an outlier", func() bool {
		c := r.dial()
		c.send(connectAs(fmt.Sprint("device-", i)))
		i++
		_, _ = io.ReadFull(c, make([]byte, 4))
		_ = c.Close()
		return r.node(0).IsOutlier()
	})
}

// Most clients of a frozen node give up before timeouts.connack is over. Those that have waited for long count.
func TestASilentNodeThatClientsLeaveIsAnOutlier(t *testing.T) {
	inModesAbreast(t, []mode{mqttToMQTT, wsToMQTT, wssToWSS}, func(t *testing.T, m mode) {
		got := make(chan struct{}, 1000)
		silent := m.startNode(t, func(c net.Conn) {
			if _, err := c.Read(make([]byte, 1024)); err == nil {
				got <- struct{}{}
			}
			_, _ = io.Copy(io.Discard, c)
		})
		r := prepare(t, []string{silent.address(), m.startNode(t, nil).address()}, m.set)
		r.srv.waits.silence = time.Millisecond
		r.run()
		r.apply(r.pool(func(spec *balancer.PoolSpec) { spec.Outliers = true }))
		i := 0
		eventually(t, "an outlier", func() bool {
			id := fmt.Sprint("device-", i)
			i++
			if r.chosen(id) != "node-a" {
				_ = r.open(id).Close()
				return r.node(0).IsOutlier()
			}
			c := r.dial()
			c.send(connectAs(id))
			eventually(t, "its node has the CONNECT", func() bool { // unless it has just become an outlier
				return len(got) > 0 || r.node(0).IsOutlier()
			})
			time.Sleep(2 * time.Millisecond) //nolint:forbidigo // the client waits
			for len(got) > 0 {
				<-got
			}
			_ = c.Close()
			return r.node(0).IsOutlier()
		})
		if r.node(1).IsOutlier() {
			t.Error("the good node is an outlier")
		}
	})
}

// secondIs reports whether an identifier's second candidate is the node of this name.
func (r *rig) secondIs(id, name string) bool {
	return r.srv.Route(asking(id, ""))[0].Choices[1].Node.Name == name
}
