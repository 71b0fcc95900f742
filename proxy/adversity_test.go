//go:build linux

package proxy

import (
	"bytes"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"mqttlb/proxy/outcome"
	"mqttlb/proxy/proxytest"
	"mqttlb/proxy/reactor"
	"mqttlb/proxy/snapshot"
)

// pauseLoops stops the loops for a while, like a paused container.
func (r *rig) pauseLoops(d time.Duration) {
	for _, l := range r.srv.engine.loops {
		l.Do(func() { time.Sleep(d) }) //nolint:forbidigo // it is the adversity
	}
}

func TestLoopThatStoodStillEndsNobodyWhoWasHeard(t *testing.T) {
	inModesAbreast(t, allModes, func(t *testing.T, m mode) {
		r := m.start(t, []string{m.startNode(t, nil).address()}, func(s *snapshot.Snapshot) {
			s.Timeouts.Idle, s.Timeouts.ConnectPacket = time.Second, time.Second
		})
		open, opening := r.open("open"), r.dial()
		opening.send(connect311[:5])
		r.pauseLoops(1500 * time.Millisecond)
		open.send([]byte("\xc0\x00"))
		opening.send(connect311[5:])
		open.expect([]byte("\xc0\x00"))
		opening.expect(connack311)
	})
}

// A client that keeps sending is not idle while its node does not read.
func TestClientUnderBackPressureIsNotIdle(t *testing.T) {
	proxytest.WaitAbreast(t)
	inModesAbreast(t, allModes, func(t *testing.T, m mode) {
		awake := make(chan struct{})
		backend := m.startNode(t, func(c net.Conn) {
			_, _ = c.Read(make([]byte, 64))
			_, _ = c.Write(connack311)
			<-awake
			_, _ = io.Copy(io.Discard, c)
		})
		r := m.start(t, []string{backend.address()}, func(s *snapshot.Snapshot) { s.Timeouts.Idle = time.Second })
		c := r.open("c1")
		sent := make(chan error)
		go func() { // ends when the node has read all of it
			_, err := io.Copy(struct{ io.Writer }{c}, zerosUntil{awake})
			sent <- err
		}()
		eventually(t, "back-pressure", func() bool { return r.held() > 0 })
		begun := int64(time.Since(r.srv.epoch))
		eventually(t, "several idle limits", func() bool { return int64(time.Since(r.srv.epoch))-begun > int64(3*time.Second) })
		if n := r.outcomes(outcome.IdleTimeout); n != 0 {
			t.Error("the session has ended as idle")
		}
		close(awake)
		if err := <-sent; err != nil {
			t.Error(err)
		}
	})
}

// zerosUntil ends once the channel is closed.
type zerosUntil struct{ end <-chan struct{} }

func (z zerosUntil) Read(b []byte) (int, error) {
	select {
	case <-z.end:
		return 0, io.EOF
	default:
		return zeros{}.Read(b)
	}
}

// While bytes are held for one side the other is not read, so only epoll reports that it is gone.
func TestSideThatBreaksWhileTheOtherIsFullIsLetGo(t *testing.T) {
	proxytest.WaitAbreast(t)
	inModesAbreast(t, allModes, func(t *testing.T, m mode) {
		t.Run("client", func(t *testing.T) {
			end := make(chan struct{})
			backend := m.startNode(t, func(c net.Conn) {
				_, _ = c.Read(make([]byte, 64))
				_, _ = c.Write(connack311)
				<-end
			})
			r := m.start(t, []string{backend.address()}, func(s *snapshot.Snapshot) { s.Timeouts.HalfClosed = 100 * time.Millisecond })
			t.Cleanup(func() { close(end) })
			c := r.open("c1")
			go func() { // ends when the client has reset
				_, _ = io.Copy(c, zeros{})
			}()
			eventually(t, "back-pressure", func() bool { return r.held() > 0 })
			c.reset()
			r.waitOutcome(outcome.ClientReset, 1)
		})
		t.Run("node", func(t *testing.T) {
			broke := make(chan struct{})
			backend := m.startNode(t, func(c net.Conn) {
				_, _ = c.Read(make([]byte, 64))
				_, _ = c.Write(connack311)
				go func() { // ends when the node has reset
					_, _ = io.Copy(c, zeros{})
				}()
				<-broke
				_ = tcp(c).SetLinger(0)
			})
			r := m.start(t, []string{backend.address()}, func(s *snapshot.Snapshot) { s.Timeouts.HalfClosed = 100 * time.Millisecond })
			c := r.open("c1")
			eventually(t, "back-pressure", func() bool { return r.held() > 0 })
			close(broke)
			r.waitOutcome(outcome.ServerReset, 1)
			_ = c.Close()
		})
	})
}

// A read stops short at urgent data.
func TestUrgentByteIsAByteAndStopsNothing(t *testing.T) {
	r := start(t, []string{startNode(t, nil).address()})
	c := r.open("c1")
	r.pauseLoops(100 * time.Millisecond) // so that all of it is there at the first read
	raw, err := c.Conn.(*net.TCPConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	c.send([]byte("abc"))
	err = raw.Control(func(fd uintptr) { err = unix.Sendto(int(fd), []byte("X"), unix.MSG_OOB, nil) })
	if err != nil {
		t.Fatal(err)
	}
	c.send([]byte("def"))
	c.expect([]byte("abcXdef"))
}

func TestNodeThatNeverAnswersHasALimit(t *testing.T) {
	inEachMode(t, func(t *testing.T, m mode) {
		end := make(chan struct{})
		backend := m.startNode(t, func(net.Conn) { <-end })
		r := m.start(t, []string{backend.address()})
		t.Cleanup(func() { close(end) })
		c := r.dial()
		noKeepAlive := bytes.Clone(connect311)
		noKeepAlive[11] = 0
		c.send(noKeepAlive)
		eventually(t, "the CONNECT is sent", func() bool {
			due := reactor.Tick(0)
			r.each(func(s *session) {
				if s.step == stepConfirm {
					due = s.deadline - s.active
				}
			})
			return due > 0 && due <= reactor.Ticks(r.snap.Timeouts.Connack)+1
		})
	})
}

func TestLongIdentifierIsLoggedInPart(t *testing.T) {
	r := start(t, []string{startNode(t, nil).address()})
	c := r.dial()
	id := strings.Repeat("i", 60000)
	c.send([]byte("\x10\xec\xd4\x03\x00\x04MQTT\x04\x02\x00\x3c\xea\x60" + id))
	c.expect(connack311)
	_ = c.Close()
	r.waitOutcome(outcome.ClientClosed, 1)
	r.waitLine("client_id=" + id[:loggedID] + " ")
}

func TestUnixSocketIsRemovedAtTheEndAndNotTakenFromTheLiving(t *testing.T) {
	path := filepath.Join(t.TempDir(), "mqtt.sock")
	at := func(s *snapshot.Snapshot) { s.Listeners[0].Network, s.Listeners[0].Address = "unix", path }
	r := start(t, []string{startNode(t, nil).address()}, at)
	if err := ClearPath(path); err != unix.EADDRINUSE {
		t.Errorf("a second server is told %v", err)
	}
	r.open("c1")
	r.snap.Timeouts.Shutdown = time.Millisecond
	r.stop()
	if _, err := os.Lstat(path); !os.IsNotExist(err) {
		t.Errorf("after the end: %v", err)
	}
}
